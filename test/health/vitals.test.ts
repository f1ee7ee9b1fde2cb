import t from 'tap'
import type { Evidence, LifeAddress } from '../../machines/events.ts'
import { SteppingClock } from '../../src/clock.ts'
import { type Sample, Vitals } from '../../src/health/vitals.ts'

const MIB = 2 ** 20
const lifeOf = (agentId: string): LifeAddress => ({ agentId, incarnation: 1 })

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Trees whose use is set by the test. */
function rig() {
  const clock = new SteppingClock()
  const trees = new Map<string, Partial<Sample>>()
  const asked: { ids: string[]; exact: boolean }[] = []
  const exceeded: [string, Evidence][] = []
  const troubles: string[] = []
  const over = new Set<string>()
  let fault: Error | undefined
  let hold: Promise<void> | undefined
  const vitals = new Vitals({
    clock,
    everyMs: 1000,
    sample: async (lives, { exact }) => {
      asked.push({ ids: lives.map(({ agentId }) => agentId), exact })
      await hold
      if (fault) throw fault
      return lives.flatMap((life) => {
        const tree = trees.get(life.agentId)
        if (tree === undefined) return []
        const { exactBytes, ...rest } = tree
        const plain = { ...life, cpuMs: 0, memoryBytes: 0, processes: 1, ageMs: 10_000, ...rest }
        return [exact && exactBytes !== undefined ? { ...plain, exactBytes } : plain]
      })
    },
    lives: ({ agentId }) => !over.has(agentId),
    exceeded: ({ agentId }, evidence) => exceeded.push([agentId, evidence]),
    trouble: (message) => troubles.push(message),
  })
  const cpu = async (agentId: string) =>
    (await vitals.read([lifeOf(agentId)])).get(`${agentId}.1`)?.cpuPercent
  return {
    clock,
    vitals,
    trees,
    asked,
    exceeded,
    troubles,
    over,
    cpu,
    fail: (error?: Error) => {
      fault = error
    },
    holdUp: (promise?: Promise<void>) => {
      hold = promise
    },
    pass: async (ms: number) => {
      clock.advance(ms)
      await turns()
    },
  }
}

t.test('CPU: of the whole life at first, then of the while since the last reading', async (t) => {
  const { trees, cpu, pass, vitals } = rig()
  trees.set('a', { cpuMs: 5000, ageMs: 10_000 })
  t.equal(await cpu('a'), 50, '5 s in 10 s')
  await pass(1000)
  trees.set('a', { cpuMs: 7000 })
  t.equal(await cpu('a'), 200, 'two cores for a second')
  await pass(100)
  trees.set('a', { cpuMs: 7000 })
  t.equal(await cpu('a'), 181.8, 'too soon: from the one before, 2 s in 1.1 s')
  await pass(400)
  t.equal(await cpu('a'), 0, '500 ms later')
  trees.set('a', { cpuMs: 100 })
  await pass(1000)
  t.equal(await cpu('a'), 0, 'processes that ended take their time along: never less than nothing')
  trees.set('young', { cpuMs: 0, ageMs: 0 })
  t.equal(await cpu('young'), null)
  t.equal(await cpu('gone'), undefined)
  t.same(await vitals.read([]), new Map())
})

t.test('what was read of a life that ended meanwhile is not remembered', async (t) => {
  const { trees, cpu, pass, over, vitals } = rig()
  trees.set('a', { cpuMs: 1000, ageMs: 10_000 })
  await cpu('a')
  vitals.forget(lifeOf('a'))
  over.add('a')
  await cpu('a')
  over.delete('a')
  await pass(1000)
  t.equal(await cpu('a'), 10, 'as for the first time')
})

t.test('memory: looked at only while somebody has a limit; all in one pass', async (t) => {
  const { clock, vitals, asked, pass, trees } = rig()
  await pass(5000)
  t.same(asked, [])
  t.equal(clock.pending, 0)
  for (const id of ['a', 'b', 'c']) {
    trees.set(id, { memoryBytes: 10 * MIB })
    vitals.limit(lifeOf(id), 20 * MIB)
  }
  await pass(1000)
  await pass(1000)
  t.same(asked, [
    { ids: ['a', 'b', 'c'], exact: false },
    { ids: ['a', 'b', 'c'], exact: false },
  ])
  for (const id of ['a', 'b', 'c']) vitals.unlimit(lifeOf(id))
  t.equal(clock.pending, 0)
  await pass(5000)
  t.equal(asked.length, 2)
})

t.test('above the limit: told once, with what was used', async (t) => {
  const { vitals, asked, exceeded, pass, trees } = rig()
  trees.set('big', { memoryBytes: 30 * MIB, processes: 3 })
  trees.set('small', { memoryBytes: 20 * MIB })
  for (const id of ['big', 'small']) vitals.limit(lifeOf(id), 20 * MIB)
  await pass(1000)
  t.same(asked.at(-1), { ids: ['big'], exact: true }, 'the dear look, for the suspect alone')
  t.same(exceeded, [['big', { memoryBytes: 30 * MIB, maxBytes: 20 * MIB, processes: 3 }]])
  await pass(3000)
  t.equal(exceeded.length, 1)
})

t.test('what is shared counts once: the sum alone ends nobody', async (t) => {
  const { vitals, exceeded, pass, trees } = rig()
  trees.set('forks', { memoryBytes: 80 * MIB, exactBytes: 20 * MIB, processes: 4 })
  vitals.limit(lifeOf('forks'), 20 * MIB)
  await pass(5000)
  t.same(exceeded, [])
  trees.set('forks', { memoryBytes: 80 * MIB, exactBytes: 21 * MIB, processes: 4 })
  await pass(1000)
  t.match(exceeded, [['forks', { memoryBytes: 21 * MIB }]])
})

t.test('its end was decided, or it went, while it was looked at: nothing is told', async (t) => {
  const { vitals, exceeded, pass, trees, holdUp } = rig()
  for (const id of ['ended', 'went']) {
    trees.set(id, { memoryBytes: 30 * MIB })
    vitals.limit(lifeOf(id), 20 * MIB)
  }
  let go = (): void => {}
  holdUp(
    new Promise((resolve) => {
      go = resolve
    }),
  )
  await pass(1000)
  vitals.unlimit(lifeOf('ended'))
  trees.delete('went')
  go()
  await pass(0)
  t.same(exceeded, [])
})

t.test('no pass begins while one is under way; trouble is told once, and the next pass comes', async (t) => {
  const { vitals, asked, troubles, exceeded, pass, trees, holdUp, fail } = rig()
  trees.set('a', { memoryBytes: 30 * MIB })
  vitals.limit(lifeOf('a'), 20 * MIB)
  let go = (): void => {}
  holdUp(
    new Promise((resolve) => {
      go = resolve
    }),
  )
  await pass(10_000)
  t.equal(asked.length, 1)
  fail(new Error('no launcher'))
  go()
  await pass(0)
  holdUp()
  await pass(1000)
  await pass(1000)
  t.same(troubles, ['Memory could not be looked at: no launcher'])
  fail()
  await pass(1000)
  t.equal(exceeded.length, 1)
})

t.test('closed: nothing is looked at any more', async (t) => {
  const { clock, vitals, asked, pass } = rig()
  vitals.limit(lifeOf('a'), 1)
  vitals.close()
  await pass(5000)
  t.same(asked, [])
  t.equal(clock.pending, 0)
})

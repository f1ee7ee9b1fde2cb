import t from 'tap'
import { type Entry, memoryRegistry, type RegistrySink } from '../../src/index.ts'
import {
  crew,
  FOREVER,
  host,
  nothingIsLeft,
  refusal,
  said,
  soon,
  temporaryFolder,
  until,
} from '../support.ts'

nothingIsLeft(t)

const collecting = (): RegistrySink & { readonly got: Entry[] } => {
  const got: Entry[] = []
  return { got, append: async (batch) => void got.push(...batch) }
}

t.test(
  'a sink that hangs and one that throws delay neither agents nor each other; nothing is lost',
  async (t) => {
    const good = collecting()
    let failures = 0
    const late = collecting()
    const c = await crew(t, {
      sinks: [
        good,
        { append: () => new Promise(() => {}) },
        {
          append() {
            throw new Error('thrown at once')
          },
        },
        {
          async append(batch) {
            failures += 1
            if (failures <= 3) throw new Error('not yet')
            await late.append(batch)
          },
        },
      ],
    })
    const told: string[] = []
    const heardSince = performance.now()
    c.on('sink-error', ({ sink, message }) => told.push(`${sink}: ${message}`))
    const agents = Array.from({ length: 20 }, () => c.spawn({ command: FOREVER }))
    await soon(Promise.all(agents.map(({ ready }) => ready)), 'all are ready')
    await soon(Promise.all(agents.map((agent) => agent.kill())), 'all are killed')
    const { length } = c.entriesSeen
    await until(() => (good.got.length === length && late.got.length >= length) || null, {
      what: 'the others have all',
    })
    const numbers = good.got.map(({ seq }) => seq)
    t.same(
      numbers,
      numbers.map((_, i) => i + 1),
      'from 1, no gap, in order',
    )
    t.ok(told.includes('sink 2: thrown at once') && told.includes('sink 3: not yet'))
    const began = performance.now()
    const seconds = Math.ceil((began - heardSince) / 1000)
    t.ok(told.length <= 3 * (seconds + 1), 'told at most once a second each')
    t.match(await c.stop({ timeout: '2s' }), { escaped: [], timedOut: true })
    t.ok(performance.now() - began < 20_000)
  },
)

t.test(
  'a registry that rejects, hangs, throws: agents run on, lists answer, what asks it is told',
  async (t) => {
    const memory = memoryRegistry()
    let ill = true
    const c = await crew(t, {
      registry: {
        ...memory,
        append: (batch) => (ill ? Promise.reject(new Error('ENOSPC')) : memory.append(batch)),
        records: (filter) => (ill ? Promise.reject(new Error('locked')) : memory.records(filter)),
        history: (id) => {
          if (ill) throw new Error('thrown')
          return memory.history(id)
        },
      },
    })
    const agent = c.spawn({ command: FOREVER })
    await agent.ready
    t.equal(c.list().length, 1)
    t.match((await refusal(() => c.records(), 'registry_unavailable')).message, /locked/)
    await refusal(() => c.history(agent.id), 'registry_unavailable')
    await soon(agent.stop(), 'stopped')
    await soon(agent.ended, 'ended')
    ill = false
    const states = async () =>
      (await c.history(agent.id)).filter(({ from, to }) => from !== to).map(({ to }) => to)
    t.same(
      await states(),
      ['spawning', 'pre_starting', 'running', 'terminating', 'reaping', 'killed'],
      'with what is queued',
    )
    await until(async () => (await memory.records()).length === 1 || null, { what: 'the registry has it' })
    t.same(await states(), ['spawning', 'pre_starting', 'running', 'terminating', 'reaping', 'killed'])
  },
)

t.test('a registry that cannot be opened: createSupervisor says so, and leaves nothing', async (t) => {
  const h = host(
    t,
    `const bad = { ...reeve.memoryRegistry() }
     for (const open of [() => Promise.reject(new Error('no disk')), () => { throw new Error('no key') }, () => new Promise(() => {})])
       try { await reeve.createSupervisor({ registry: { ...bad, open } }) } catch (error) { say(error.code, error.message) }
     say('end')`,
    { REEVE_HOME: temporaryFolder(t) },
  )
  await said(h, 'end', 12_000)
  t.same((await h.exited).code, 0)
  t.match(h.lines, [
    /^registry_unavailable .*no disk/,
    /^registry_unavailable .*no key/,
    /^registry_unavailable .*5000 ms/,
    'end',
  ])
})

t.test(
  'stop() goes through to its end in a script that nothing else keeps alive, with a sink that fails at first',
  async (t) => {
    const h = host(
      t,
      `let failures = 0, got = 0
     const append = async (batch) => { if (failures++ < 4) throw new Error('not yet'); got += batch.length }
     const supervisor = await reeve.createSupervisor({ sinks: [{ append }] })
     supervisor.on('sink-error', () => {})
     await supervisor.spawn({ command: ['true'] }).ended
     say('stopped', JSON.stringify(await supervisor.stop()), got > 3)`,
      { REEVE_HOME: temporaryFolder(t) },
    )
    t.match(await h.exited, { code: 0 }, h.stderr())
    t.match(h.lines, [/"timedOut":false} true$/])
  },
)

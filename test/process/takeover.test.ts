/** A launcher outlives its supervisor; what a successor in the same home finds. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { LifeAddress, ProcessIdentity } from '../../machines/events.ts'
import type { ReeveError } from '../../src/errors.ts'
import { closeFifo, openFifo } from '../../src/process/fifo.ts'
import { isAlive } from '../../src/process/identity.ts'
import type { KeptLife, KeptState, LaunchOrder } from '../../src/process/launcher.ts'
import { fixture, Rig, temporaryFolder, until, untilDead } from './rig.ts'
import { Supervised } from './supervised.ts'

t.jobs = 4

const SIGTERM = [{ signal: 'SIGTERM', waitMs: 300 }] as const
const ADOPT = { onSupervisorDeath: 'adopt', adoptForMs: 60_000 } as const

interface Scene {
  readonly home: string
  readonly rig: Rig
  first(orders?: readonly LaunchOrder[], id?: string): Supervised
  second(mode?: 'inline' | 'process'): Promise<Rig>
}

/** A given home, with a durable registry in mind. */
function scene(t: Test): Scene {
  const home = join(temporaryFolder(t), 'home')
  mkdirSync(home, { mode: 0o700 })
  const rig = new Rig(home)
  const given = { home, ephemeral: false, keepExits: true }
  return {
    home,
    rig,
    first: (orders = [], launcherId = 'first') => new Supervised(t, { ...given, launcherId }, orders),
    second: (mode = 'process') => rig.serve(t, mode, { keepExits: true, launcherId: 'second' }),
  }
}

const keptOf = (rig: Rig, { agentId }: LifeAddress): KeptLife | undefined =>
  rig.launcher.kept.find(({ terms }) => terms.agentId === agentId)
const stateOf = (rig: Rig, life: LifeAddress): KeptState | undefined => keptOf(rig, life)?.state
const bookOf = (home: string, id: string) => readFileSync(join(home, `launcher-v2-${id}.book`), 'utf8')
const booksIn = (home: string) => readdirSync(home).filter((name) => name.endsWith('.book'))

/** `isTakenOver`: the first launcher still serves, and its files go with it. */
async function endAll(t: Test, rig: Rig, isTakenOver = false): Promise<void> {
  for (const { terms } of rig.launcher.kept) rig.launcher.release(terms)
  rig.launcher.acknowledge(rig.launcher.kept.map(({ terms }) => terms))
  const left = () =>
    readdirSync(rig.home).filter((name) => /^launcher-.*(sock|book)/.test(name) && !name.includes('second'))
  // What was dismissed is settled in its own time, and a launcher that is closed meanwhile leaves it to the next.
  if (!isTakenOver) await until('what was dismissed is settled', () => left().length === 0)
  t.same(await rig.end(), [], 'no process is left')
  t.same(left(), [])
}

t.test('the one taken over keeps its children: stdin, true exits, ladders begun', async (t) => {
  const { home, rig, first, second } = scene(t)
  const fifo = join(home, 'stdin')
  const stays = rig.order([fixture('counts-sigterms.sh'), '7'], { ...ADOPT, rungs: SIGTERM })
  const reads = rig.order([fixture('repeats-stdin.sh')], { ...ADOPT, fifo })
  const ends = rig.order([fixture('counts-sigterms.sh'), '8'], { rungs: SIGTERM })
  const stopped = rig.order([fixture('counts-sigterms.sh'), '9'], {
    ...ADOPT,
    rungs: [{ signal: 'SIGTERM', waitMs: 60_000 }],
  })
  const supervisor = first([stays, reads, ends, stopped])
  const launcher = await supervisor.launcher()
  const [staying, reading, ending] = (await supervisor.agents(stays, reads, ends, stopped)) as [
    ProcessIdentity,
    ...ProcessIdentity[],
  ]
  for (const order of [stays, ends, stopped]) await until('ready', () => rig.log(order).includes('ready'))
  supervisor.tell('signal', stopped, 'SIGTERM')
  await until('its first rung', () => rig.log(stopped).includes('TERM'))
  await supervisor.kill()
  await untilDead(ending as ProcessIdentity)
  await until('its exit is written down', () => bookOf(home, 'first-1').includes('"exited"'))
  t.equal(rig.log(ends), 'ready\nTERM\n', 'an `end` one goes down its ladder, without anybody')
  t.ok(isAlive(staying) && isAlive(reading as ProcessIdentity) && isAlive(launcher))

  await second()
  t.equal(rig.launcher.pid, launcher.pid, 'the same launcher')
  t.equal(rig.launcher.kept.length, 4)
  t.match(keptOf(rig, stays), { isChild: true, state: { kind: 'running', process: staying } })
  t.match(stateOf(rig, stopped), { kind: 'ending', why: 'asked', rungsTaken: 1 })
  t.match(stateOf(rig, ends), {
    kind: 'exited',
    exit: { code: null, signal: 'SIGKILL' },
    why: 'supervisor_gone',
    at: /^\d{4}-/,
  })
  for (const order of [stays, reads, stopped]) rig.launcher.adopt(order)
  rig.launcher.acknowledge([ends])

  t.equal(rig.log(reads), '', 'it read no EOF')
  const pipe = openFifo(fifo)
  writeSync(pipe.held, 'hello\n')
  await until('what it read', () => rig.log(reads).includes('hello'))
  closeFifo(pipe)
  process.kill(staying.pid, 'SIGUSR1')
  t.same((await rig.answer('EXITED', stays)).exit, { code: 7, signal: null }, 'its true exit')
  rig.launcher.signal(stopped, 'SIGKILL')
  t.same((await rig.answer('EXITED', stopped)).exit, { code: null, signal: 'SIGKILL' })
  t.equal(rig.log(stopped), 'ready\nTERM\n', 'no rung was taken twice')
  await endAll(t, rig, true)
})

t.test(
  'ends that nobody saw are kept until they are acknowledged, also after the launcher has left',
  async (t) => {
    const { home, rig, first, second } = scene(t)
    const told = rig.order([fixture('exits-with.sh'), '3'])
    const later = rig.order([fixture('counts-sigterms.sh'), '4'], ADOPT)
    const never = rig.order(['/does/not/exist'], ADOPT)
    const supervisor = first([told, later, never])
    const launcher = await supervisor.launcher()
    const [agent] = (await supervisor.agents(later)) as [ProcessIdentity]
    await until('two ends', () => supervisor.of(never).length === 1 && supervisor.of(told).length === 2)
    await until('ready', () => rig.log(later).includes('ready'))
    supervisor.tell('release', told)
    supervisor.tell('release', never)
    supervisor.tell('signal', { agentId: 'none', incarnation: 1 }, 'SIGCONT')
    await until('all that was taken', () => supervisor.of({ agentId: 'none', incarnation: 1 }).length === 1)
    await supervisor.kill()
    process.kill(agent.pid, 'SIGUSR1')
    await untilDead(launcher)
    t.same(booksIn(home), ['launcher-v2-first-1.book'], 'with nothing to keep it leaves; its book stays')

    const kept = async (rig: Rig) => {
      t.equal(rig.launcher.kept.length, 3)
      t.match(stateOf(rig, told), { kind: 'exited', exit: { code: 3, signal: null }, why: null })
      t.match(stateOf(rig, later), { kind: 'exited', exit: { code: 4 }, at: /Z$/, swept: { escaped: [] } })
      t.match(stateOf(rig, never), { kind: 'failed', error: { errno: 'ENOENT' }, at: /Z$/ })
    }
    const between = first([], 'between')
    const its = await between.launcher()
    await between.kill()
    await untilDead(its)
    await kept(await second())
    rig.launcher.acknowledge([told, later, never])
    await rig.launcher.close(5000)
    t.same(booksIn(home), [], 'nothing is left to tell')
    t.same((await scene(t).second()).launcher.kept, [])
  },
)

t.test('one that nobody comes for is ended when adoptFor is over', async (t) => {
  const { rig, first, second } = scene(t)
  const order = rig.order([fixture('runs-forever.sh')], { ...ADOPT, adoptForMs: 300, rungs: SIGTERM })
  const supervisor = first([order])
  const launcher = await supervisor.launcher()
  await supervisor.agents(order)
  await supervisor.kill()
  await untilDead(launcher)
  t.match(stateOf(await second(), order), { kind: 'exited', why: 'not_adopted' })
  rig.launcher.acknowledge([order])
  await endAll(t, rig)
})

for (const mode of ['process', 'inline'] as const)
  t.test(`supervisor and launcher are killed together: by identity (${mode})`, async (t) => {
    const { rig, first, second } = scene(t)
    const stays = rig.order([fixture('runs-forever.sh')], { ...ADOPT, rungs: SIGTERM })
    const unwanted = rig.order([fixture('ignores-sigterm.sh')], { rungs: SIGTERM })
    const gone = rig.order([fixture('runs-forever.sh')], ADOPT)
    const supervisor = first([stays, unwanted, gone])
    const [staying, unwantedOne, going] = await supervisor.agents(stays, unwanted, gone)
    await supervisor.killWithLauncher()
    process.kill((going as ProcessIdentity).pid, 'SIGKILL')
    await untilDead(going as ProcessIdentity)

    await second(mode)
    t.equal(rig.launcher.kept.length, 3)
    t.match(keptOf(rig, stays), { isChild: false, state: { kind: 'running', process: staying } })
    t.match(stateOf(rig, gone), { kind: 'exited', exit: { code: null, signal: null }, at: null, why: null })
    rig.launcher.dismiss(unwanted)
    rig.launcher.acknowledge([gone])
    t.same(rig.of(stays), [], 'nothing is told before it is adopted')
    process.kill((staying as ProcessIdentity).pid, 'SIGKILL')
    await until('its exit is known', () => !isAlive(staying as ProcessIdentity))
    rig.launcher.adopt(stays)
    t.same((await rig.answer('EXITED', stays)).exit, { code: null, signal: null })
    await untilDead(unwantedOne as ProcessIdentity)
    t.same(rig.of(unwanted), [], 'of one that is dismissed nothing is told')
    await endAll(t, rig)
  })

t.test('both are killed amidst launches, again and again: no process is unknown', async (t) => {
  const { rig, first, second } = scene(t)
  const orders: LaunchOrder[] = []
  for (let round = 0; round < 4; round++) {
    const batch = Array.from({ length: 10 }, () => rig.order([fixture('runs-forever.sh')], ADOPT))
    orders.push(...batch)
    const supervisor = first(batch, `round${round}`)
    await until('some', () => supervisor.said.filter(({ type }) => type === 'SPAWNED').length > round * 2)
    await supervisor.killWithLauncher()
  }
  await second()
  for (const { terms, state } of rig.launcher.kept) {
    t.ok(['running', 'launching', 'failed'].includes(state.kind), state.kind)
    rig.launcher.dismiss(terms)
  }
  t.ok(rig.launcher.kept.filter(({ state }) => state.kind === 'running').length >= 12)
  await endAll(t, rig)
})

t.test('they exit while they are taken over: every exit is known, once, and true', async (t) => {
  const { rig, first, second } = scene(t)
  const orders = Array.from({ length: 12 }, (_, code) =>
    rig.order([fixture('counts-sigterms.sh'), String(code + 20)], ADOPT),
  )
  const supervisor = first(orders)
  const agents = await supervisor.agents(...orders)
  for (const order of orders) await until('ready', () => rig.log(order).includes('ready'))
  const ended = agents.map(async ({ pid }, i) => {
    await new Promise((done) => setTimeout(done, i * 12))
    process.kill(pid, 'SIGUSR1')
  })
  await supervisor.kill()
  await second()
  for (const { terms } of rig.launcher.kept) rig.launcher.adopt(terms)
  await Promise.all(ended)
  for (const [i, order] of orders.entries()) {
    const state = stateOf(rig, order)
    const exit = state?.kind === 'exited' ? state.exit : (await rig.answer('EXITED', order)).exit
    t.same(exit, { code: i + 20, signal: null })
    const told = rig.of(order).filter(({ type }) => type === 'EXITED').length
    t.equal(told, state?.kind === 'exited' ? 0 : 1)
  }
  await endAll(t, rig, true)
})

t.test('only one supervisor at a time, though the first hangs', async (t) => {
  const { rig, first, second } = scene(t)
  const order = rig.order([fixture('runs-forever.sh')], ADOPT)
  const supervisor = first([order])
  const [agent] = (await supervisor.agents(order)) as [ProcessIdentity]
  supervisor.child.kill('SIGSTOP')
  const error = await second().then(
    () => t.fail('it was let in'),
    (error: ReeveError) => error,
  )
  t.match(error, { code: 'launcher_failed', message: new RegExp(`pid ${supervisor.child.pid}`) })
  supervisor.child.kill('SIGCONT')
  supervisor.tell('signal', order, 'SIGKILL')
  await until('it goes on', () => supervisor.of(order).some(({ type }) => type === 'EXITED'))
  t.notOk(isAlive(agent))
  await supervisor.kill()
})

t.test('a launcher that is stopped is replaced, by its supervisor and by a successor', async (t) => {
  const { home, rig, first, second } = scene(t)
  const order = rig.order([fixture('counts-sigterms.sh'), '0'], ADOPT)
  const supervisor = first([order])
  const hung = await supervisor.launcher()
  const [agent] = (await supervisor.agents(order)) as [ProcessIdentity]
  process.kill(hung.pid, 'SIGSTOP')
  await untilDead(hung, 15_000)
  const next = () => supervisor.said.some(({ type }, i) => type === 'warning' && i > 0)
  await until('a warning', next)
  await until('another launcher', () => booksIn(home).includes('launcher-v2-first-2.book'))
  await until('the old book is gone', () => booksIn(home).length === 1)
  t.ok(isAlive(agent), 'its agent lives on')
  supervisor.tell('usage', [order])
  await supervisor.kill()
  const { pid } = JSON.parse(bookOf(home, 'first-2').split('\n', 1)[0] ?? '').process
  process.kill(pid, 'SIGSTOP')
  await second()
  t.not(rig.launcher.pid, pid)
  t.match(keptOf(rig, order), { isChild: false, state: { kind: 'running', process: agent } })
  t.ok(rig.warnings.some((text) => /does not answer/.test(text)))
  rig.launcher.adopt(order)
  rig.launcher.signal(order, 'SIGKILL')
  await rig.answer('EXITED', order)
  await endAll(t, rig)
})

t.test('of an end that stands in several books, what each knows counts', async (t) => {
  const { home, rig, first, second } = scene(t)
  const order = rig.order([fixture('runs-forever.sh')], { ...ADOPT, adoptForMs: 100, rungs: SIGTERM })
  const supervisor = first([order])
  const launcher = await supervisor.launcher()
  await supervisor.agents(order)
  await supervisor.kill()
  await untilDead(launcher)
  // Others saw no more than that it was gone: one whose book is read before, one whose is read after.
  const isKnownToAll = (line: string) => !/"type":"(ending|swept)"/.test(line)
  const exit = '"exit":{"code":null,"signal":null},"at":null'
  const seen = bookOf(home, 'first-1').split('\n').filter(isKnownToAll).join('\n')
  const gone = seen.replace(/"exit":\{[^}]*\},"at":"[^"]*"/, exit)
  t.match(gone, exit)
  for (const id of ['a-1', 'z-1']) writeFileSync(join(home, `launcher-v2-${id}.book`), gone)
  t.match(stateOf(await second(), order), {
    kind: 'exited',
    exit: { code: null, signal: 'SIGTERM' },
    at: /Z$/,
    why: 'not_adopted',
    swept: { escaped: [] },
  })
  rig.launcher.acknowledge([order])
  await endAll(t, rig)
})

t.test('what is damaged in a book is passed over, and said', async (t) => {
  const { home, rig, first, second } = scene(t)
  const order = rig.order([fixture('runs-forever.sh')], ADOPT)
  const supervisor = first([order])
  const [agent] = (await supervisor.agents(order)) as [ProcessIdentity]
  await supervisor.killWithLauncher()
  const life = { agentId: order.agentId, incarnation: 1 }
  writeFileSync(
    join(home, 'launcher-v2-first-1.book'),
    `garbage\n{"type":"later","life":{}}\n{"type":"spawned","life":${JSON.stringify(life)},"process":{"pid":1}}\n{"type":"exited","life":`,
    { flag: 'a' },
  )
  await second()
  t.match(stateOf(rig, order), { kind: 'running', process: agent })
  t.ok(
    rig.warnings.some((text) => /2 lines are damaged/.test(text)),
    rig.warnings.join(),
  )
  rig.launcher.dismiss(order)
  await untilDead(agent)
  await endAll(t, rig)
  t.notOk(existsSync(join(home, 'launcher-v2-first-1.book')))
})

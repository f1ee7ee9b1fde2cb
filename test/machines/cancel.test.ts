/** Cancellations on the stepping clock: at any moment of any life, in any company, nothing begins afterwards. */
import t from 'tap'
import { createActor } from 'xstate'
import { agentMachine } from '../../machines/agent.ts'
import type { LifeInput } from '../../machines/context.ts'
import { effectActions } from '../../machines/effects.ts'
import type { Entry, EntryDraft, Reason } from '../../machines/events.ts'
import { NO_HISTORY } from '../../machines/restart.ts'
import { resume } from '../../machines/resumption.ts'
import { trailOf } from '../../machines/trail.ts'
import { SteppingClock } from '../../src/clock.ts'
import { childSpec, POLICY, World } from './world.ts'

const cancelled: Reason = { kind: 'cancelled', by: 'test' }
const LIMIT_MS = 120_000
const RUNS = 120
/** So many more, until each state has been cancelled in: some are rare. */
const MOST_RUNS = 20 * RUNS
const WANTED = [
  ...['spawning', 'pre_starting', 'running', 'stalling', 'terminating', 'restarting'].map(
    (from) => `${from} → killed`,
  ),
  'reaping → crashed',
]

t.test(
  'cancelled at any moment, whatever else is asked: its end is told once, and no life follows',
  async (t) => {
    const first = Number(process.env.REEVE_SEED ?? Date.now() % 1e9)
    t.comment(`REEVE_SEED=${first}`)
    const seen = new Set<string>()
    const isEnough = (runs: number) =>
      runs >= MOST_RUNS || (runs >= RUNS && WANTED.every((each) => seen.has(each)))
    for (let seed = first; !isEnough(seed - first); seed += 1) {
      const world = new World({ seed })
      const upTo = (ms: number) => world.random() * ms
      world.send({
        type: 'SPAWN',
        child: childSpec('a', { life: { ...POLICY, readyAtSpawn: seed % 2 === 0 } }),
      })
      world.clock.advance(upTo(60))
      for (let step = 0; step < 6; step += 1) {
        world.clock.advance(upTo(400))
        const [life] = world.alive('a')
        if (life && world.random() < 0.5) world.crash(life, world.random() < 0.3 ? 0 : 1)
        else if (life && world.random() < 0.3)
          world.send({ type: 'STALLED', agentId: 'a', incarnation: life.incarnation, evidence: {} })
        else if (world.random() < 0.1) world.send({ type: 'RESTART', agentId: 'a', reason: cancelled })
      }
      if (world.told.some(({ ended }) => ended)) continue
      const from = world.statesOf('a').at(-1) ?? 'none'
      const lives = world.lives.size
      const cancelMs = upTo(5_000)
      world.send({ type: 'STOP', agentId: 'a', reason: cancelled, cancelMs })
      if (world.random() < 0.3) {
        world.clock.advance(upTo(300))
        const reason: Reason = { kind: world.random() < 0.5 ? 'user' : 'stall', by: 'another' }
        world.send({ type: world.random() < 0.5 ? 'STOP' : 'KILL', agentId: 'a', reason })
      }
      world.clock.advance(LIMIT_MS)
      const ends = world.told.filter(({ ended }) => ended)
      const end = ends[0]?.entry
      seen.add(`${from} → ${end?.to}`)
      const why = `seed ${seed}: from ${from}`
      if (ends.length !== 1 || world.lives.size !== lives)
        t.fail(`${why}: ${ends.length} ends, a further life?`)
      // One that had completed by itself before has done so.
      if (end?.to !== 'completed') t.match(end, { reason: { kind: 'cancelled' } }, why)
      else if (from !== 'reaping') t.fail(`${why}: completed, though it was asked to end before it exited`)
      if (end?.to === 'crashed' && from !== 'reaping') t.fail(`${why}: crashed, though it was asked to end`)
      t.same(world.broken, [], why)
    }
    for (const each of WANTED) t.ok(seen.has(each), `${each} was one of them`)
  },
)

t.test('only when its time is over is the tree signalled', async (t) => {
  const world = new World({ seed: 3 })
  // Five are asked, of whom some end by themselves.
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const name of names) world.send({ type: 'SPAWN', child: childSpec(name) })
  world.clock.advance(100)
  const running = names.filter((name) => world.statesOf(name).at(-1) === 'running')
  for (const agentId of running) world.send({ type: 'STOP', agentId, reason: cancelled, cancelMs: 10_000 })
  world.clock.advance(9_990)
  t.notOk(world.signals.some((stamp) => stamp.includes('SIGTERM')))
  const byThemselves = running.filter((name) => world.statesOf(name).at(-1) === 'killed')
  t.ok(byThemselves.length > 0 && byThemselves.length < running.length, byThemselves.join())
  world.clock.advance(20)
  const rest = running.filter((name) => !byThemselves.includes(name))
  t.same(
    world.signals.filter((stamp) => stamp.includes('SIGTERM')),
    rest.map((name) => `${name}.1 SIGTERM`),
  )
  world.clock.advance(LIMIT_MS)
  for (const name of running)
    t.match(world.told.find(({ entry, ended }) => ended && entry.agentId === name)?.entry, {
      to: 'killed',
      reason: cancelled,
    })
})

/** What a successor reads of an agent: the log of this world, up to now. */
const logOf = (world: World, agentId: string): Entry[] =>
  world.told
    .filter(({ entry }) => entry.agentId === agentId)
    .map(({ entry: { process, ...entry }, atMs }, i) => ({
      ...entry,
      ...process,
      seq: i + 1,
      at: new Date(atMs).toISOString(),
      supervisorId: 's',
      host: 'h',
    }))

t.test(
  'a successor goes on with a cancellation where it stood: no rung of its own is left out',
  async (t) => {
    const child = childSpec('a')
    const world = new World({ seed: 3, stubborn: true })
    world.send({ type: 'SPAWN', child })
    world.clock.advance(100)
    world.send({ type: 'STOP', agentId: 'a', reason: cancelled, cancelMs: 10_000 })
    world.clock.advance(4_000)
    const trail = trailOf(logOf(world, 'a'), child.restart)
    const process = trail?.process
    if (!trail || !process) throw new Error('no process')
    t.match(trail, { state: 'terminating', reason: cancelled, rungsTaken: 1, withinMs: 10_000 })
    const left = { kind: 'alive', process, endedBy: 'asked', rungsTaken: 0 } as const
    const { life, intent } = resume(trail, left, true)
    t.equal(intent, 'end')
    const clock = new SteppingClock()
    const entries: EntryDraft[] = []
    const rungs: string[] = []
    const actor = createActor(
      agentMachine.provide({
        actions: effectActions(
          {
            launch: () => t.fail('launched again'),
            withdrawLaunch: () => {},
            takeRung: (_life, rung) => rungs.push(JSON.stringify(rung)),
            killTree: () => rungs.push('SIGKILL'),
            sweepTree: () => {},
            cleanUp: () => {},
          },
          (cause) => t.fail(String(cause)),
        ),
      }),
      {
        clock,
        input: {
          ...{ agentId: 'a', incarnation: 1, name: 'a', from: 'terminating', policy: POLICY },
          now: () => clock.now(),
          adopt: life && { ...life, runningSinceMs: 0, rungLeftMs: 6_000 },
        },
      } as { clock: SteppingClock; input: LifeInput },
    )
    actor.on('entry', ({ entry }) => entries.push(entry))
    actor.start()
    clock.advance(5_900)
    t.same(rungs, [], 'it still has its time, and is not asked again')
    clock.advance(200)
    t.same(rungs, ['{"signal":"SIGTERM","waitMs":1000}'])
    actor.send({ type: 'EXITED', agentId: 'a', incarnation: 1, exit: { code: null, signal: 'SIGTERM' } })
    actor.send({ type: 'SWEPT', agentId: 'a', incarnation: 1, swept: [], escaped: [] })
    t.match(actor.getSnapshot().output, { end: 'killed', reason: cancelled })
  },
)

t.test(
  'what was asked of one that was ending already is in its log: a successor brings it back no more',
  async (t) => {
    const child = childSpec('a')
    for (const [from, ask] of [
      [
        'terminating',
        (world: World) =>
          world.send({ type: 'STOP', agentId: 'a', reason: { kind: 'stall', by: 'killStalled' } }),
      ],
      ['reaping', (world: World) => world.crash({ agentId: 'a', incarnation: 1 })],
    ] as const) {
      const world = new World({ seed: 3, stubborn: true })
      world.send({ type: 'SPAWN', child })
      world.clock.advance(100)
      ask(world)
      t.equal(world.statesOf('a').at(-1), from)
      const before = trailOf(logOf(world, 'a'), child.restart)
      world.send({ type: 'STOP', agentId: 'a', reason: cancelled, cancelMs: 1_000 })
      const trail = trailOf(logOf(world, 'a'), child.restart)
      const process = trail?.process
      if (!before || !trail || !process) throw new Error('no process')
      const left =
        from === 'reaping'
          ? ({
              kind: 'gone',
              process,
              exit: { code: 1, signal: null },
              at: trail.lastAt,
              endedBy: null,
            } as const)
          : ({ kind: 'alive', process, endedBy: null, rungsTaken: 1 } as const)
      t.equal(resume(before, left, true).intent, 'by_policy')
      const resumed = resume(trail, left, true)
      t.equal(resumed.intent, 'end', from)
      const successor = new World({ seed: 4, stubborn: true })
      successor.send({
        type: 'ADOPT',
        heir: {
          child: childSpec('a', { from, incarnation: 1 }),
          life: resumed.life && { ...resumed.life, runningSinceMs: 0 },
          backoffLeftMs: 0,
          told: resumed.told,
          intent: resumed.intent,
          history: NO_HISTORY,
        },
      })
      if (from === 'terminating')
        successor.send({
          type: 'EXITED',
          agentId: 'a',
          incarnation: 1,
          exit: { code: null, signal: 'SIGKILL' },
        })
      successor.clock.advance(LIMIT_MS)
      const end = successor.told.find(({ ended }) => ended)?.entry
      t.match(end, { to: from === 'reaping' ? 'crashed' : 'killed', reason: cancelled }, from)
    }
  },
)

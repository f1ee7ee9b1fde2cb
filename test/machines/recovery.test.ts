/** What an agent's log tells a successor of its supervisor, and what it does then. */
import t from 'tap'
import type { Entry } from '../../machines/events.ts'
import type { RestartPolicy } from '../../machines/restart.ts'
import { afterEnd, type Left, resume } from '../../machines/resumption.ts'
import { type Trail, trailOf } from '../../machines/trail.ts'
import { childSpec, World } from './world.ts'

const policy: RestartPolicy = {
  type: 'permanent',
  backoff: { initialMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0, resetAfterMs: 60_000 },
  intensity: { restarts: 2, withinMs: 60_000 },
  noRetry: [],
}
const identity = { pid: 7, startTime: 70, bootId: 'boot' }
const process = { bootId: 'boot', pid: 7, startTime: 70 }
const user = { kind: 'user', by: 'someone' } as const

let second = 0
const entry = (
  from: Entry['from'],
  to: Entry['to'],
  event: Entry['event'],
  more: Partial<Entry> = {},
): Entry => {
  second += 1
  const at = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()
  const life = { agentId: 'a', name: 'agent', incarnation: 1 }
  return { seq: second, at, supervisorId: 's', host: 'h', ...life, from, to, event, ...more }
}
const begun = (incarnation = 1, from: Entry['from'] = null): Entry[] => [
  entry(from, 'spawning', 'spawn', { incarnation }),
  entry('spawning', 'pre_starting', 'spawned', { incarnation, ...identity, evidence: { logOffset: 40 } }),
  entry('pre_starting', 'running', 'ready', { incarnation, ...identity }),
]
/** All that was told, as a registry keeps it. */
const logOf = (world: World): Entry[] =>
  world.told.map(({ entry: draft, atMs }) => ({
    ...entry(draft.from, draft.to, draft.event),
    ...draft,
    at: new Date(atMs).toISOString(),
  }))
const told = (...entries: Entry[]): Trail => {
  const trail = trailOf(entries, policy)
  if (!trail) throw new Error('no trail')
  return trail
}
const alive: Left = { kind: 'alive', process, endedBy: null, rungsTaken: 0 }
const gone: Left = {
  kind: 'gone',
  process,
  exit: { code: 3, signal: null },
  at: '2026-01-01T01:00:00.000Z',
  endedBy: null,
}
const lost: Left = { kind: 'failed', error: { code: 'spawn_failed', message: 'no' }, at: '' }
const wordsOf = (trail: Trail, left: Left, adopt = true): string[] =>
  resume(trail, left, adopt).tidings.map((tiding) =>
    'reason' in tiding ? `${tiding.type} ${tiding.reason.kind}` : tiding.type,
  )

t.test(
  'the trail: where it stands, how far its reports were read, and what its policy remembers',
  async (t) => {
    t.equal(trailOf([], policy), null)
    const [spawned, there, ready] = begun()
    const asks = (state: 'running' | 'pre_starting', extendedUntil: string) =>
      entry(state, state, 'extend', { evidence: { extendMs: 1, extendedUntil } })
    const early = [spawned, there, asks('pre_starting', '2026-01-01T02:00:00.000Z')] as Entry[]
    t.equal(told(...early).extendedUntil, '2026-01-01T02:00:00.000Z')
    t.equal(told(...early, ready as Entry).extendedUntil, null, 'ready, it has had what it asked for')
    const later = ['2026-01-01T03:00:00.000Z', '2026-01-01T02:30:00.000Z'].map((at) => asks('running', at))
    t.equal(told(...early, ready as Entry, ...later).extendedUntil, '2026-01-01T03:00:00.000Z')
    const working = told(
      ...begun(),
      entry('running', 'running', 'usage', { reportOffset: 90 }),
      entry('running', 'running', 'activity', { activity: { kind: 'idle' }, reportOffset: 120 }),
      entry('running', 'running', 'budget_warning'),
      entry('running', 'running', 'budget_warning', { evidence: { budget: 'usd', used: 8, allowed: 10 } }),
    )
    t.match(working, {
      state: 'running',
      process,
      logOffset: 40,
      reportOffset: 120,
      wasReady: true,
      warned: true,
      warnedOf: ['usd'],
    })
    t.same(working.activity, { kind: 'idle' })
    const failing = told(
      ...begun(),
      entry('running', 'reaping', 'exit', { exit: { code: 1, signal: null } }),
      entry('reaping', 'crashed', 'end'),
      entry('crashed', 'restarting', 'backoff', { evidence: { delayMs: 1000 } }),
      ...begun(2, 'restarting'),
    )
    t.match(failing, { incarnation: 2, exit: null, reportOffset: 0, streak: 1, restartsAt: { length: 1 } })
    t.same(failing.warnedOf, [])
    const anew = told(
      ...begun(),
      entry('running', 'running', 'budget_warning', { evidence: { budget: 'usd', used: 8, allowed: 10 } }),
      entry('running', 'reaping', 'exit'),
      entry('reaping', 'completed', 'end'),
      ...begun(2, 'completed'),
    )
    t.equal(anew.lifetimeFrom, anew.restartsAt[0] ?? anew.lifetimeFrom)
    t.not(
      anew.lifetimeFrom,
      told(...begun()).lifetimeFrom,
      'who ended and is started again has another lifetime',
    )
    t.same(anew.warnedOf, ['usd'], 'and the same budget')
  },
)

t.test('what lives goes on where it stood, or is ended, as its spec says', async (t) => {
  const running = told(...begun())
  t.match(resume(running, alive, true), { told: true, intent: 'by_policy', tidings: [], life: { process } })
  t.same(wordsOf(running, alive, false), ['STOP shutdown'])
  t.match(resume(running, alive, false), { told: false, intent: 'end' })
  t.same(wordsOf(running, { ...alive, endedBy: 'not_adopted', rungsTaken: 1 }), ['STOP shutdown'])
  const stopping = told(
    ...begun(),
    entry('running', 'terminating', 'stop', { reason: user }),
    entry('terminating', 'terminating', 'rung', { evidence: { signal: 'SIGTERM', waitMs: 500 } }),
  )
  t.match(resume(stopping, { ...alive, endedBy: 'asked', rungsTaken: 2 }, true), {
    tidings: [],
    intent: 'end',
    life: { rungsTaken: 2, reason: user, forced: false },
  })
  const again = told(
    ...begun(),
    entry('running', 'terminating', 'stop', { reason: user, evidence: { again: true } }),
  )
  t.equal(resume(again, alive, true).intent, 'again', 'a restart that was asked for is not forgotten')
})

t.test('what is gone ends with what is known; what never came has failed', async (t) => {
  const running = told(...begun())
  t.same(wordsOf(running, gone), ['EXITED'])
  t.same(wordsOf(running, { ...gone, endedBy: 'supervisor_gone' }, false), ['STOP shutdown', 'EXITED'])
  t.same(wordsOf(running, lost), ['EXITED'], 'it had a process: that is gone')
  const spawning = told(entry(null, 'spawning', 'spawn'))
  t.same(wordsOf(spawning, lost), ['SPAWN_FAILED'])
  t.same(wordsOf(spawning, { kind: 'launching' }), [])
  t.same(wordsOf(spawning, { kind: 'launching' }, false), ['STOP shutdown'])
  t.same(wordsOf(spawning, alive), ['SPAWNED'], 'the log did not hear of its process any more')
  t.same(wordsOf(spawning, gone), ['SPAWNED', 'EXITED'])
  const reaping = told(...begun(), entry('running', 'reaping', 'exit', { exit: { code: 1, signal: null } }))
  t.same(wordsOf(reaping, gone), [], 'its exit is in the log')
  t.match(resume(reaping, gone, true).life, { exit: { code: 1, signal: null } })
})

t.test('an end of which nobody said what follows: its policy decides, what was asked stands', async (t) => {
  const at = { nowMs: Date.UTC(2026, 0, 1, 1), dice: 0, msOf: (date: string) => Date.parse(date) }
  const crash = [
    entry('running', 'reaping', 'exit', { exit: { code: 1, signal: null } }),
    entry('reaping', 'crashed', 'end'),
  ]
  t.match(afterEnd(told(...begun(), ...crash), policy, at), { restart: true, delayMs: 1000, attempt: 1 })
  t.match(afterEnd(told(...begun(), ...crash), { ...policy, type: 'temporary' }, at), { restart: false })
  const explained = entry('reaping', 'crashed', 'end', {
    evidence: { notRestarted: 'its end was asked for meanwhile' },
  })
  t.match(afterEnd(told(...begun(), ...crash.slice(0, 1), explained), policy, at), { restart: false })
  const killed = [
    entry('running', 'terminating', 'stop', { reason: user, evidence: { again: true } }),
    entry('terminating', 'reaping', 'exit'),
    entry('reaping', 'killed', 'end', { reason: user, evidence: { again: true } }),
  ]
  t.match(afterEnd(told(...begun(), ...killed), policy, at), { restart: true, delayMs: 0 })
  const stopped = [
    ...killed.slice(0, 1),
    entry('terminating', 'terminating', 'stop', { reason: user }),
    entry('terminating', 'reaping', 'exit'),
    entry('reaping', 'killed', 'end', { reason: user }),
  ]
  t.match(afterEnd(told(...begun(), ...stopped), policy, at), { restart: false }, 'stopped after all')
})

t.test(
  'one that ended while it waited for its lane waits no more, and no policy brings it back',
  async (t) => {
    const queued = entry(null, 'spawning', 'queued')
    t.match(told(queued), { waiting: true })
    const at = { nowMs: 0, dice: 0, msOf: Date.parse }
    const error = { code: 'group_over', message: 'its group was over' } as const
    for (const end of [
      entry('spawning', 'killed', 'stop', { reason: user }),
      entry('spawning', 'crashed', 'spawn_failed', { error }),
    ]) {
      const trail = told(queued, end)
      t.match(trail, { waiting: false, state: end.to })
      t.match(afterEnd(trail, policy, at), { restart: false })
      // Started anew, it may wait anew.
      t.match(told(queued, end, { ...entry(end.to, 'spawning', 'queued'), incarnation: 2 }), {
        waiting: true,
        over: false,
      })
    }
  },
)

t.test(
  'stopped by its user while it was cleaned up after a stall, it stays so under a successor',
  async (t) => {
    const world = new World({ launchable: true, stubborn: false })
    const life = { agentId: 'a', incarnation: 1 }
    world.send({ type: 'SPAWN', child: childSpec('a', { restart: policy }) })
    world.clock.advance(100)
    world.send({ type: 'STALLED', ...life, evidence: { silentMs: 1 } })
    world.clock.advance(500)
    world.crash(life, 0)
    t.equal(world.statesOf('a').at(-1), 'reaping')
    world.send({ type: 'STOP', agentId: 'a', reason: user })
    world.clock.advance(1_000)
    const log = logOf(world)
    t.match(log.at(-1), {
      to: 'killed',
      reason: { kind: 'stall' },
      evidence: { notRestarted: 'its end was asked for meanwhile' },
    })
    const at = { nowMs: world.clock.now(), dice: 0, msOf: (date: string) => Date.parse(date) }
    t.match(afterEnd(told(...log), policy, at), { restart: false })
  },
)

for (const type of ['permanent', 'temporary'] as const)
  t.test(`a restart that cannot be is not done by a successor either (${type})`, async (t) => {
    const world = new World({ launchable: true })
    const life = { agentId: 'a', incarnation: 1 }
    world.send({ type: 'SPAWN', child: childSpec('a', { restart: { ...policy, type } }) })
    world.clock.advance(100)
    world.send({ type: 'RESTART', agentId: 'a', reason: user })
    world.crash(life)
    world.send({ type: 'SWEPT', ...life, swept: [], escaped: [9] })
    const log = logOf(world)
    t.match(log.at(-1), { escaped: [9] })
    const at = { nowMs: world.clock.now(), dice: 0, msOf: (date: string) => Date.parse(date) }
    t.match(afterEnd(told(...log), { ...policy, type }, at), { restart: false })
  })

t.test(
  'a restart that cannot be, for what may be left of its tree, is no end that was asked for',
  async (t) => {
    const world = new World({ launchable: true })
    const life = { agentId: 'a', incarnation: 1 }
    world.send({ type: 'SPAWN', child: childSpec('a', { restart: policy }) })
    world.clock.advance(100)
    world.crash(life)
    world.send({ type: 'RESTART', agentId: 'a', reason: user })
    world.send({ type: 'SWEPT', ...life, swept: [], escaped: [9] })
    t.match(world.told.at(-1), {
      ended: true,
      entry: {
        to: 'crashed',
        escaped: [9],
        evidence: { notRestarted: 'something of its tree is, or may be, still alive' },
      },
    })
  },
)

import t from 'tap'
import type { Reason } from '../../machines/events.ts'
import {
  backoffMs,
  decideRestart,
  intensityUnreachable,
  type LifeEnd,
  NO_HISTORY,
  type RestartHistory,
  type RestartPolicy,
} from '../../machines/restart.ts'
import { dice } from './world.ts'

const policy: RestartPolicy = {
  type: 'transient',
  backoff: { initialMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0, resetAfterMs: 60_000 },
  intensity: { restarts: 5, withinMs: 60_000 },
  noRetry: [64],
}
const crashed: LifeEnd = {
  end: 'crashed',
  exit: { code: 1, signal: null },
  reason: null,
  error: null,
  escaped: [],
  unverified: false,
  ranMs: 10,
}
const because = (kind: Reason['kind']): LifeEnd => ({
  ...crashed,
  end: 'killed',
  reason: { kind, by: 'test' },
})
const decide = (
  end: LifeEnd,
  given: Partial<RestartPolicy> = {},
  history = NO_HISTORY,
  nowMs = 0,
  dice = 0.5,
) => decideRestart({ ...policy, ...given }, end, history, nowMs, dice)

t.test("OTP's restart types: which ends come back", async (t) => {
  const completed: LifeEnd = { ...crashed, end: 'completed', exit: { code: 0, signal: null } }
  const table = [
    ['permanent', completed, true],
    ['permanent', crashed, true],
    ['transient', completed, false],
    ['transient', crashed, true],
    ['temporary', completed, false],
    ['temporary', crashed, false],
  ] as const
  for (const [type, end, restart] of table)
    t.equal(decide(end, { type }).restart, restart, `${type} ${end.end}`)
})

t.test('what Reeve asked for on its own counts as a crash; intent is final', async (t) => {
  for (const kind of ['stall', 'ready_timeout', 'liveness', 'memory'] as const)
    t.equal(decide(because(kind), { type: 'permanent' }).restart, true, kind)
  for (const kind of ['user', 'cancelled', 'ttl', 'budget', 'lane', 'shutdown'] as const)
    t.match(decide(because(kind), { type: 'permanent' }), { restart: false, why: 'asked' }, kind)
  t.equal(decide(because('stall'), { type: 'temporary' }).restart, false, 'not for temporary')
})

t.test('what no retry mends is never retried; what passes is', async (t) => {
  const failed = (errno: string): LifeEnd => ({
    ...crashed,
    exit: null,
    error: { code: 'spawn_failed', message: 'no', errno },
  })
  for (const errno of ['ENOENT', 'EACCES', 'ENOTDIR', 'E2BIG'])
    t.match(decide(failed(errno)), { restart: false, why: 'unretryable' }, errno)
  for (const errno of ['EAGAIN', 'EMFILE', 'ENOMEM']) t.equal(decide(failed(errno)).restart, true, errno)
  t.match(decide({ ...crashed, exit: { code: 64, signal: null } }), { restart: false, why: 'no_retry_code' })
  t.match(
    decide({ ...crashed, escaped: [7] }),
    { restart: false, why: 'escaped' },
    'never two lives at a time',
  )
  t.match(decide({ ...crashed, unverified: true }), { why: 'escaped' }, 'nor when nobody knows')
})

/** Crashes at these times; how many restarts were granted before one was refused. */
function crashesAt(times: readonly number[], given: Partial<RestartPolicy>): number {
  let history: RestartHistory = NO_HISTORY
  for (const [granted, nowMs] of times.entries()) {
    const decision = decide(crashed, given, history, nowMs)
    if (!decision.restart) return granted
    history = decision.history
  }
  return times.length
}

t.test("OTP's window (scenario 23): intensity 1 in 1 s survives a crash every 2.1 s", async (t) => {
  const given = { intensity: { restarts: 1, withinMs: 1_000 } }
  t.equal(crashesAt([0, 2_100, 4_200, 6_300], given), 4)
  t.equal(crashesAt([0, 900], given), 1, 'two within the window exceed it')
  t.equal(crashesAt([0], { intensity: { restarts: 0, withinMs: 1_000 } }), 0, 'an intensity of 0 allows none')
  t.equal(crashesAt(Array(500).fill(0), { intensity: false }), 500, 'without a limit there is none')
  t.match(decide(crashed, given, { restartsMs: [0], streak: 1 }, 500), { why: 'intensity' })
})

const seed = Number(process.env.REEVE_SEED ?? Math.floor(performance.timeOrigin) % 1_000_000)

t.test(`the window slides over any order of crashes (2,000 runs, REEVE_SEED=${seed})`, async (t) => {
  const random = dice(seed)
  for (let run = 0; run < 2_000; run += 1) {
    const intensity = { restarts: Math.floor(random() * 6), withinMs: 1 + random() * 2_000 }
    let nowMs = random() * 1e6
    let history: RestartHistory = NO_HISTORY
    const granted: number[] = []
    for (let i = 0; i < 30; i += 1) {
      // Now and then exactly as long as the window is.
      nowMs += random() < 0.1 ? intensity.withinMs : random() * 700
      const decision = decide(crashed, { intensity }, history, nowMs)
      const inWindow = granted.filter((at) => nowMs - at < intensity.withinMs).length
      if (decision.restart !== inWindow < intensity.restarts) t.fail(`run ${run}, crash ${i}`)
      if (!decision.restart) break
      if (decision.attempt !== inWindow + 1) t.fail(`run ${run}, crash ${i}: attempt ${decision.attempt}`)
      granted.push(nowMs)
      history = decision.history
      if (history.restartsMs.length > intensity.restarts) t.fail(`run ${run}: it remembers too much`)
    }
  }
  t.pass('a restart is granted exactly while the window has room')
})

t.test(`the backoff of any policy over any lives (2,000 runs, REEVE_SEED=${seed})`, async (t) => {
  const random = dice(seed)
  for (let run = 0; run < 2_000; run += 1) {
    const initialMs = random() * 5_000
    const backoff = {
      initialMs,
      factor: 1 + random() * 3,
      maxMs: initialMs + random() * 60_000,
      jitter: random(),
      resetAfterMs: random() * 1_000,
    }
    let history: RestartHistory = NO_HISTORY
    let streak = 0
    for (let i = 0; i < 20; i += 1) {
      const ranMs = random() * 1_500
      const stable = ranMs >= backoff.resetAfterMs
      const decision = decide({ ...crashed, ranMs }, { backoff, intensity: false }, history, 0, random())
      if (!decision.restart) return t.fail(`run ${run}: no restart`)
      streak = stable ? 0 : streak
      const middle = Math.min(backoff.maxMs, initialMs * backoff.factor ** streak)
      const [least, most] = [
        middle * (1 - backoff.jitter),
        Math.min(backoff.maxMs, middle * (1 + backoff.jitter)),
      ]
      if (decision.delayMs < least - 1e-6 || decision.delayMs > most + 1e-6)
        return t.fail(`run ${run}, restart ${i}: ${decision.delayMs} is not within ${least} and ${most}`)
      streak += 1
      history = decision.history
    }
  }
  return t.pass(
    'each delay is in its range, grows with the streak, is capped, and begins anew after a stable life',
  )
})

t.test(
  'the backoff grows, is jittered, is capped, and begins anew after a stable life (scenario 26)',
  async (t) => {
    const { backoff } = policy
    t.same(
      [0, 1, 2, 3, 10].map((streak) => backoffMs(backoff, streak)),
      [1_000, 2_000, 4_000, 8_000, 60_000],
    )
    const jittered = { backoff: { ...backoff, jitter: 0.2 } }
    const delayMs = (streak: number, dice: number) => {
      const decision = decide(crashed, jittered, { restartsMs: [], streak }, 0, dice)
      return decision.restart ? decision.delayMs : Number.NaN
    }
    t.equal(delayMs(2, 0), 3_200)
    t.equal(delayMs(2, 0.5), 4_000)
    t.ok(delayMs(2, 0.999_999) < 4_800)
    t.equal(delayMs(20, 0.999_999), 60_000, 'never past its maximum')
    const stable = decide({ ...crashed, ranMs: 60_000 }, {}, { restartsMs: [], streak: 6 })
    t.match(stable, { restart: true, delayMs: 1_000, history: { streak: 1 } })
    const unstable = decide({ ...crashed, ranMs: 59_999 }, {}, { restartsMs: [], streak: 3 })
    t.match(unstable, { restart: true, delayMs: 8_000, history: { streak: 4 } })
  },
)

t.test('a backoff that keeps the intensity from ever being reached is recognised', async (t) => {
  t.notOk(intensityUnreachable(policy), 'the default reaches it')
  const slow = { ...policy, backoff: { ...policy.backoff, initialMs: 15_000, factor: 1 } }
  t.ok(intensityUnreachable(slow), '5 delays of 15 s do not fit into a minute')
  t.notOk(intensityUnreachable({ ...slow, type: 'temporary' }), 'temporary agents never restart')
  t.notOk(intensityUnreachable({ ...slow, intensity: false }))
  t.notOk(intensityUnreachable({ ...slow, intensity: { restarts: 3, withinMs: 60_000 } }))
})

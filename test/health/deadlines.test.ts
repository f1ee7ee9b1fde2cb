import t from 'tap'
import type { Evidence, LifeAddress } from '../../machines/events.ts'
import { lifeKey } from '../../machines/events.ts'
import { SteppingClock } from '../../src/clock.ts'
import { Deadlines, type HeartbeatPolicy, type Look } from '../../src/health/deadlines.ts'

const HOUR = 3_600_000
const life: LifeAddress = { agentId: 'coder', incarnation: 1 }
const policy = (over: Partial<HeartbeatPolicy> = {}): HeartbeatPolicy => ({
  timeoutMs: 2000,
  maxWaitMs: 60_000,
  sources: ['report', 'output', 'cpu'],
  ...over,
})

/** Lets everything that waits for the loop, and for answers, go on. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

function setUp(look?: (lives: readonly LifeAddress[], clock: SteppingClock) => Promise<readonly Look[]>) {
  const clock = new SteppingClock()
  const told: { what: string; who: string; atMs: number; evidence?: Evidence }[] = []
  const asked: { atMs: number; lives: readonly LifeAddress[] }[] = []
  const troubles: string[] = []
  const say = (what: string) => (of: LifeAddress, evidence: Evidence) =>
    told.push({ what, who: lifeKey(of), atMs: clock.now(), evidence })
  const deadlines = new Deadlines({
    clock,
    look: async (lives) => {
      asked.push({ atMs: clock.now(), lives })
      return look === undefined ? lives.map((one) => ({ life: one, cpuMs: 0 })) : look(lives, clock)
    },
    stalled: say('stalled'),
    resumed: say('resumed'),
    expiring: (who) => told.push({ what: 'expiring', who, atMs: clock.now() }),
    expired: (who) => told.push({ what: 'expired', who, atMs: clock.now() }),
    onTrouble: (message) => troubles.push(message),
  })
  /** Goes forward in steps, with turns of the loop in between. */
  const go = async (ms: number, stepMs = 100): Promise<void> => {
    for (let left = ms; left > 0; left -= stepMs) {
      clock.advance(Math.min(left, stepMs))
      await turns()
    }
  }
  const names = () => told.map(({ what }) => what)
  return { clock, deadlines, told, asked, troubles, go, names }
}

t.test('a silent life stalls at its timeout, to the millisecond, with evidence', async (t) => {
  const { deadlines, told, go } = setUp(async () => [
    { life, logSize: 0, logAgeMs: 5000, cpuMs: 70, processes: 3 },
  ])
  deadlines.watch(life, policy())
  await go(1000)
  await go(999, 999)
  t.same(told, [])
  await go(1)
  t.same(told, [
    {
      what: 'stalled',
      who: 'coder.1',
      atMs: 2000,
      evidence: { silentMs: 2000, limitMs: 2000, cpuMs: 0, processes: 3 },
    },
  ])
  await go(60_000, 1000)
  t.equal(told.length, 1, 'told once')
})

t.test('a beat moves the deadline and not the timer; a stall is undone by the next', async (t) => {
  const { clock, deadlines, told, go } = setUp()
  deadlines.watch(life, policy({ sources: ['report'] }))
  const dueMs = clock.nextDueMs
  await go(500)
  t.same(deadlines.beat('coder.1'), { known: true, stalled: false })
  t.equal(clock.nextDueMs, dueMs)
  t.equal(clock.pending, 1)
  t.equal(deadlines.lastBeatMs('coder.1'), 500)
  await go(1999, 1)
  t.same(told, [])
  t.equal(deadlines.silentMs('coder.1'), 1999)
  await go(1)
  t.equal(told[0]?.atMs, 2500)

  t.match(deadlines.beat('coder.1'), { known: true, stalled: true })
  t.match(deadlines.beat('coder.1'), { known: true, stalled: true }, 'until its machine says so')
  deadlines.revived(life)
  t.same(deadlines.beat('coder.1'), { known: true, stalled: false })
  await go(2000)
  t.same(
    told.map(({ atMs }) => atMs),
    [2500, 4500],
  )
})

t.test('unknown lives are unknown, forgotten ones too; with nothing watched there is no timer', async (t) => {
  const { clock, deadlines, told, go } = setUp()
  t.same(deadlines.beat('nobody.1'), { known: false, stalled: false })
  t.same(deadlines.activity(life, { kind: 'idle' }), { known: false, stalled: false })
  deadlines.revived(life)
  t.equal(deadlines.lastBeatMs('nobody.1'), undefined)
  t.equal(deadlines.silentMs('nobody.1'), undefined)
  deadlines.watch(life, policy())
  deadlines.lifetime('coder', 5000)
  t.equal(clock.pending, 1, 'one timer for all')
  deadlines.forget(life)
  t.equal(clock.pending, 1)
  deadlines.forgetLifetime('coder')
  t.equal(clock.pending, 0)
  deadlines.watch(life, policy())
  deadlines.close()
  t.equal(clock.pending, 0)
  await go(5000)
  t.same(told, [])
})

t.test('a life forgotten, or replaced, while it is looked at is not called stalled', async (t) => {
  const answers: ((looks: readonly Look[]) => void)[] = []
  const { deadlines, told, go } = setUp(() => new Promise((resolve) => answers.push(resolve)))
  const other = { agentId: 'coder', incarnation: 2 }
  deadlines.watch(life, policy())
  deadlines.watch(other, policy())
  await go(2000)
  deadlines.forget(life)
  deadlines.watch(other, policy())
  for (const answer of answers) answer([])
  await go(100)
  t.same(told, [])
})

t.test(
  'a life that another watched before gets its whole time anew, and its whole silence is told',
  async (t) => {
    const { deadlines, told, go } = setUp()
    const other = { agentId: 'planner', incarnation: 1 }
    const before = { silentMs: 86_400_000, activity: null, stalled: false }
    deadlines.resume(life, policy(), before)
    deadlines.resume(other, policy({ maxWaitMs: 10_000 }), { ...before, activity: { kind: 'idle' } })
    await go(1999)
    t.same(told, [], 'a clock that was stepped, or an absence, stalls nobody')
    await go(1)
    t.match(told, [{ who: 'coder.1', atMs: 2000, evidence: { silentMs: 86_402_000, limitMs: 2000 } }])
    await go(7999)
    t.equal(told.length, 1)
    await go(1)
    t.match(told[1], { who: lifeKey(other), atMs: 10_000 })
  },
)

t.test('a look that began while it was stalled judges no deadline after it', async (t) => {
  const slow: (() => void)[] = []
  let looks = 0
  const { deadlines, told, go, names } = setUp(async () => {
    looks += 1
    if (looks === 3) await new Promise<void>((resolve) => slow.push(resolve))
    // What it said before its second deadline stands unread until somebody looks.
    if (looks === 4) deadlines.activity(life, { kind: 'idle' })
    return []
  })
  deadlines.watch(life, policy({ timeoutMs: 1000 }))
  await go(2000)
  t.equal(looks, 3, 'ahead of the deadline, at it, and once more while it is stalled')
  deadlines.revived(life)
  await go(1900)
  for (const answer of slow) answer()
  await go(1000)
  t.same(names(), ['stalled'], JSON.stringify(told))
})

t.test('idle and waiting hold the deadline, within maxWait', async (t) => {
  const { deadlines, told, go } = setUp()
  deadlines.watch(life, policy({ maxWaitMs: 10_000 }))
  await go(1000)
  deadlines.activity(life, { kind: 'waiting', on: 'permission' })
  await go(9999)
  t.same(told, [])
  await go(1)
  t.match(told, [{ what: 'stalled', atMs: 11_000, evidence: { silentMs: 10_000, limitMs: 10_000 } }])
})

/** The clock of these tests begins with the year 2026. */
const at = (ms: number) => new Date(Date.UTC(2026, 0, 1) + ms).toISOString()

t.test('waiting until a moment holds until then; from then on signs of life are due', async (t) => {
  const { deadlines, told, go } = setUp()
  deadlines.watch(life, policy({ maxWaitMs: 60_000 }))
  deadlines.activity(life, { kind: 'waiting', on: 'rate_limit', until: at(5000) })
  await go(6999)
  t.same(told, [])
  await go(1)
  t.match(told, [{ what: 'stalled', atMs: 7000, evidence: { silentMs: 7000, limitMs: 7000 } }])
})

t.test('a moment that is past holds nothing; one beyond maxWait, no longer than that', async (t) => {
  const { deadlines, told, go } = setUp()
  const other = { agentId: 'other', incarnation: 1 }
  await go(1000)
  for (const each of [life, other]) deadlines.watch(each, policy({ maxWaitMs: 10_000 }))
  deadlines.activity(life, { kind: 'waiting', on: 'model', until: at(500) })
  deadlines.activity(other, { kind: 'waiting', on: 'model', until: at(HOUR) })
  await go(11_000)
  t.match(told, [
    { who: 'coder.1', atMs: 3000, evidence: { limitMs: 2000 } },
    { who: 'other.1', atMs: 11_000, evidence: { limitMs: 10_000 } },
  ])
})

t.test('a later moment said again holds until that one; the wait goes on from its beginning', async (t) => {
  const { deadlines, told, go } = setUp()
  deadlines.watch(life, policy({ maxWaitMs: 20_000 }))
  for (let second = 0; second < 30; second += 5) {
    deadlines.activity(life, { kind: 'waiting', on: 'tool', until: at((second + 6) * 1000) })
    await go(5000)
  }
  t.match(told, [{ atMs: 20_000, evidence: { limitMs: 20_000 } }], 'and no longer than maxWait')
})

for (const stepMs of [-HOUR, HOUR])
  t.test(`waiting until a moment while the wall clock steps by ${stepMs / HOUR} h`, async (t) => {
    const { clock, deadlines, told, go } = setUp()
    deadlines.watch(life, policy())
    deadlines.activity(life, { kind: 'waiting', on: 'rate_limit', until: at(5000) })
    clock.stepWall(stepMs)
    await go(6999)
    t.same(told, [])
    await go(1)
    t.match(told, [{ atMs: 7000 }])
  })

t.test('one that asks for time stalls no sooner than when that is over', async (t) => {
  const { clock, deadlines, told, go } = setUp()
  deadlines.watch(life, policy())
  await go(1000)
  deadlines.extend('coder.1', 10_000)
  deadlines.extend('coder.1', 20)
  deadlines.extend('nobody.1', 20)
  await go(5000)
  deadlines.beat('coder.1')
  await go(4999)
  t.same(told, [], 'less asked for later, and a beat, take nothing away')
  await go(1)
  t.match(told, [{ atMs: 11_000, evidence: { silentMs: 5000, limitMs: 5000 } }])
  deadlines.revived(life)
  await go(2000)
  t.match(told[1], { atMs: 13_000, evidence: { limitMs: 2000 } }, 'it is over after that')
  deadlines.revived(life)
  deadlines.extend('coder.1', 3000)
  clock.block(2900)
  await go(200)
  t.equal(told.length, 2, 'a blocked loop takes nothing of it away')
  await go(3000)
  t.equal(told.length, 3)
})

t.test('one taken over keeps what is left of the time it asked for', async (t) => {
  const { deadlines, told, go } = setUp()
  deadlines.resume(life, policy(), { silentMs: 1500, activity: null, stalled: false, extendedMs: 8000 })
  await go(7999)
  t.same(told, [])
  await go(1)
  t.match(told, [{ atMs: 8000, evidence: { silentMs: 9500, limitMs: 9500 } }])
})

t.test('one taken over waits until the moment that it named', async (t) => {
  const { clock, deadlines, told, go } = setUp()
  const activity = { kind: 'waiting', on: 'model', until: at(5000) } as const
  deadlines.resume(life, policy(), { silentMs: 30_000, activity, stalled: false })
  await go(6999)
  t.same(told, [])
  await go(1)
  t.match(told, [{ atMs: 7000 }])
  t.equal(clock.pending, 1)
})

t.test('the same activity said again does not begin anew, another one does', async (t) => {
  const { deadlines, told, go } = setUp()
  deadlines.watch(life, policy({ maxWaitMs: 10_000 }))
  deadlines.activity(life, { kind: 'idle' })
  await go(7000)
  deadlines.activity(life, { kind: 'idle' })
  await go(2999)
  t.same(told, [])
  await go(1)
  t.match(told, [{ atMs: 10_000, evidence: { silentMs: 3000, limitMs: 10_000 } }])
  deadlines.activity(life, { kind: 'idle' })
  deadlines.revived(life)
  await go(9999)
  t.equal(told.length, 1, 'after a stall it begins anew')
})

t.test('an idle life that beats is never stalled for being idle', async (t) => {
  const { deadlines, told, go } = setUp()
  deadlines.watch(life, policy({ maxWaitMs: 10_000 }))
  deadlines.activity(life, { kind: 'idle' })
  for (let second = 0; second < 15; second += 1) {
    await go(1000)
    deadlines.beat('coder.1')
  }
  t.same(told, [])
  await go(2000)
  t.match(told, [{ atMs: 17_000, evidence: { silentMs: 2000, limitMs: 2000 } }], 'the silence stalls it then')
})

t.test('working lets the deadline run, from that beat', async (t) => {
  const { deadlines, told, go } = setUp()
  deadlines.watch(life, policy())
  deadlines.activity(life, { kind: 'idle' })
  await go(30_000)
  t.same(deadlines.activity(life, { kind: 'working' }), { known: true, stalled: false })
  await go(1999)
  t.same(told, [])
  await go(1)
  t.match(told, [{ atMs: 32_000, evidence: { limitMs: 2000 } }])
})

t.test(
  'a maxWait shorter than the timeout does not shorten it; an infinite timeout never comes',
  async (t) => {
    const { deadlines, told, go } = setUp()
    deadlines.watch(life, policy({ maxWaitMs: 10 }))
    deadlines.watch({ agentId: 'mute', incarnation: 1 }, policy({ timeoutMs: Number.POSITIVE_INFINITY }))
    deadlines.activity(life, { kind: 'idle' })
    await go(2000)
    t.match(told, [{ who: 'coder.1', atMs: 2000, evidence: { limitMs: 2000 } }])
    await go(HOUR, 60_000)
    t.equal(told.length, 1)
  },
)

t.test('a blocked loop makes no agent stall: its lateness is given back', async (t) => {
  const { clock, deadlines, told, go } = setUp()
  const lives = Array.from({ length: 50 }, (_, at) => ({ agentId: `a${at}`, incarnation: 1 }))
  for (const one of lives) deadlines.watch(one, policy({ timeoutMs: 500 + 100 * lives.indexOf(one) }))
  await go(400)
  clock.block(10_000)
  clock.advance(0)
  // What was written in between is read in the turn that follows.
  await new Promise((resolve) => setImmediate(resolve))
  for (const one of lives) deadlines.beat(lifeKey(one))
  await turns()
  t.same(told, [])
  await go(499)
  t.same(told, [])
  await go(1)
  t.match(told, [{ who: 'a0.1', atMs: 10_900, evidence: { silentMs: 500, limitMs: 500 } }])
  t.equal(told.length, 1, 'a beat makes the credit void')
})

t.test('one that stays silent after a block stalls when it has had its whole time', async (t) => {
  const { clock, deadlines, told, go } = setUp()
  deadlines.watch(life, policy({ timeoutMs: 5000 }))
  await go(1000)
  clock.block(30_000)
  clock.advance(0)
  await turns()
  await go(3999)
  t.same(told, [])
  await go(1)
  t.match(told, [{ who: 'coder.1', atMs: 35_000, evidence: { silentMs: 35_000, limitMs: 5000 } }])
})

t.test(
  'a block is given back to one whose output is seen only after it, and was written before',
  async (t) => {
    const { clock, deadlines, told, go } = setUp(async () => [
      { life, logSize: 5, logAgeMs: clock.now() - 500, cpuMs: 0 },
    ])
    deadlines.watch(life, policy({ timeoutMs: 4000 }))
    await go(900)
    clock.block(10_000)
    clock.advance(0)
    await turns()
    await go(3500)
    t.same(told, [], 'it was heard at 500, and 3,900 ms were there to hear it since')
    await go(1000)
    t.match(told, [{ what: 'stalled' }])
  },
)

t.test('being late again and again does not keep a silent life alive for ever', async (t) => {
  const { clock, deadlines, told } = setUp()
  deadlines.watch(life, policy())
  for (let tick = 0; tick < 40 && told.length === 0; tick += 1) {
    clock.block((clock.nextDueMs ?? 0) - clock.now() + 30)
    clock.advance(0)
    await turns()
  }
  t.ok(clock.now() < 4000, `after ${clock.now()} ms`)
  t.match(told, [{ what: 'stalled' }])
})

t.test('a hold is not shortened by a blocked loop', async (t) => {
  const { clock, deadlines, told, go } = setUp()
  deadlines.watch(life, policy({ maxWaitMs: 10_000 }))
  deadlines.activity(life, { kind: 'idle' })
  await go(9000)
  clock.block(20_000)
  clock.advance(0)
  await go(999)
  t.same(told, [])
  await go(1)
  t.match(told, [{ atMs: 30_000, evidence: { limitMs: 10_000 } }])
})

for (const stepMs of [HOUR, -HOUR])
  t.test(`the wall clock steps by ${stepMs / HOUR} h: nothing fires, nothing is late`, async (t) => {
    const { clock, deadlines, told, go } = setUp()
    deadlines.watch(life, policy())
    deadlines.lifetime('coder', 10_000)
    await go(1000)
    clock.stepWall(stepMs)
    await go(999)
    t.same(told, [])
    await go(1)
    t.match(told, [{ what: 'stalled', atMs: 2000 }])
    await go(8000)
    t.match(told.slice(1), [
      { what: 'expiring', atMs: 8000 },
      { what: 'expired', atMs: 10_000 },
    ])
  })

t.test('output counts as a beat at the moment of growth', async (t) => {
  // It grows at 1500, between the look ahead (1000) and the deadline (2000).
  const { deadlines, told, go } = setUp(async (_, clock) => [
    clock.now() < 1500
      ? { life, logSize: 10, logAgeMs: HOUR }
      : { life, logSize: 20, logAgeMs: clock.now() - 1500 },
  ])
  deadlines.watch(life, policy({ sources: ['output'] }))
  await go(3499)
  t.same(told, [])
  await go(1)
  t.match(told, [{ atMs: 3500, evidence: { silentMs: 2000, logQuietMs: 2000 } }])
})

t.test('output before the first look counts by its date, and that of an earlier life does not', async (t) => {
  const { deadlines, told, go } = setUp(async (lives, clock) =>
    lives.map((one) => ({
      life: one,
      logSize: 10,
      logAgeMs: one.agentId === 'coder' ? clock.now() - 700 : clock.now() + HOUR,
    })),
  )
  deadlines.watch(life, policy({ sources: ['output'] }))
  deadlines.watch({ agentId: 'old', incarnation: 2 }, policy({ sources: ['output'] }))
  await go(4000)
  t.match(told, [
    { who: 'old.2', atMs: 2000, evidence: { logQuietMs: HOUR + 2000 } },
    { who: 'coder.1', atMs: 2700 },
  ])
})

for (const stepMs of [HOUR, -HOUR])
  t.test(`output is a sign also when the wall clock stepped by ${stepMs / HOUR} h`, async (t) => {
    const wallOf = (clock: SteppingClock) => clock.wallNow()
    const start = new SteppingClock().wallNow()
    const { clock, deadlines, told, go } = setUp(async (_, at) =>
      at.now() < 1500
        ? [{ life, logSize: 10, logAgeMs: at.now() }]
        : [{ life, logSize: 20, logAgeMs: wallOf(at) - (start + 1500) }],
    )
    deadlines.watch(life, policy({ sources: ['output'] }))
    await go(1600)
    clock.stepWall(stepMs)
    await go(1000)
    t.same(told, [])
    await go(1500)
    t.match(told, [{ what: 'stalled' }])
    t.ok((told[0]?.atMs ?? 0) <= 4000)
  })

t.test('CPU counts from 1 % of the time and 30 ms on', async (t) => {
  const used: Record<string, number> = { busy: 600, spare: 20, slow: 400 }
  const { deadlines, told, go } = setUp(async (lives, clock) =>
    lives.map((one) => ({
      life: one,
      // At the look ahead all have used a second; what they used since shows at the deadline, and no more after it.
      cpuMs: 1000 + (clock.now() >= (one.agentId === 'slow' ? 100_000 : 2000) ? (used[one.agentId] ?? 0) : 0),
      processes: 1,
    })),
  )
  deadlines.watch({ agentId: 'busy', incarnation: 1 }, policy())
  deadlines.watch({ agentId: 'spare', incarnation: 1 }, policy())
  deadlines.watch({ agentId: 'slow', incarnation: 1 }, policy({ timeoutMs: 100_000 }))
  deadlines.watch({ agentId: 'deaf', incarnation: 1 }, policy({ sources: ['report'] }))
  await go(4000)
  t.match(told, [
    { who: 'deaf.1', atMs: 2000 },
    { who: 'spare.1', atMs: 2000, evidence: { cpuMs: 20 } },
    { who: 'busy.1', atMs: 4000, evidence: { cpuMs: 0 } },
  ])
  await go(96_000, 1000)
  t.match(told[3], { who: 'slow.1', atMs: 100_000, evidence: { cpuMs: 400 } })
})

t.test(
  'without a look before it, CPU cannot be judged at the deadline: it gets half a timeout more, once',
  async (t) => {
    const { deadlines, told, go } = setUp(async (lives, clock) =>
      clock.now() < 2000
        ? []
        : lives.map((one) => ({
            life: one,
            cpuMs: one.agentId === 'busy' ? clock.now() : 5,
            processes: 1,
          })),
    )
    deadlines.watch({ agentId: 'busy', incarnation: 1 }, policy())
    deadlines.watch({ agentId: 'idle', incarnation: 1 }, policy())
    await go(6000)
    t.match(told, [{ what: 'stalled', who: 'idle.1', atMs: 3000 }])
    t.equal(told.length, 1)
  },
)

for (const [when, unseenFromMs] of [
  ['ahead of the deadline', 1000],
  ['at the deadline', 2000],
] as const)
  t.test(`CPU that was not seen ${when} is no silence: it gets half a timeout more, once`, async (t) => {
    const { deadlines, told, go } = setUp(async (lives, clock) =>
      lives.map((one) => ({
        life: one,
        logSize: 0,
        // A launcher that does not answer for a second; of one it never knows anything.
        ...((clock.now() >= unseenFromMs && clock.now() < unseenFromMs + 1000) || one.agentId === 'unseen'
          ? {}
          : { cpuMs: one.agentId === 'busy' ? clock.now() : 5, processes: 1 }),
      })),
    )
    for (const agentId of ['busy', 'idle', 'unseen'])
      deadlines.watch({ agentId, incarnation: 1 }, policy({ sources: ['cpu'] }))
    await go(8000)
    t.same(told.map(({ what, who, atMs }) => `${who} ${what} at ${atMs}`).sort(), [
      'idle.1 stalled at 3000',
      'unseen.1 stalled at 3000',
    ])
  })

t.test(
  'a look ahead that came late leaves too little to judge CPU by: half a timeout more, once',
  async (t) => {
    const { deadlines, told, go } = setUp(async (lives, clock) => {
      if (clock.now() === 1000) await new Promise<void>((resolve) => clock.setTimeout(resolve, 950))
      return lives.map((one) => ({ life: one, cpuMs: one.agentId === 'busy' ? clock.now() / 5 : 5 }))
    })
    for (const agentId of ['busy', 'idle'])
      deadlines.watch({ agentId, incarnation: 1 }, policy({ sources: ['cpu'] }))
    await go(8000, 50)
    t.same(
      told.map(({ what, who, atMs }) => `${who} ${what} at ${atMs}`),
      ['idle.1 stalled at 3000'],
    )
  },
)

t.test(
  'a blocked loop, and someone heard before the late tick: the lateness is given back all the same',
  async (t) => {
    const { deadlines, told, go, clock } = setUp()
    // Half milliseconds, as real clocks have them: the timer is armed for the next whole one.
    deadlines.watch({ agentId: 'watched', incarnation: 1 }, policy({ timeoutMs: 1999, sources: ['report'] }))
    await go(900)
    clock.block(20_000)
    deadlines.watch({ agentId: 'new', incarnation: 1 }, policy({ timeoutMs: 1 }))
    deadlines.activity({ agentId: 'new', incarnation: 1 }, { kind: 'idle' })
    await go(500)
    t.same(
      told.filter(({ who }) => who === 'watched.1'),
      [],
    )
  },
)

t.test('what is not a source is evidence only', async (t) => {
  const { deadlines, told, go } = setUp(async (_, clock) => [
    { life, logSize: clock.now(), logAgeMs: 0, cpuMs: clock.now(), processes: 1 },
  ])
  deadlines.watch(life, policy({ sources: ['report'] }))
  await go(2000)
  t.match(told, [{ atMs: 2000, evidence: { silentMs: 2000, logQuietMs: 0, cpuMs: 1000, processes: 1 } }])
  await go(20_000)
  t.equal(told.length, 1)
})

t.test('a stalled life that goes on working is told of', async (t) => {
  let size = 5
  const { deadlines, names, told, go } = setUp(async () => [{ life, logSize: size, logAgeMs: 0, cpuMs: 0 }])
  deadlines.watch(life, policy())
  await go(6000)
  t.same(names(), ['stalled'])
  size = 6
  await go(2000)
  t.same(names(), ['stalled', 'resumed'])
  deadlines.revived(life)
  await go(1500)
  t.equal(told.length, 2)
})

t.test('a beat that arrives during the look saves the life', async (t) => {
  const { deadlines, told, go } = setUp(async () => {
    deadlines.beat('coder.1')
    return []
  })
  deadlines.watch(life, policy())
  await go(20_000)
  t.same(told, [])
})

t.test('a late look is waited for, a hanging one for 2 s', async (t) => {
  let answer: (looks: readonly Look[]) => void = () => {}
  const { deadlines, told, troubles, go } = setUp(
    () =>
      new Promise((resolve) => {
        answer = resolve
      }),
  )
  deadlines.watch(life, policy({ sources: ['output'] }))
  await go(2500)
  t.same(told, [])
  answer([{ life, processes: 4 }])
  await turns()
  t.match(told, [{ what: 'stalled', evidence: { silentMs: 2500, processes: 4 } }])

  deadlines.watch(life, policy({ sources: ['output'] }))
  await go(3999)
  t.equal(told.length, 1)
  await go(1)
  t.match(told[1], { what: 'stalled', evidence: { silentMs: 4000, limitMs: 2000 } })
  t.ok(troubles.length > 0)
  t.match(troubles[0], /2000 ms/)
})

t.test('looks that never come back do not pile up, and nobody goes unjudged for them', async (t) => {
  const { clock, deadlines, told, asked, troubles, go } = setUp(() => new Promise(() => {}))
  deadlines.watch(life, policy())
  await go(10 * 60_000, 500)
  t.equal(asked.length, 8)
  t.equal(told.length, 1)
  deadlines.revived(life)
  const revivedMs = clock.now()
  await go(3000, 500)
  t.equal(asked.length, 8)
  t.same(told.map(({ atMs }) => atMs - revivedMs).slice(1), [3000], 'nobody is asked any more')
  t.equal(troubles.length, 1)
})

t.test('a look that fails is told of and judged without; where CPU counts it was not seen', async (t) => {
  const { deadlines, told, troubles, go } = setUp(() => {
    throw new Error('no /proc')
  })
  deadlines.watch(life, policy())
  deadlines.watch({ agentId: 'loud', incarnation: 1 }, policy({ sources: ['report', 'output'] }))
  await go(4000)
  t.match(told, [
    { what: 'stalled', who: 'loud.1', atMs: 2000 },
    { what: 'stalled', who: 'coder.1', atMs: 3000 },
  ])
  t.equal(troubles.length, 1)
})

t.test('lives are looked at together, and only when they are silent', async (t) => {
  const { deadlines, asked, told, go } = setUp()
  const lives = Array.from({ length: 250 }, (_, at) => ({ agentId: `a${at}`, incarnation: 1 }))
  for (const one of lives) deadlines.watch(one, policy())
  for (let tenth = 0; tenth < 50; tenth += 1) {
    await go(100)
    for (const one of lives) deadlines.beat(lifeKey(one))
  }
  t.same(asked, [])
  await go(2000)
  t.same(
    asked.map(({ atMs, lives }) => [atMs, lives.length]),
    [6000, 7000].flatMap((atMs) => [100, 100, 50].map((count) => [atMs, count])),
  )
  t.equal(told.length, 250)
})

t.test('deadlines under a second are met as well', async (t) => {
  const { deadlines, told, go } = setUp()
  for (let at = 0; at < 20; at += 1)
    deadlines.watch({ agentId: `a${at}`, incarnation: 1 }, policy({ timeoutMs: 50 + 13 * at, sources: [] }))
  await go(400, 1)
  t.same(
    told.map(({ who, atMs }) => [who, atMs]),
    Array.from({ length: 20 }, (_, at) => [`a${at}.1`, 50 + 13 * at]),
  )
})

t.test('lifetimes: a warning at 0.8, the end at 1', async (t) => {
  const { clock, deadlines, told, go } = setUp()
  deadlines.lifetime('short', 10_000)
  deadlines.lifetime('adopted', 10_000, 9000)
  deadlines.lifetime('gone', 10_000)
  deadlines.forgetLifetime('gone')
  await go(10_000)
  t.match(told, [
    { what: 'expiring', who: 'adopted' },
    { what: 'expired', who: 'adopted', atMs: 1000 },
    { what: 'expiring', who: 'short', atMs: 8000 },
    { what: 'expired', who: 'short', atMs: 10_000 },
  ])
  t.equal(clock.pending, 0)
})

t.test('a lifetime gets no lateness back, and may be longer than a timer', async (t) => {
  const { clock, deadlines, told } = setUp()
  deadlines.lifetime('blocked', 10_000)
  deadlines.lifetime('long', 2 ** 32)
  clock.block(15_000)
  clock.advance(0)
  t.match(told, [{ what: 'expired', who: 'blocked', atMs: 15_000 }])
  clock.advance(2 ** 31 - 15_000)
  t.equal(told.length, 1)
  clock.advance(2 ** 31 - 1)
  t.match(told[1], { what: 'expiring', who: 'long' })
  t.equal(told.length, 2)
  clock.advance(1)
  t.match(told[2], { what: 'expired', who: 'long', atMs: 2 ** 32 })
})

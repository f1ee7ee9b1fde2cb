import t from 'tap'
import {
  askAgain,
  askedBy,
  asks,
  CANCEL_WAIT_MS,
  cancelFirst,
  cancelWaitOf,
  climb,
  currentRung,
  graceOf,
  hasSignalled,
  hasten,
  isDue,
  type Rung,
  scaleTo,
  startLadder,
  take,
  untilKillMs,
} from '../../machines/escalation.ts'
import { dice } from './world.ts'

const RUNGS: Rung[] = [
  { signal: 'SIGINT', waitMs: 5_000 },
  { signal: 'SIGTERM', waitMs: 10_000 },
]

t.test('each rung is due once, and SIGKILL is what is left after the last', async (t) => {
  let ladder = startLadder(RUNGS, 100)
  t.match(currentRung(ladder), { signal: 'SIGINT' })
  t.ok(isDue(ladder))
  ladder = take(ladder)
  t.notOk(isDue(ladder), 'its signal is not sent again')
  ladder = climb(ladder, 5_100)
  t.match(currentRung(ladder), { signal: 'SIGTERM' })
  t.ok(isDue(ladder))
  t.equal(untilKillMs(take(ladder), 5_100), 10_000)
  ladder = climb(take(ladder), 15_100)
  t.equal(currentRung(ladder), undefined)
  t.notOk(isDue(ladder))
})

t.test('a grace scales the waits, and keeps their proportion', async (t) => {
  t.same(
    scaleTo(RUNGS, 3_000).map((rung) => rung.waitMs),
    [1_000, 2_000],
  )
  t.equal(graceOf(scaleTo(RUNGS, 0)), 0)
  t.same(
    scaleTo(
      RUNGS.map((rung) => ({ ...rung, waitMs: 0 })),
      1_000,
    ).map((rung) => rung.waitMs),
    [0, 1_000],
    'waits of nothing give the whole grace to the last rung',
  )
})

t.test('a second request only ever brings the end nearer', async (t) => {
  const ladder = take(startLadder(RUNGS, 0))
  t.equal(hasten(ladder, 60_000, 1_000), ladder, 'a longer grace changes nothing')
  const hastened = hasten(ladder, 7_000, 1_000)
  t.equal(untilKillMs(hastened, 1_000), 7_000)
  t.notOk(isDue(hastened), 'no signal is sent again')
  t.equal(untilKillMs(hasten(hastened, 0, 2_000), 2_000), 0)
  t.equal(untilKillMs(hasten(hastened, 0, 60_000), 60_000), 0, 'past its deadline too')
})

const POLITE: Rung[] = [
  { cancel: true, waitMs: 60_000 },
  { input: 'bye\n', waitMs: 1_000 },
  { eof: true, waitMs: 1_000 },
  { signal: 'SIGTERM', waitMs: 10_000 },
]

t.test('a rung asks the leader, or signals the tree', async (t) => {
  t.same(
    POLITE.map((rung) => (asks(rung) ? askedBy(rung) : rung.signal)),
    ['cancel', 'input', 'eof', 'SIGTERM'],
  )
  let ladder = startLadder(POLITE, 0)
  for (const signalled of [false, false, false, true]) {
    ladder = take(ladder)
    t.equal(hasSignalled(ladder), signalled)
    ladder = climb(ladder, 0)
  }
})

t.test('a cancellation asks first, and once', async (t) => {
  t.same(cancelFirst(RUNGS, 2_000), [{ cancel: true, waitMs: 2_000 }, ...RUNGS])
  t.same(cancelFirst(POLITE, 2_000), [{ cancel: true, waitMs: 2_000 }, ...POLITE.slice(1)])
  t.equal(cancelWaitOf(POLITE), 60_000)
  t.equal(cancelWaitOf(RUNGS), CANCEL_WAIT_MS)
})

t.test('a stop does not wait for what only a cancellation gave', async (t) => {
  const given = take(startLadder(cancelFirst(RUNGS, 600_000), 0))
  const stopped = askAgain(given, RUNGS, {}, 1_000)
  t.equal(untilKillMs(stopped, 1_000), 15_000, 'it climbs at once to its first own rung')
  t.notOk(isDue(stopped), 'and does not ask again')
  t.equal(untilKillMs(askAgain(given, RUNGS, { graceMs: 5_000 }, 1_000), 1_000), 5_000)
  const own = take(startLadder(cancelFirst(POLITE, 600_000), 0))
  t.equal(untilKillMs(askAgain(own, POLITE, {}, 1_000), 1_000), 72_000, 'as long as a stop would have given')
  t.equal(untilKillMs(askAgain(given, RUNGS, { cancelMs: 2_000 }, 1_000), 1_000), 17_000, 'cancelled again')
  const further = take(climb(given, 2_000))
  t.equal(
    askAgain(further, RUNGS, { cancelMs: 0 }, 3_000),
    further,
    'past it, a cancellation changes nothing',
  )
})

t.test('whatever is asked again, and when, the end only comes nearer, and no rung twice', async (t) => {
  const seed = Number(process.env.REEVE_SEED ?? Date.now() % 1e9)
  t.comment(`REEVE_SEED=${seed}`)
  const random = dice(seed)
  const upTo = (ms: number) => Math.floor(random() * ms)
  for (let run = 0; run < 500; run += 1) {
    const own = POLITE.filter(() => random() < 0.5)
    let ladder = startLadder(random() < 0.5 ? own : cancelFirst(own, upTo(100_000)), 0)
    let nowMs = 0
    let leftMs = untilKillMs(ladder, nowMs)
    for (let step = 0; step < 20; step += 1) {
      nowMs += upTo(5_000)
      if (random() < 0.3) ladder = climb(take(ladder), nowMs)
      else
        ladder = askAgain(
          ladder,
          own,
          {
            ...(random() < 0.5 && { cancelMs: upTo(100_000) }),
            ...(random() < 0.5 && { graceMs: upTo(100_000) }),
          },
          nowMs,
        )
      const nowLeftMs = untilKillMs(ladder, nowMs)
      // Proportions are of floating point: a millionth is no delay.
      if (nowLeftMs > leftMs + 1e-6 || ladder.taken < ladder.at || Number.isNaN(nowLeftMs))
        t.fail(`run ${run}: ${leftMs} ms became ${nowLeftMs}`, { ladder })
      leftMs = nowLeftMs
    }
  }
})

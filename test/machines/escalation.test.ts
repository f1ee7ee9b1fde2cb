import t from 'tap'
import {
  climb,
  currentRung,
  graceOf,
  hasten,
  isDue,
  type Rung,
  scaleTo,
  startLadder,
  take,
  untilKillMs,
} from '../../machines/escalation.ts'

const RUNGS: Rung[] = [
  { signal: 'SIGINT', waitMs: 5_000 },
  { signal: 'SIGTERM', waitMs: 10_000 },
]

t.test('each rung is due once, and SIGKILL is what is left after the last', async (t) => {
  let ladder = startLadder(RUNGS, 100)
  t.equal(currentRung(ladder)?.signal, 'SIGINT')
  t.ok(isDue(ladder))
  ladder = take(ladder)
  t.notOk(isDue(ladder), 'its signal is not sent again')
  ladder = climb(ladder, 5_100)
  t.equal(currentRung(ladder)?.signal, 'SIGTERM')
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

import t from 'tap'
import { clampDelay, MAX_DELAY_MS, realClock, SteppingClock, timestamp } from '../src/clock.ts'

t.test('chained timers fire at their own moments, without drift', async (t) => {
  const clock = new SteppingClock()
  const fired: number[] = []
  const again = () => {
    fired.push(clock.now())
    if (fired.length < 5) clock.setTimeout(again, 30)
  }
  clock.setTimeout(again, 30)
  clock.advance(1_000)
  t.same(fired, [30, 60, 90, 120, 150])
  t.equal(clock.now(), 1_000)
  t.equal(clock.pending, 0)
})

t.test('timers of one moment fire in the order in which they were set; a cleared one does not', async (t) => {
  const clock = new SteppingClock()
  const fired: string[] = []
  clock.setTimeout(() => fired.push('first'), 10)
  const cleared = clock.setTimeout(() => fired.push('cleared'), 10)
  clock.setTimeout(() => fired.push('second'), 10)
  clock.clearTimeout(cleared)
  clock.advance(10)
  t.same(fired, ['first', 'second'])
})

t.test('a blocked loop fires late; a stepped wall clock moves no timer', async (t) => {
  const clock = new SteppingClock(0)
  let firedAt = 0
  clock.setTimeout(() => {
    firedAt = clock.now()
  }, 100)
  clock.block(5_000)
  t.equal(firedAt, 0)
  clock.advance(0)
  t.equal(firedAt, 5_000)
  clock.stepWall(-3_600_000)
  t.equal(clock.now(), 5_000)
  t.equal(timestamp(clock), new Date(5_000 - 3_600_000).toISOString())
})

t.test('delays that a Node timer cannot keep are clamped', async (t) => {
  t.equal(clampDelay(Number.POSITIVE_INFINITY), MAX_DELAY_MS)
  t.equal(clampDelay(-5), 0)
  const timer = realClock.setTimeout(() => t.fail('a delay beyond 2^31 must not fire at once'), 2 ** 40)
  await new Promise((resolve) => setImmediate(resolve))
  realClock.clearTimeout(timer)
})

import t from 'tap'
import { SteppingClock } from '../../src/clock.ts'
import type { Probe } from '../../src/health/probe.ts'
import { probing } from '../../src/health/probing.ts'

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** A probe that is answered by the test. */
function rig(more: { delayMs?: number } = {}) {
  const clock = new SteppingClock()
  const told: string[] = []
  const asked: { answer: (text: string) => void; refuse: (text: string) => void; signal: AbortSignal }[] = []
  const probe: Probe = {
    name: 'it',
    ask: (signal) =>
      new Promise((answer, reject) => {
        asked.push({ answer, refuse: (text) => reject(new Error(text)), signal })
      }),
  }
  const stop = probing({
    clock,
    probe,
    everyMs: 100,
    timeoutMs: 1000,
    ...more,
    succeeded: (seen) => told.push(`yes ${seen}`),
    failed: (why) => told.push(`no ${why}`),
  })
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await turns()
  }
  return { clock, told, asked, stop, pass }
}

t.test('asked at once, and again as long after the last question; never twice at a time', async (t) => {
  const { told, asked, pass } = rig()
  await pass(0)
  t.equal(asked.length, 1)
  await pass(60)
  asked[0]?.refuse('not yet')
  await pass(0)
  t.same(told, ['no it: not yet'])
  await pass(39)
  t.equal(asked.length, 1)
  await pass(1)
  t.equal(asked.length, 2, '100 ms after the first')
  await pass(500)
  t.equal(asked.length, 2, 'not while one is open')
  asked[1]?.answer('fine')
  await pass(0)
  await pass(0)
  t.equal(asked.length, 3, 'at once, when the answer took longer')
  t.same(told, ['no it: not yet', 'yes it: fine'])
})

t.test('no answer in time: that question is let go of, its late answer is not heard', async (t) => {
  const { told, asked, pass } = rig({ delayMs: 50 })
  await pass(49)
  t.equal(asked.length, 0, 'not before the delay')
  await pass(1)
  await pass(1000)
  t.same(told, ['no it: no answer within 1000 ms'])
  t.equal(asked[0]?.signal.aborted, true)
  asked[0]?.answer('late')
  await pass(0)
  t.same(told.length, 1)
})

t.test(
  'a limit that ran out while the loop was held up is given back: the answer that lies unread counts',
  async (t) => {
    const { clock, told, asked, pass } = rig()
    await pass(0)
    clock.block(5000)
    await pass(0)
    t.same(told, [], 'no verdict')
    asked[0]?.answer('fine')
    await pass(0)
    t.same(told, ['yes it: fine'])

    const slow = rig()
    await slow.pass(0)
    slow.clock.block(5000)
    await slow.pass(0)
    await slow.pass(1000)
    t.same(
      slow.told,
      ['no it: no answer within 1000 ms'],
      'it is given back once, and no more than the limit',
    )
  },
)

t.test('stopped: nothing is asked, told or held any more', async (t) => {
  const { clock, told, asked, stop, pass } = rig()
  await pass(0)
  stop()
  await pass(0)
  t.equal(asked[0]?.signal.aborted, true)
  asked[0]?.answer('late')
  await pass(10_000)
  t.same(told, [])
  t.equal(asked.length, 1)
  t.equal(clock.pending, 0)
  stop()
})

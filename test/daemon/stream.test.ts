/** A stream goes at its reader's pace; who does not read is cut off, who leaves is forgotten. */
import t from 'tap'
import { awaited } from '../../src/awaited.ts'
import { textStream } from '../../src/daemon/stream.ts'
import { Turns } from '../../src/daemon/turns.ts'
import { soon, until } from '../support.ts'

function reader(slowAfterMs = 30_000) {
  const gone = new AbortController()
  const seen = { open: 0, cut: 0, made: 0, ended: false }
  const of = {
    openStream: () => {
      seen.open += 1
      return () => {
        seen.open -= 1
      }
    },
    signal: gone.signal,
    slowAfterMs,
    cutOff: () => {
      seen.cut += 1
      gone.abort()
    },
  }
  /** 1 KB at a time, for ever. */
  async function* endless() {
    try {
      for (;;) {
        seen.made += 1
        yield `${'x'.repeat(1023)}\n`
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      seen.ended = true
    }
  }
  return { of, seen, gone, endless }
}

t.test('one who does not read fills no memory, and is cut off', async (t) => {
  const { of, seen, endless } = reader(200)
  const response = textStream(of, endless, { type: 'text/plain' })
  const body = response.body?.getReader()
  await body?.read()
  await until(() => seen.cut === 1, { what: 'it is cut off' })
  t.ok(seen.made < 100, `${seen.made} KB were made`)
  await until(() => seen.ended, { what: 'the source is let go' })
  t.equal(seen.open, 0)
})

t.test('one who leaves is forgotten at once, in the middle of a wait too', async (t) => {
  const { of, seen, gone } = reader()
  let over = false
  const silent = (signal: AbortSignal) => ({
    async *[Symbol.asyncIterator]() {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      over = true
      yield* []
    },
  })
  const response = textStream(of, silent, { type: 'text/plain' })
  const reading = response.body?.getReader().read()
  gone.abort()
  t.strictSame(await soon(reading as Promise<unknown>, 'the read ends'), { done: true, value: undefined })
  await until(() => over, { what: 'the source is told' })
  t.equal(seen.open, 0)
})

t.test('what the source fails with is told, and then it ends', async (t) => {
  const { of } = reader()
  // biome-ignore lint/correctness/useYield: it fails before it gives anything
  async function* fails(): AsyncGenerator<string> {
    throw new Error('boom')
  }
  const response = textStream(of, fails, { type: 'text/plain', first: 'a', failure: (cause) => `!${cause}` })
  t.equal(await response.text(), 'a!Error: boom')
})

t.test('a promise is waited for by many, and by those who leave no more', async (t) => {
  let settle: (value: string) => void = () => {}
  const promise = new Promise<string>((resolve) => {
    settle = resolve
  })
  const leaving = new AbortController()
  const [one, two] = [awaited(promise, new AbortController().signal), awaited(promise, leaving.signal)]
  leaving.abort(new Error('gone'))
  await t.rejects(two, { message: 'gone' })
  await t.rejects(awaited(promise, leaving.signal), { message: 'gone' })
  settle('done')
  t.equal(await one, 'done')
  const failed = Promise.reject(new Error('no'))
  await t.rejects(awaited(failed, new AbortController().signal), { message: 'no' })
})

t.test('turns: so many at a time, the others in their order', async (t) => {
  const turns = new Turns(2)
  const order: number[] = []
  let going = 0
  let most = 0
  const work = (i: number) => async () => {
    going += 1
    most = Math.max(most, going)
    order.push(i)
    await new Promise((resolve) => setImmediate(resolve))
    going -= 1
    if (i === 1) throw new Error('one fails')
  }
  const all = await Promise.allSettled([0, 1, 2, 3, 4, 5].map((i) => turns.take(work(i))))
  t.strictSame(order, [0, 1, 2, 3, 4, 5])
  t.equal(most, 2)
  t.equal(all.filter(({ status }) => status === 'rejected').length, 1)
})

import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { awaitLine } from '../../src/health/readiness.ts'

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Lines that never end; tells how many were asked for and whether they were let go of. */
function lines(...given: string[]) {
  const seen = { asked: 0, returned: 0 }
  let end: ((result: IteratorResult<string>) => void) | undefined
  const iterator: AsyncIterableIterator<string> = {
    [Symbol.asyncIterator]: () => iterator,
    next: () => {
      const value = given[seen.asked]
      seen.asked += 1
      if (value !== undefined) return Promise.resolve({ done: false, value })
      return new Promise((resolve) => {
        end = resolve
      })
    },
    return: async () => {
      seen.returned += 1
      end?.({ done: true, value: undefined })
      return { done: true, value: undefined }
    },
  }
  return { iterator, seen }
}

async function find(pattern: RegExp | string, ...given: string[]): Promise<string[]> {
  const found: string[] = []
  const stop = awaitLine({ lines: lines(...given).iterator, pattern, found: (line) => found.push(line) })
  await turns()
  stop()
  return found
}

t.test('the first line that matches is told once, and the lines are let go of', async (t) => {
  const { iterator, seen } = lines('starting', 'ready on 80', 'ready on 81')
  const found: string[] = []
  awaitLine({ lines: iterator, pattern: 'ready', found: (line) => found.push(line) })
  await turns()
  t.same(found, ['ready on 80'])
  t.same(seen, { asked: 2, returned: 1 })
})

t.test('a string is looked for as it stands, an expression matches', async (t) => {
  t.same(await find('a.c', 'abc', 'a.c'), ['a.c'])
  t.same(await find(/^listening on \d+$/, 'now listening on 80', 'listening on 80'), ['listening on 80'])
  t.same(await find(/READY/i, 'ready'), ['ready'])
})

t.test('flags that remember are harmless, also to the expression given', async (t) => {
  for (const flags of ['g', 'y', 'gy']) {
    const pattern = new RegExp('ready', flags)
    pattern.lastIndex = 3
    t.same(await find(pattern, 'it is ready'), ['it is ready'], flags)
    t.equal(pattern.lastIndex, 3)
  }
})

t.test('colours are taken off before matching', async (t) => {
  t.same(await find('server ready', '\u001b[1;32mserver\u001b[0m \u001b]8;;x\u0007ready'), ['server ready'])
})

t.test('8 KiB of a line are matched, 200 characters told', async (t) => {
  t.same(await find('ready', `${'x'.repeat(8 * 1024)}ready`), [])
  t.same(await find('ready', `ready${'x'.repeat(500)}`), [`ready${'x'.repeat(195)}`])
})

t.test('stopped, it lets go at once and tells nothing', async (t) => {
  const stream = new PassThrough()
  const found: string[] = []
  const stop = awaitLine({
    lines: createInterface({ input: stream }),
    pattern: 'ready',
    found: (line) => found.push(line),
  })
  stop()
  stop()
  stream.write('ready\n')
  await turns()
  t.same(found, [])
  stream.end()
})

t.test('lines that end, and lines that fail', async (t) => {
  const causes: unknown[] = []
  const wait = (lines: AsyncIterable<string>, found = (line: string): void => void t.fail(line)) =>
    awaitLine({ lines, pattern: 'ready', found, failed: (cause) => causes.push(cause) })
  wait(
    (async function* () {
      yield 'nothing'
    })(),
  )
  await turns()
  t.same(causes, [])
  const cause = new Error('EIO')
  wait({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(cause) }),
  })
  wait(lines('ready').iterator, () => {
    throw cause
  })
  await turns()
  t.same(causes, [cause, cause])
})

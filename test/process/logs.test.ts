import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SteppingClock } from '../../src/clock.ts'
import type { LogPlace } from '../../src/process/log-lines.ts'
import { logLook, logSize, openLog, type ReadLogOptions, readLog } from '../../src/process/logs.ts'

const dir = mkdtempSync(join(tmpdir(), 'reeve-logs-'))
t.teardown(() => rmSync(dir, { recursive: true }))
let count = 0
const fresh = (content?: string | Buffer): string => {
  const file = join(dir, `${++count}.log`)
  if (content !== undefined) writeFileSync(file, content)
  return file
}
const all = async (file: string, options?: ReadLogOptions): Promise<string[]> => {
  const lines: string[] = []
  for await (const line of readLog(file, options)) lines.push(line)
  return lines
}
/** Reads on in the background; `lines` fills. */
const follow = (file: string, options: ReadLogOptions = {}) => {
  const lines: string[] = []
  const done = (async () => {
    for await (const line of readLog(file, { follow: true, ...options })) lines.push(line)
  })()
  return { lines, done }
}
const until = async (t: Test, what: string, condition: () => boolean): Promise<void> => {
  const endMs = performance.now() + 30_000
  while (!condition() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 2))
  t.ok(condition(), what)
}
const descriptors = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return [] // the directory's own
    }
  })
const open = (file: string): number => descriptors().filter((path) => path.startsWith(file)).length

t.test('lines without newlines, the last one also when it has none', async (t) => {
  t.same(await all(fresh('a\n\nb\r\nc')), ['a', '', 'b', 'c'])
  t.same(await all(fresh('a\n')), ['a'])
  t.same(await all(fresh('')), [])
  t.same(await all(fresh()), [], 'no file')
})

t.test('from an offset, from the end', async (t) => {
  const file = fresh('one\ntwo\nthree\n')
  t.same(await all(file, { from: 4 }), ['two', 'three'])
  t.same(await all(file, { from: 5 }), ['wo', 'three'])
  t.same(await all(file, { from: 'end' }), [])
  t.same(await all(file, { from: 99 }), ['one', 'two', 'three'], 'truncated since')
})

t.test('characters across chunks, and bytes that are none', async (t) => {
  const line = `x${'€'.repeat(100_000)}`
  const long = await all(fresh(`${line}\nend`))
  t.equal(long.slice(0, -1).join(''), line)
  t.ok(long.every((piece) => piece.length <= 64 * 1024))
  t.equal(long.at(-1), 'end')
  t.same(await all(fresh(Buffer.from([0xff, 0x0a, 0xe2, 0x82]))), ['\ufffd', '\ufffd'])
  const pairs = await all(fresh('😀'.repeat(70_000)))
  t.equal(pairs.join(''), '😀'.repeat(70_000))
  t.notOk(
    pairs.some((piece) => /[\ud800-\udbff]$/.test(piece)),
    'no character is halved',
  )
})

t.test('a punched hole is left out', async (t) => {
  const file = fresh(Buffer.concat([Buffer.alloc(300_000, 'a'), Buffer.from('rest\nlive\n')]))
  try {
    execFileSync('fallocate', ['-p', '-o', '0', '-l', '299008', file], { stdio: 'pipe' })
  } catch {
    writeFileSync(
      file,
      Buffer.concat([Buffer.alloc(299_008), Buffer.alloc(992, 'a'), Buffer.from('rest\nlive\n')]),
    )
  }
  t.same(await all(file), [`${'a'.repeat(992)}rest`, 'live'])
})

t.test('follows what others append, line by line', async (t) => {
  const file = fresh('old\n')
  const controller = new AbortController()
  const { lines, done } = follow(file, { from: 4, signal: controller.signal })
  appendFileSync(file, 'first\n')
  await until(t, 'one there', () => lines.length === 1)
  for (let at = 0; at < 500; at += 1) appendFileSync(file, `new ${at}\nhalf of `)
  await until(t, 'all there', () => lines.length === 501)
  t.same(lines.slice(0, 3), ['first', 'new 0', 'half of new 1'])
  t.equal(lines[500], 'half of new 499', 'the last half is kept until its end comes')
  controller.abort()
  await done
  t.equal(open(file), 0)
})

t.test('waits for a file that is not there yet', async (t) => {
  const file = fresh()
  const controller = new AbortController()
  const { lines, done } = follow(file, { from: 'end', signal: controller.signal })
  let written = 0
  // The end from which it reads is where it stood at its first look, whenever that is.
  await until(t, 'found', () => {
    appendFileSync(file, `${++written}\n`)
    return lines.length > 0
  })
  controller.abort()
  await done
  const first = Number(lines[0])
  t.ok(first >= 1 && first <= written)
  t.same(
    lines,
    lines.map((_, i) => String(first + i)),
    'and none is left out',
  )
})

t.test('ends when `until` is true and all is read, with the last half line', async (t) => {
  const file = fresh('a\n')
  let ended = false
  const { lines, done } = follow(file, { until: () => ended })
  await until(t, 'first', () => lines.length === 1)
  appendFileSync(file, 'b\nc')
  ended = true
  await done
  t.same(lines, ['a', 'b', 'c'])
  t.equal(open(file), 0)
  t.same(await all(fresh(), { follow: true, until: () => true }), [])
})

t.test('truncated: from the start', async (t) => {
  const file = fresh('one\ntwo\n')
  const controller = new AbortController()
  const { lines, done } = follow(file, { signal: controller.signal })
  await until(t, 'two', () => lines.length === 2)
  truncateSync(file)
  appendFileSync(file, 'new\n')
  await until(t, 'three', () => lines.length === 3)
  writeFileSync(`${file}.new`, 'replaced and longer than before\n')
  renameSync(`${file}.new`, file)
  await until(t, 'four', () => lines.length === 4)
  appendFileSync(file, 'still\n')
  await until(t, 'five', () => lines.length === 5)
  t.same(lines, ['one', 'two', 'new', 'replaced and longer than before', 'still'])
  controller.abort()
  await done
  t.equal(open(file), 0)
})

t.test('a break leaves nothing behind, a pending wait is ended by return and by abort', async (t) => {
  const before = descriptors().length
  const file = fresh('a\nb\n')
  for await (const line of readLog(file, { follow: true })) {
    t.equal(line, 'a')
    break
  }
  const iterator = readLog(file, { from: 'end', follow: true })[Symbol.asyncIterator]()
  const pending = iterator.next()
  await until(t, 'open', () => open(file) === 1)
  t.same(await iterator.return?.(), { done: true, value: undefined })
  t.same(await pending, { done: true, value: undefined })
  t.same(await iterator.next(), { done: true, value: undefined })

  const controller = new AbortController()
  const idle = readLog(file, { follow: true, signal: controller.signal })[Symbol.asyncIterator]()
  t.same(await idle.next(), { done: false, value: 'a' })
  controller.abort()
  await until(t, 'closed without another next()', () => open(file) === 0)
  t.same(await all(file, { signal: AbortSignal.abort() }), [])
  t.ok(descriptors().length <= before + 3, 'at most the loop’s own inotify')
})

t.test('whoever comes back with the place behind a line has the lines after it', async (t) => {
  const long = 'é'.repeat(150_000)
  const file = fresh(
    Buffer.concat([
      Buffer.from(`\0\0\0\0a\r\n\n${long}\nb`),
      Buffer.from([0xff, 0xc3]),
      Buffer.from(`\n${'x'.repeat(70_000)}\nlast`),
    ]),
  )
  const whole = await all(file)
  t.equal(whole.length, 9)
  const reader = openLog(file)
  for (let had = 1; !(await reader.next()).done; had += 1) {
    const { offset, pieces } = reader.place as LogPlace
    const rest = await all(file, { from: offset })
    t.same(rest.slice(pieces), whole.slice(had), `behind line ${had}`)
  }
})

t.test('reads no further than its consumer', async (t) => {
  const file = fresh('x\n'.repeat(200_000))
  const iterator = readLog(file)[Symbol.asyncIterator]()
  for (let at = 0; at < 10; at += 1) await iterator.next()
  truncateSync(file)
  let rest = 0
  while (!(await iterator.next()).done) rest += 1
  t.equal(rest, 32 * 1024 - 10, 'one chunk was read')
})

t.test('calls of next() that are not waited for stay in order', async (t) => {
  const iterator = readLog(fresh('a\nb\nc\n'))[Symbol.asyncIterator]()
  const results = await Promise.all([1, 2, 3, 4].map(() => iterator.next()))
  t.same(
    results.map(({ value }) => value),
    ['a', 'b', 'c', undefined],
  )
})

t.test('a file that cannot be read fails the reader, and leaves nothing open', async (t) => {
  await t.rejects(all(dir), { code: 'EISDIR' })
  t.equal(open(dir), 0)
})

t.test('size and age', async (t) => {
  const file = fresh('12345')
  const clock = new SteppingClock(Date.now() + 5000)
  t.equal(await logSize(file), 5)
  const { size, ageMs } = await logLook(file, clock)
  t.equal(size, 5)
  t.ok(ageMs !== undefined && ageMs > 4000 && ageMs < 20_000, String(ageMs))
  t.equal(await logSize(fresh()), 0)
  t.same(await logLook(fresh()), { size: 0, ageMs: undefined })
})

t.test('an awaited line holds the event loop, a reader that was left does not', async (t) => {
  const module = new URL('../../src/process/logs.js', import.meta.url).href
  const file = fresh('a\n')
  const script = (body: string) => `
    import { readLog } from ${JSON.stringify(module)}
    const lines = readLog(${JSON.stringify(file)}, { follow: true })
    ${body}`
  const node = (body: string) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script(body)], {
      encoding: 'utf8',
      timeout: 8000,
    })
  t.equal(node('for await (const line of lines) { console.log(line); break }'), 'a\n')
  t.equal(node('console.log((await lines[Symbol.asyncIterator]().next()).value)'), 'a\n')
  t.equal(
    node(`setTimeout(() => { end = true }, 600).unref(); let end = false
    const { readLog: read } = await import(${JSON.stringify(module)})
    for await (const line of read(${JSON.stringify(file)}, { follow: true, until: () => end })) console.log(line)
    console.log('end')`),
    'a\nend\n',
  )
})

import t from 'tap'
import type { Entry } from '../../machines/events.ts'
import { EntryLog } from '../../src/registry/entries.ts'

const fill = (log: EntryLog, count: number) => {
  for (let i = 0; i < count; i += 1) log.add({ seq: log.nextSeq } as Entry)
}

t.test('a reader gets what was, then what comes, until the log is closed', async (t) => {
  const log = new EntryLog()
  fill(log, 3)
  const seen: number[] = []
  const reading = (async () => {
    for await (const { seq } of log.read(1)) seen.push(seq)
  })()
  await new Promise((resolve) => setImmediate(resolve))
  t.same(seen, [2, 3])
  fill(log, 2)
  log.close()
  await reading
  t.same(seen, [2, 3, 4, 5])
})

t.test('without a beginning it reads from now on; from 0 it reads everything', async (t) => {
  const log = new EntryLog()
  fill(log, 2)
  const later = log.read()
  const next = later.next()
  fill(log, 1)
  t.equal(((await next).value as Entry).seq, 3)
  log.close()
  const all: number[] = []
  for await (const { seq } of log.read(0)) all.push(seq)
  t.same(all, [1, 2, 3])
})

t.test('entries that are no longer held are not skipped in silence', async (t) => {
  const log = new EntryLog()
  fill(log, 10_050)
  await t.rejects(log.read(10).next(), { code: 'entries_gone' })
  t.equal(((await log.read(50).next()).value as Entry).seq, 51, 'the oldest that is held')
})

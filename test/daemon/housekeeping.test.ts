/** What ended long ago is forgotten by time, with its entries and its log; what lives, or ended just now, is not. */
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { SteppingClock } from '../../src/clock.ts'
import { housekeeping } from '../../src/daemon/housekeeping.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import { crew, FOREVER, nothingIsLeft, temporaryFolder, until } from '../support.ts'

nothingIsLeft(t)

const DAY_MS = 24 * 60 * 60 * 1000

t.test('a group is forgotten by time, too; who holds it still reads how it ended', async (t) => {
  const reeve = await crew(t)
  const paths = () => reeve.groups().map(({ path }) => path)
  const group = reeve.group('over')
  reeve.group('open')
  await group.stop()
  const pass = async (retentionMs: number) => {
    const clock = new SteppingClock(Date.now())
    const end = housekeeping({ reeve, retentionMs, trouble: (cause) => t.fail(String(cause)), clock })
    await until(() => clock.pending === 1, { what: 'a pass is over' })
    end()
  }
  await pass(7 * DAY_MS)
  t.strictSame(paths(), ['', 'over', 'open'])
  await pass(0)
  t.strictSame(paths(), ['', 'open'])
  t.match(group.record, { path: 'over', state: 'stopped', agents: 0 })
})

t.test('a week after its end an agent is forgotten, though nobody asks for anything', async (t) => {
  const registry = sqliteRegistry(path.join(temporaryFolder(t), 'x.db'), { retention: false })
  const reeve = await crew(t, { registry })
  const ended = reeve.spawn({ name: 'ended', command: ['true'] })
  await ended.ended
  const live = reeve.spawn({ name: 'live', command: FOREVER })
  await live.ready
  const logs = path.join(reeve.home, 'logs')
  const orphan = path.join(logs, 'nobody.log')
  writeFileSync(orphan, 'x')
  utimesSync(orphan, new Date(0), new Date(0))
  const clock = new SteppingClock(Date.now())
  const troubles: unknown[] = []
  const end = housekeeping({
    reeve,
    retentionMs: 7 * DAY_MS,
    trouble: (cause) => troubles.push(cause),
    clock,
  })
  await until(() => clock.pending === 1, { what: 'the first pass is over' })
  t.notOk(existsSync(orphan), 'a log that no record names, and that is old, is gone')
  const names = async () => (await reeve.records()).map(({ name }) => name).sort()
  t.strictSame(await names(), ['ended', 'live'])

  // A pass takes its time: while it goes on, only the clock does not.
  const goOn = async (ms: number) => {
    for (const each of [ms, DAY_MS / 24]) {
      clock.advance(each)
      await until(() => clock.pending === 1, { what: 'a pass is over' })
    }
  }
  await goOn(6 * DAY_MS)
  t.strictSame(await names(), ['ended', 'live'])
  await goOn(2 * DAY_MS)
  await until(async () => (await names()).length === 1, { what: 'it is forgotten' })
  t.strictSame(await names(), ['live'])
  t.equal(reeve.get('ended'), undefined)
  t.strictSame(await registry.history(ended.id), [])
  await until(() => !readdirSync(logs).some((name) => name.startsWith(ended.id)), { what: 'its log is gone' })
  t.ok(existsSync(live.record.logFile))
  t.strictSame(troubles, [])
  await until(() => clock.pending === 1, { what: 'the pass is over' })
  end()
  t.equal(clock.pending, 0)
})

/** What is written ahead: through outages, a full disk, and the death of the one who wrote it. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Entry } from '../../machines/events.ts'
import { SteppingClock } from '../../src/clock.ts'
import { createSupervisor } from '../../src/index.ts'
import { Journal } from '../../src/registry/journal.ts'
import { memoryRegistry } from '../../src/registry/memory.ts'
import { replaySpills } from '../../src/registry/recovery.ts'
import { SpillBacklog, type SpillHeader } from '../../src/registry/spill.ts'

const header: SpillHeader = {
  spill: 1,
  supervisorId: 's',
  owner: { bootId: 'b', pid: 1, startTime: 1 },
  registry: '/db',
}
const entry = (seq: number, agentId = 'a') => ({ seq, agentId, supervisorId: 's', name: 'ü\n' }) as Entry
const seqs = (entries: readonly Entry[]) => entries.map(({ seq }) => seq)
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

function backlogIn(dir: string, trouble: (cause: unknown) => void = () => {}) {
  return new SpillBacklog(path.join(dir, 's.ndjson'), header, trouble)
}

t.test('an outage of any length: memory holds a window, the file holds all, in order', async (t) => {
  const backlog = backlogIn(t.testdir())
  const count = 35_000
  for (let seq = 1; seq <= count; seq += 1) backlog.push(entry(seq, seq % 1_000 === 0 ? 'rare' : 'a'))
  t.equal(backlog.size, count)
  t.same(
    seqs(await backlog.of('rare')),
    upTo(35).map((i) => i * 1_000),
  )
  const got: number[] = []
  let next = count
  while (backlog.size > 0) {
    const batch = await backlog.peek(500)
    got.push(...seqs(batch))
    backlog.taken(batch)
    if (next < count + 2_000) {
      next += 1
      backlog.push(entry(next))
    }
  }
  t.same(got, upTo(next), 'those that came meanwhile too')
  t.equal(backlog.lost, 0)
  t.ok(fs.statSync(backlog.path).size <= 256 * 1024, 'and the file is cut back once all is taken')
  await backlog.close()
  t.notOk(fs.existsSync(backlog.path))
})

t.test('many who read back at the same time share one descriptor, and none is left open', async (t) => {
  const backlog = backlogIn(t.testdir())
  for (let seq = 1; seq <= 12_000; seq += 1) backlog.push(entry(seq))
  const opened = () =>
    fs
      .readdirSync('/proc/self/fd')
      .map((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`)
        } catch {
          return 'the one that lists them'
        }
      })
      .filter((file) => file === backlog.path).length
  const all = await Promise.all(Array.from({ length: 5 }, () => backlog.of('a')))
  for (const each of all) t.equal(each.length, 12_000)
  t.equal(opened(), 2, 'one to write, one to read')
  await backlog.close()
  t.equal(opened(), 0)
})

t.test(
  'a full disk: what comes waits in memory, behind what is written, and no half line stays',
  async (t) => {
    const troubles: unknown[] = []
    const backlog = backlogIn(t.testdir(), (cause) => troubles.push(cause))
    backlog.push(entry(1))
    const { writeSync } = fs
    fs.writeSync = ((fd: number, bytes: Buffer, offset?: number) => {
      if (offset === undefined) return writeSync(fd, bytes, 0, 5)
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    }) as typeof fs.writeSync
    t.teardown(() => {
      fs.writeSync = writeSync
    })
    backlog.push(entry(2))
    fs.writeSync = writeSync
    backlog.push(entry(3))
    t.match(troubles, [{ code: 'ENOSPC' }])
    t.equal(fs.readFileSync(backlog.path, 'utf8').split('\n').length, 3, 'header, one entry, nothing torn')
    const first = await backlog.peek(10)
    backlog.taken(first)
    const rest = await backlog.peek(10)
    backlog.taken(rest)
    t.same([seqs(first), seqs(rest)], [[1], [2, 3]])
    backlog.push(entry(4))
    t.equal(fs.readFileSync(backlog.path, 'utf8').split('\n').length, 4, 'there is room again: it is written')
    await backlog.close()
  },
)

t.test('a journal over it: a registry that was down for a minute has the whole log in order', async (t) => {
  const clock = new SteppingClock()
  const registry = memoryRegistry()
  const got: number[] = []
  let down = true
  const journal = new Journal({
    registry: {
      async append(batch) {
        if (down) throw new Error('locked')
        got.push(...seqs(batch))
        await registry.append(batch)
      },
    },
    sinks: [],
    clock,
    failed: () => {},
    spill: (trouble) => backlogIn(t.testdir(), trouble),
  })
  for (let seq = 1; seq <= 12_000; seq += 1) journal.append(entry(seq))
  for (let i = 0; i < 60; i += 1) {
    clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  down = false
  const committed = journal.committed()
  clock.advance(1_000)
  await committed
  t.same(got, upTo(12_000))
  await journal.close()
})

t.test(
  'a successor replays what the dead had written, once, in order, and leaves the living alone',
  async (t) => {
    const lines = (entries: Entry[]) => entries.map((each) => `${JSON.stringify(each)}\n`).join('')
    const file = (h: object, rest: string) => `${JSON.stringify({ ...header, ...h })}\n${rest}`
    const dir = t.testdir({
      'dead.ndjson': file({}, `${lines(upTo(1_200).map((seq) => entry(seq)))}{"seq":1201,"to`),
      'living.ndjson': file({ owner: { bootId: 'b', pid: 2, startTime: 1 } }, lines([entry(1)])),
      'elsewhere.ndjson': file({ registry: '/other' }, lines([entry(1)])),
      'broken.ndjson': file({}, `${lines([entry(7)])}garbage\n${lines([entry(8)])}`),
      'empty.ndjson': '',
      'notes.txt': 'no spill',
    })
    const got: number[] = []
    const warnings: string[] = []
    await replaySpills({
      dir,
      registry: { ...memoryRegistry(), location: '/db' },
      isAlive: ({ pid }) => pid === 2,
      append: async (batch) => {
        got.push(...seqs(batch))
      },
      warn: (message) => warnings.push(message),
    })
    t.same(got, [7, ...upTo(1_200)], 'the torn last line was told to nobody')
    t.same(fs.readdirSync(dir).sort(), [
      'broken.ndjson.corrupt',
      'elsewhere.ndjson',
      'living.ndjson',
      'notes.txt',
    ])
    t.match(warnings, [/broken\.ndjson cannot be read from line 3 on.*set aside/])
  },
)

t.test(
  'SIGKILL of a supervisor whose registry took nothing: the next one on its home has every entry',
  async (t) => {
    const home = path.join(t.testdir(), 'home')
    const script = `
    import { createSupervisor } from ${JSON.stringify(new URL('../../lib/index.js', import.meta.url).href)}
    const hung = () => new Promise(() => {})
    const registry = { durable: true, location: '/db', open: async () => {}, append: hung, records: async () => [], history: async () => [], remove: async () => {} }
    const reeve = await createSupervisor({ home: ${JSON.stringify(home)}, registry })
    reeve.on('sink-error', () => {})
    const agents = [1, 2, 3].map(() => reeve.spawn({ command: ['true'] }))
    await Promise.all(agents.map((agent) => agent.ended))
    let told = 0
    for (const { id } of agents) told += (await reeve.history(id)).length
    process.stdout.write(String(told))
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 10)
  `
    let told = 0
    try {
      execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        timeout: 20_000,
      })
    } catch (error) {
      told = Number((error as { stdout: string }).stdout)
    }
    t.equal(told, 15, 'three lives of five entries')
    const got: Entry[] = []
    const registry = {
      ...memoryRegistry(),
      durable: true,
      location: '/db',
      append: async (batch: readonly Entry[]) => {
        got.push(...batch)
      },
    }
    const next = await createSupervisor({ home, registry })
    t.same(seqs(got), upTo(15))
    t.equal(new Set(got.map(({ supervisorId }) => supervisorId)).size, 1)
    await next.stop()
    t.same(fs.readdirSync(path.join(home, 'spill')), [], 'nothing of it stays')
  },
)

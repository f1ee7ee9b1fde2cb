/** The two files as others read them, and what becomes of them when something went wrong. */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SteppingClock } from '../../src/clock.ts'
import { type JsonFileRegistryOptions, jsonFileRegistry } from '../../src/registry/json-file.ts'
import { Writer } from '../../src/testing.ts'
import { fill, smallDisk } from '../contract/faults.ts'
import { temporaryFolder } from '../contract/place.ts'

const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function filesOf(t: Test, options: JsonFileRegistryOptions = { retention: false }) {
  const folder = temporaryFolder(t)
  const file = join(folder, 'agents.json')
  const registry = jsonFileRegistry(file, options)
  await registry.open()
  t.teardown(() => registry.close?.())
  const shown = (): Record<string, unknown>[] => JSON.parse(readFileSync(file, 'utf8'))
  return { folder, file, log: join(folder, 'agents.log.ndjson'), registry, shown }
}

/** Looks until it is so; answers how long that took. */
async function untilSo(probe: () => boolean, limitMs: number): Promise<number> {
  const sinceMs = performance.now()
  while (!probe() && performance.now() - sinceMs < limitMs) await wait(1)
  return performance.now() - sinceMs
}

/** When the file is written anew for the second time: the first time has failed by then. */
function secondTry(t: Test, disk: string): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0
    // It comes, it goes, and it comes again.
    const watcher = watch(disk, (type, name) => {
      if (type === 'rename' && name === 'agents.json.writing' && ++seen === 3) resolve()
    })
    t.teardown(() => watcher.close())
  })
}

t.test('the file shows who is there, in snake_case; who died is gone', async (t) => {
  const { registry, shown, file } = await filesOf(t)
  t.same(shown(), [])
  const writer = new Writer()
  const labels = { camelCase: 'stays' }
  const [gone, b, a] = [writer.killed('gone'), writer.start('b'), writer.killed('a', { labels })]
  await registry.append([...gone, ...b, ...a.slice(0, 1)])
  await untilSo(() => shown().length === 2, 5_000)
  t.match(shown(), [
    { id: 'b', state: 'running', alive: true, pid: Number, last_heartbeat_at: null },
    { id: 'a', state: 'spawning', alive: false, pid: null, supervisor_id: 'supervisor-1', labels },
  ])
  t.notOk(shown().some((record) => 'logFile' in record))
  await registry.append(a.slice(1, 6))
  await untilSo(() => shown().length === 1, 5_000)
  t.match(shown(), [{ id: 'b' }], 'in reaping it is no longer alive')
  t.equal(statSync(file).mode & 0o777, 0o600)
})

t.test('a change is in the file within 50 ms', async (t) => {
  const { registry, shown } = await filesOf(t)
  const writer = new Writer()
  const took: number[] = []
  for (let i = 1; i <= 7; i += 1) {
    await registry.append(writer.start(`agent-${i}`))
    took.push(await untilSo(() => shown().length === i, 5_000))
  }
  took.sort((a, b) => a - b)
  t.comment(`ms: ${took.map((ms) => ms.toFixed(1)).join(' ')}`)
  // The quickest one: a shared machine is late by itself.
  t.ok((took[0] ?? 0) < 50)
})

t.test('whoever reads it at any moment reads an array that is whole', async (t) => {
  const { registry, file } = await filesOf(t)
  const program = `
    import { readFileSync } from 'node:fs'
    let reads = 0
    for (const endMs = Date.now() + 1_000; Date.now() < endMs; reads += 1)
      if (!Array.isArray(JSON.parse(readFileSync(${JSON.stringify(file)}, 'utf8')))) throw new Error('no array')
    console.log(reads)`
  const reader = execFile(process.execPath, ['--input-type=module', '-e', program])
  let reads = ''
  reader.stdout?.on('data', (text) => {
    reads += text
  })
  const exited = once(reader, 'exit')
  let over = false
  void exited.then(() => {
    over = true
  })
  const writer = new Writer()
  for (let i = 0; !over; i += 1) {
    await registry.append(writer.start(`agent-${i}`))
    await wait(2)
  }
  t.equal((await exited)[0], 0)
  t.ok(Number(reads) > 50, `${reads.trim()} reads`)
})

t.test(
  'the log is a head and a line per entry; the file is written anew from it, whatever it said',
  async (t) => {
    const { registry, file, log, shown } = await filesOf(t)
    const entries = [...new Writer().start('a')]
    await registry.append(entries)
    await registry.close?.()
    const lines = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    t.match(lines[0], { reeve: 'log', version: 1 })
    t.same(lines.slice(1), entries)
    for (const said of ['{"half', '', '[]']) {
      writeFileSync(file, said)
      await registry.open()
      t.match(shown(), [{ id: 'a' }])
      await registry.close?.()
    }
  },
)

t.test('a last line that was torn is cut off and kept beside the log', async (t) => {
  const { registry, log } = await filesOf(t)
  const writer = new Writer()
  const [first = [], second = []] = [writer.start('a'), writer.start('b')]
  await registry.append(first)
  await registry.close?.()
  const torn = JSON.stringify(second[0]).slice(0, 50)
  appendFileSync(log, torn)
  await registry.open()
  t.equal(readFileSync(`${log}.torn`, 'utf8'), `${torn}\n`)
  await registry.append(second)
  t.same(await registry.history('b'), second)
  await registry.close?.()
  appendFileSync(log, 'again')
  await registry.open()
  t.equal(readFileSync(`${log}.torn`, 'utf8'), `${torn}\nagain\n`, 'added to, never overwritten')
})

t.test('what is not ours, or damaged, is left as it is', async (t) => {
  const refused = async (
    t: Test,
    spoil: (file: string, log: string) => void,
    message: string,
    code = 'registry_corrupt',
  ) => {
    const { registry, file, log } = await filesOf(t)
    await registry.append(new Writer().killed('a'))
    await registry.append(new Writer('another').start('b'))
    await registry.close?.()
    spoil(file, log)
    const before = [file, log].map((path) => existsSync(path) && readFileSync(path, 'utf8'))
    await t.rejects(registry.open(), { code, message })
    t.same(
      [file, log].map((path) => existsSync(path) && readFileSync(path, 'utf8')),
      before,
      'not a byte is changed',
    )
  }
  const edit = (log: string, change: (lines: string[]) => string[]) =>
    writeFileSync(log, change(readFileSync(log, 'utf8').split('\n')).join('\n'))

  await t.test('a line in the middle', (t) =>
    refused(
      t,
      (_, log) => edit(log, (lines) => lines.with(3, '{"seq":')),
      'agents.log.ndjson is damaged: line 4 is no entry',
    ),
  )
  await t.test('a line that is JSON, and no entry', (t) =>
    refused(t, (_, log) => edit(log, (lines) => lines.with(2, '{"level":"info"}')), 'line 3 is no entry'),
  )
  await t.test("someone else's log", (t) =>
    refused(
      t,
      (_, log) => writeFileSync(log, '{"level":"info"}\n{"level":"info"}\n'),
      'is not a log of Reeve',
    ),
  )
  await t.test('a log of a newer Reeve', (t) =>
    refused(
      t,
      (_, log) => edit(log, (lines) => lines.with(0, '{"reeve":"log","version":9,"passed":[]}')),
      'is of version 9; this Reeve knows up to 1',
      'registry_unavailable',
    ),
  )
  await t.test('no log, and a file that names agents', (t) =>
    refused(t, (_, log) => rmSync(log), 'is missing'),
  )
  await t.test('no log, and a file of another program', (t) =>
    refused(
      t,
      (file, log) => {
        rmSync(log)
        writeFileSync(file, '{"name": "x"}')
      },
      'another program',
    ),
  )
})

t.test('one process has it at a time, and is named; SIGKILL frees it', async (t) => {
  const { registry, file } = await filesOf(t)
  await registry.close?.()
  const program = `
    const { jsonFileRegistry } = await import(${here('../../lib/registry-json-file.js')})
    await jsonFileRegistry(${JSON.stringify(file)}).open()
    setInterval(() => {}, 1000)
    console.log('open')`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  await t.rejects(registry.open(), {
    code: 'registry_unavailable',
    message: `is in use by pid ${holder.pid}`,
  })
  await t.rejects(registry.append(new Writer().start('a')), {
    code: 'registry_unavailable',
    message: 'call open() first',
  })
  const exited = once(holder, 'exit')
  holder.kill('SIGKILL')
  await exited
  await registry.open()
  await registry.append(new Writer().start('a'))
})

t.test('who ended long ago goes from the log, and does not come back', async (t) => {
  const clock = new SteppingClock(Date.UTC(2026, 0, 1, 0, 30))
  const options = { retention: { ended: '1h' }, clock }
  const { registry, log } = await filesOf(t, options)
  const writer = new Writer()
  const old = [...writer.killed('old'), ...writer.killed('erased'), ...writer.start('alive')]
  await registry.append(old)
  await registry.remove('erased', { history: true })
  const text = () => readFileSync(log, 'utf8')
  t.match(text(), '"agentId":"old"')
  clock.advance(61 * 60_000)
  await registry.append(writer.notes('alive', 1))
  t.notMatch(text(), '"agentId":"old"')
  t.notMatch(text(), '"agentId":"erased"')
  t.match(await registry.records(), [{ id: 'alive' }])
  await registry.append(old)
  t.same(await registry.history('old'), [], 'the same batch again brings nothing back')
  t.equal((await registry.history('alive')).length, 4)
  await registry.close?.()
  await registry.open()
  await registry.append(old)
  t.match(await registry.records(), [{ id: 'alive' }])
  t.equal((await registry.history('alive')).length, 4)
})

t.test('a log that was taken away while in use is not written into nowhere', async (t) => {
  const { registry, log } = await filesOf(t)
  const writer = new Writer()
  const [first = [], second = []] = [writer.start('a'), writer.start('b')]
  await registry.append(first)
  renameSync(log, `${log}.away`)
  await t.rejects(registry.append(second), { code: 'registry_unavailable', message: 'was moved or replaced' })
  renameSync(`${log}.away`, log)
  await registry.append(second)
  t.same(await registry.history('b'), second)
})

t.test('a file that cannot be rewritten is told by the next append, and mended by itself', async (t) => {
  const disk = smallDisk(t, temporaryFolder(t), 512)
  if (!disk) return
  const file = join(disk, 'agents.json')
  const registry = jsonFileRegistry(file, { retention: false })
  await registry.open()
  const writer = new Writer()
  const mend = fill(disk)
  // It fits into the last page of the log; the new file does not fit at all.
  const tried = secondTry(t, disk)
  await registry.append(writer.start('a'))
  await tried
  const more = writer.start('b')
  await t.rejects(registry.append(more), {
    code: 'registry_unavailable',
    message: `${file} cannot be used: the disk is full`,
    errno: 'ENOSPC',
  })
  await mend()
  await registry.append(more)
  await untilSo(() => JSON.parse(readFileSync(file, 'utf8')).length === 2, 5_000)
  t.match(JSON.parse(readFileSync(file, 'utf8')), [{ id: 'a' }, { id: 'b' }])
  await registry.close?.()
})

t.test('what stands in the way is named: a folder, a read-only file system', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'agents.json'))
  const refused = (file: string, message: string) =>
    t.rejects(jsonFileRegistry(file).open(), {
      code: 'registry_unavailable',
      message: `${file} cannot be used: ${message}`,
    })
  await refused(join(folder, 'agents.json'), 'it is a folder')
  const disk = smallDisk(t, folder, 512)
  if (!disk) return
  execFileSync('mount', ['-o', 'remount,ro', disk])
  await refused(join(disk, 'agents.json'), 'it is on a read-only file system')
  await refused(join(disk, 'new', 'agents.json'), 'it is on a read-only file system')
})

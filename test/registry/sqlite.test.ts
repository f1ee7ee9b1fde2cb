/** The tables as anyone reads them, with an SQLite of their own. */
import { execFile } from 'node:child_process'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { Entry } from '../../machines/events.ts'
import { SteppingClock } from '../../src/clock.ts'
import { loadSqlite } from '../../src/registry/sqlite/api.ts'
import { checkOwner, migrate } from '../../src/registry/sqlite/schema.ts'
import { type SqliteRegistryOptions, sqliteRegistry } from '../../src/registry/sqlite.ts'
import { batchesOf, Writer } from '../../src/testing.ts'
import { temporaryFolder } from '../contract/place.ts'

const { DatabaseSync } = await loadSqlite()
const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)

/** A registry, and what a program that knows nothing of it reads from its file. */
async function readable(t: Test, options: SqliteRegistryOptions = { retention: false }) {
  const file = join(temporaryFolder(t), 'agents.db')
  const registry = sqliteRegistry(file, options)
  await registry.open()
  const other = new DatabaseSync(file)
  t.teardown(async () => {
    other.close()
    await registry.close?.()
  })
  const select = (sql: string, ...values: (string | number)[]) =>
    other
      .prepare(sql)
      .all(...values)
      .map((row) => ({ ...row }))
  return { file, registry, select }
}

const kill = (
  writer: Writer,
  agentId: string,
  more: Partial<Entry>,
  ...signals: NodeJS.Signals[]
): Entry[] => {
  const step = (from: Entry['from'], to: Entry['to'], event: Entry['event'], rest: Partial<Entry> = {}) =>
    writer.entry(agentId, { from, to, event, pid: 4_711, ...more, ...rest })
  const exit = { code: null, signal: signals.at(-1) ?? 'SIGTERM' }
  return [
    step('running', 'terminating', 'stop'),
    ...signals.map((signal) =>
      step('terminating', 'terminating', 'rung', {
        evidence: { signal, ...(signal !== 'SIGKILL' && { waitMs: 2_500 }) },
      }),
    ),
    step('terminating', 'reaping', 'exit', { exit }),
    step('reaping', 'killed', 'end', { exit }),
  ]
}

t.test('an agent is a row: its state, the last pid, its task, and why it ended', async (t) => {
  const { registry, select } = await readable(t)
  const writer = new Writer()
  await registry.append(writer.start('a', { task: 'T-1', lane: 'architect', pid: 12 }))
  const row = () =>
    select('SELECT agent_id, pid, status, task_id, agent_type FROM agent_lifecycle WHERE agent_id = ?', 'a')
  t.same(row(), [{ agent_id: 'a', pid: 12, status: 'running', task_id: 'T-1', agent_type: 'architect' }])
  const reason = { kind: 'stall', by: 'killStalled', message: 'silent for 300 s' } as const
  await registry.append(kill(writer, 'a', { reason, pid: 12 }, 'SIGTERM'))
  t.match(row(), [{ status: 'killed', pid: 12 }])
  t.match(select('SELECT * FROM agent_lifecycle'), [
    {
      name: 'name of a',
      command: '["agent","--fast"]',
      worktree_path: '/work',
      retry_count: 0,
      exit_code: null,
      completed_at: /^2026-01-01T/,
      error_message: 'Agent killed: silent for 300 s (stall, by killStalled)',
    },
  ])
  await registry.append([...writer.crashed('b').slice(0, -1)])
  t.match(select(`SELECT * FROM agent_lifecycle WHERE agent_id = 'b'`), [
    { agent_type: 'name of b', status: 'crashed', exit_code: 3, error_message: 'Exited with code 3' },
  ])
})

t.test('the log is a row per entry', async (t) => {
  const { registry, select } = await readable(t)
  const entries = new Writer().killed('a')
  await registry.append(entries)
  t.same(
    select(
      'SELECT supervisor_id, seq, agent_id, name, incarnation, from_state, to_state, event, at, pid FROM agent_transition',
    ),
    entries.map((entry) => ({
      supervisor_id: entry.supervisorId,
      seq: entry.seq,
      agent_id: 'a',
      name: entry.name,
      incarnation: 1,
      from_state: entry.from,
      to_state: entry.to,
      event: entry.event,
      at: entry.at,
      pid: entry.pid ?? null,
    })),
  )
  t.match(
    select(`SELECT json_extract(entry, '$.reason.by') AS by FROM agent_transition WHERE to_state = 'killed'`),
    [{ by: 'tester' }],
  )
})

t.test('a task stands as its agent does, and a restart puts it back to running', async (t) => {
  const { registry, select } = await readable(t)
  const writer = new Writer()
  const task = (id: string) =>
    select('SELECT status, assigned_agent, error_message FROM orchestrator_task WHERE task_id = ?', id)[0]
  const end = (agentId: string, to: Entry['to'], more: Partial<Entry>) =>
    writer.entry(agentId, { from: 'reaping', to, event: 'end', ...more })

  await registry.append([
    ...writer.start('done', { task: 'done' }),
    end('done', 'completed', { exit: { code: 0, signal: null } }),
  ])
  t.same(task('done'), { status: 'completed', assigned_agent: 'done', error_message: null })
  await registry.append([
    ...writer.start('off', { task: 'off' }),
    end('off', 'killed', { reason: { kind: 'cancelled', by: 'tester' } }),
  ])
  t.same(task('off'), {
    status: 'cancelled',
    assigned_agent: 'off',
    error_message: 'Agent killed: cancelled, by tester',
  })
  await registry.append(writer.killed('shot', { task: 'shot' }))
  t.match(task('shot'), { status: 'failed', error_message: 'Agent killed: enough (user, by tester)' })

  const crash = writer.crashed('back', { task: 'back' })
  await registry.append(crash.slice(0, -1))
  t.match(task('back'), { status: 'failed', error_message: 'Exited with code 3' })
  await registry.append(crash.slice(-1))
  t.same(task('back'), { status: 'running', assigned_agent: 'back', error_message: null })

  await registry.append(writer.start('other', { task: 'shot' }))
  t.match(task('shot'), { status: 'running', assigned_agent: 'other' }, 'another agent has it now')
  await registry.append([writer.entry('shot', { from: 'killed', to: 'killed', event: 'result' })])
  t.match(task('shot'), { status: 'running', assigned_agent: 'other' }, 'the former one has no say')
})

t.test('a kill is a row: who, why, what was sent, what happened', async (t) => {
  const { registry, select } = await readable(t)
  const writer = new Writer()
  const reason = { kind: 'user', by: 'cli', message: 'why not' } as const
  const gentle = [
    ...writer.start('gentle', { task: 'T' }),
    ...kill(writer, 'gentle', { reason, task: 'T' }, 'SIGINT', 'SIGTERM'),
  ]
  const hard = [
    ...writer.start('hard'),
    ...kill(writer, 'hard', { reason, escaped: [9] }, 'SIGTERM', 'SIGKILL'),
  ]
  const never = [
    ...writer.crashed('never'),
    writer.entry('never', { from: 'restarting', to: 'killed', event: 'end', reason }),
  ]
  // One entry at a time: a kill is carried on from batch to batch.
  for (const entry of [...gentle, ...hard, ...never]) await registry.append([entry])
  t.match(select('SELECT * FROM agent_kill ORDER BY seq'), [
    {
      ...{
        agent_id: 'gentle',
        pid: 4_711,
        task_id: 'T',
        requested_by: 'cli',
        reason_kind: 'user',
        reason: 'why not',
      },
      ...{ signal: 'SIGTERM', grace_period_seconds: 5, forced: 0, killed_gracefully: 1, escaped: '[]' },
      ...{ requested_at: /^2026-01-01/, killed_at: /^2026-01-01/ },
    },
    {
      agent_id: 'hard',
      signal: 'SIGKILL',
      grace_period_seconds: 2.5,
      forced: 1,
      killed_gracefully: 0,
      escaped: '[9]',
    },
    { agent_id: 'never', signal: null, grace_period_seconds: 0, forced: 0, killed_gracefully: 1 },
  ])
})

t.test('what ended long ago goes, with all that belongs to it; what lives stays, however old', async (t) => {
  const clock = new SteppingClock(Date.UTC(2026, 0, 1, 1))
  const { file, registry, select } = await readable(t, { retention: { ended: '1h' }, clock })
  const writer = new Writer()
  const old = [...writer.killed('old', { task: 'old' }), ...writer.start('alive', { task: 'alive' })]
  await registry.append(old)
  t.equal(select('SELECT * FROM agent_lifecycle').length, 2, 'at first all is there')
  clock.advance(2 * 60_000)
  await registry.append(writer.notes('alive', 1))
  const ids = (table: string, column = 'agent_id') => [
    ...new Set(select(`SELECT ${column} AS id FROM ${table}`).map((row) => (row as { id?: string }).id)),
  ]
  for (const table of ['agent_lifecycle', 'agent_transition']) t.same(ids(table), ['alive'], table)
  t.same(ids('orchestrator_task', 'task_id'), ['alive'])
  t.same(ids('agent_kill'), [])
  await registry.append(old)
  t.same(ids('agent_transition'), ['alive'], 'the same batch again brings nothing back')

  await registry.append(writer.killed('later'))
  await registry.close?.()
  clock.advance(60 * 60_000)
  const again = sqliteRegistry(file, { retention: { ended: '1h' }, clock })
  await again.open()
  t.match(await again.records(), [{ id: 'alive' }], 'looked at when it is opened, too')
  await again.close?.()
})

t.test(
  'the file is its owner’s alone, and made with its folder; a file that is there keeps its mode',
  async (t) => {
    const file = join(temporaryFolder(t), 'new', 'agents.db')
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
    const registry = sqliteRegistry(file)
    await registry.open()
    t.same([file, `${file}-wal`, join(file, '..')].map(mode), ['600', '600', '700'])
    await registry.close?.()
    chmodSync(file, 0o640)
    await registry.open()
    t.equal(mode(file), '640')
    await registry.close?.()
  },
)

t.test('tables of a newer Reeve are left alone, and so is the database of another program', async (t) => {
  const folder = temporaryFolder(t)
  const made = async (name: string, sql: string) => {
    const file = join(folder, name)
    if (name === 'newer.db') {
      const registry = sqliteRegistry(file)
      await registry.open()
      await registry.close?.()
    }
    const database = new DatabaseSync(file)
    database.exec(sql)
    database.close()
    return file
  }
  const refuses = async (file: string, error: { code: string; message: string }) => {
    const before = readFileSync(file)
    const registry = sqliteRegistry(file)
    await t.rejects(registry.open(), error)
    await registry.close?.()
    t.ok(before.equals(readFileSync(file)), 'not a byte is changed')
  }
  const newer = await made('newer.db', 'PRAGMA user_version = 99')
  await refuses(newer, {
    code: 'registry_unavailable',
    message: `${newer} has tables of version 99; this Reeve knows up to 1`,
  })
  const theirs = await made('theirs.db', 'CREATE TABLE photos (id INTEGER)')
  await refuses(theirs, {
    code: 'registry_corrupt',
    message: `${theirs} is an SQLite database of another program`,
  })
})

t.test('a path or a retention that is none is refused at once', async (t) => {
  for (const path of ['', ':memory:', 'a\0b', 7 as unknown as string])
    t.throws(() => sqliteRegistry(path), { code: 'invalid_spec', field: 'path' })
  for (const ended of ['soon', '', -1, Number.NaN])
    t.throws(() => sqliteRegistry('x.db', { retention: { ended } }), {
      code: 'invalid_spec',
      field: 'retention.ended',
    })
})

t.test(
  'entries that come late, numbers after theirs being there: the log has them in their place, no record goes back',
  async (t) => {
    const { registry } = await readable(t)
    const writer = new Writer()
    const [first = [], lost = [], later = []] = batchesOf(writer.killed('a'), 3)
    const unseen = writer.killed('b')
    const last = writer.start('c')
    for (const batch of [first, later, last]) await registry.append(batch)
    const record = await registry.records({ id: 'a' })
    for (const batch of [lost, unseen]) await registry.append(batch)
    t.same(await registry.history('a'), [...first, ...lost, ...later])
    t.same(await registry.records({ id: 'a' }), record)
    t.match(
      await registry.records({ id: 'b' }),
      [{ state: 'killed' }],
      'an agent nobody had heard of is taken whole',
    )
  },
)

t.test('another makes the tables while it is looked whose database it is: it is no stranger', async (t) => {
  for (let reads = 1; reads <= 3; reads += 1) {
    const file = join(temporaryFolder(t), 'agents.db')
    const [looks, makes] = [new DatabaseSync(file), new DatabaseSync(file)]
    let left = reads
    // Just after so many of its reads.
    const watched = new Proxy(looks, {
      get: (of, name) => (sql: string) => {
        if (name !== 'prepare') throw new Error(`it only reads, and calls ${String(name)}`)
        const statement = of.prepare(sql)
        return {
          get: () => {
            const row = statement.get()
            left -= 1
            if (left === 0) migrate(makes, file)
            return row
          },
        }
      },
    })
    t.doesNotThrow(() => checkOwner(watched, file), `after ${reads} of its reads`)
    looks.close()
    makes.close()
  }
})

t.test('four processes make the same new database at once, and write to it', async (t) => {
  const file = join(temporaryFolder(t), 'agents.db')
  const program = (name: string) => `
    const { sqliteRegistry } = await import(${here('../../lib/registry-sqlite.js')})
    const { Writer, batchesOf } = await import(${here('../../lib/testing.js')})
    const registry = sqliteRegistry(${JSON.stringify(file)})
    await registry.open()
    const writer = new Writer('${name}')
    const entries = [...writer.start('${name}'), ...writer.notes('${name}', 2_000)]
    for (const batch of batchesOf(entries, 100)) await registry.append(batch)
    await registry.close()`
  const names = ['one', 'two', 'three', 'four']
  await Promise.all(
    names.map((name) => promisify(execFile)(process.execPath, ['--input-type=module', '-e', program(name)])),
  )
  const registry = sqliteRegistry(file)
  await registry.open()
  t.equal((await registry.records()).length, 4)
  for (const name of names) t.equal((await registry.history(name)).length, 2_003)
  await registry.close?.()
})

/** A crew whose record is an SQLite file: read by anyone, locked by someone, and left by a supervisor that was killed. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import { crew, DIST, soon, until } from '../support.ts'
import { openDatabase } from './database.ts'

t.test('any program reads what became of an agent with plain SQL', async (t) => {
  const file = path.join(t.testdir(), 'agents.db')
  const c = await crew(t, { registry: sqliteRegistry(file) })
  const agent = c.spawn({ name: 'coder', command: ['sleep', '1000'], task: 'TASK-31-1' })
  await agent.ready
  await agent.stop({ by: 'a person', reason: 'enough' })
  await c.stop()
  const db = await openDatabase(file)
  t.match(
    db.prepare('SELECT agent_id, pid, status, task_id FROM agent_lifecycle WHERE agent_id = ?').get(agent.id),
    {
      agent_id: agent.id,
      pid: agent.pid,
      status: 'killed',
      task_id: 'TASK-31-1',
    },
  )
  t.match(db.prepare('SELECT status FROM orchestrator_task WHERE task_id = ?').get('TASK-31-1'), {
    status: 'failed',
  })
  const states = db
    .prepare('SELECT to_state FROM agent_transition WHERE from_state IS NOT to_state ORDER BY seq')
    .all()
  t.same(
    states.map((row) => row.to_state),
    ['spawning', 'pre_starting', 'running', 'terminating', 'reaping', 'killed'],
  )
  db.close()
})

t.test(
  '33. the file is locked by another process: agents run on, and the log is whole when it is free again',
  async (t) => {
    const file = path.join(t.testdir(), 'agents.db')
    const c = await crew(t, { registry: sqliteRegistry(file) })
    const failures: string[] = []
    c.on('sink-error', ({ message }) => failures.push(message))
    const other = await openDatabase(file)
    other.exec('BEGIN EXCLUSIVE')
    const agents = Array.from({ length: 20 }, () => c.spawn({ command: ['true'] }))
    await soon(Promise.all(agents.map(({ ended }) => ended)), 'they end all the same')
    await until(() => failures.length > 0 || null, { what: 'the failure is told' })
    t.match(failures[0], /locked/)
    other.exec('COMMIT')
    other.close()
    t.match(await soon(c.stop(), 'stopped'), { timedOut: false })
    const db = await openDatabase(file)
    const seqs = db
      .prepare('SELECT seq FROM agent_transition ORDER BY seq')
      .all()
      .map((row) => Number(row.seq))
    t.same(
      seqs,
      seqs.map((_, i) => i + 1),
      'no entry is missing',
    )
    t.equal(seqs.length, 100, 'twenty lives of five entries')
    db.close()
  },
)

t.test(
  'SIGKILL of the supervisor while the file is locked: the next one brings the rest, from any home',
  async (t) => {
    const folder = t.testdir()
    const file = path.join(folder, 'agents.db')
    const script = `
    import { createSupervisor } from ${JSON.stringify(`${DIST}/lib/index.js`)}
    import { sqliteRegistry } from ${JSON.stringify(`${DIST}/lib/registry-sqlite.js`)}
    import { openDatabase } from ${JSON.stringify(`${DIST}/test/scenarios/database.js`)}
    const reeve = await createSupervisor({ registry: sqliteRegistry(${JSON.stringify(file)}) })
    reeve.on('sink-error', () => {})
    const other = await openDatabase(${JSON.stringify(file)})
    other.exec('BEGIN EXCLUSIVE')
    await Promise.all([1, 2, 3].map(() => reeve.spawn({ command: ['true'] }).ended))
    process.kill(process.pid, 'SIGKILL')
  `
    const env = { ...process.env, REEVE_HOME: path.join(folder, 'user') }
    t.throws(() =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, stdio: 'ignore' }),
    )
    t.equal(fs.readdirSync(path.join(env.REEVE_HOME, 'spill')).length, 1)
    const next = `
    import { createSupervisor } from ${JSON.stringify(`${DIST}/lib/index.js`)}
    import { sqliteRegistry } from ${JSON.stringify(`${DIST}/lib/registry-sqlite.js`)}
    const reeve = await createSupervisor({ registry: sqliteRegistry(${JSON.stringify(file)}) })
    await reeve.stop()
  `
    execFileSync(process.execPath, ['--input-type=module', '-e', next], { env })
    const db = await openDatabase(file)
    t.equal(db.prepare('SELECT count(*) AS n FROM agent_transition').get()?.n, 15)
    db.close()
    t.same(fs.readdirSync(path.join(env.REEVE_HOME, 'spill')), [])
  },
)

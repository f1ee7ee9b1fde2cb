/** What a successor makes of the agents that a supervisor left when it was killed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { createSupervisor } from '../../src/index.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import { Vigil } from '../../src/vigil.ts'
import {
  alive,
  FOREVER,
  fixture,
  type Host,
  host,
  launcherOf,
  nothingIsLeft,
  pidsFrom,
  refusal,
  remember,
  said,
  soon,
  until,
  untilDead,
} from '../support.ts'
import { openDatabase } from './database.ts'
import { killed, killedWithLauncher, pidsOf, place, predecessor, storyOf, successor } from './succession.ts'

nothingIsLeft(t)
t.jobs = 2

const THIRTY = `
  for (let i = 0; i < 30; i += 1) {
    const command = run('counts-lines.sh', FOLDER + '/agent-' + i, i < 3 ? 0.05 : 1)
    supervisor.spawn({ name: 'agent-' + i, id: 'id-' + i, command, ...kept, ...(i % 2 && { onSupervisorDeath: 'end' }) })
  }
  await Promise.all(supervisor.list().map(({ id }) => supervisor.get(id).ready))
  process.on('SIGUSR2', () => supervisor.spawn({ command: ['true'] }).ended.then(() => say('served')))`

/** Which of the two processes die, in what order. */
const DEATHS: Record<string, (h: Host, launcher: number) => Promise<void>> = {
  'the supervisor': async (h) => h.signal('SIGKILL'),
  'the launcher, then the supervisor': async (h, launcher) => {
    process.kill(launcher, 'SIGKILL')
    h.signal('SIGUSR2')
    await said(h, 'served')
    h.signal('SIGKILL')
  },
  'both at once': async (h, launcher) => {
    h.signal('SIGKILL')
    process.kill(launcher, 'SIGKILL')
  },
}

for (const [who, kill] of Object.entries(DEATHS)) {
  t.test(`27. 30 agents, half of them to be adopted; ${who} killed: those 15 run on, once`, async (t) => {
    const where = place(t)
    const h = await predecessor(t, where, THIRTY)
    const pids = pidsOf(h)
    const launcher = await launcherOf(where)
    remember(launcher)
    await kill(h, launcher)
    await h.exited
    const reeve = await successor(t, where)
    remember(await launcherOf(reeve))
    const adopted = [...Array(15).keys()].map((i) => `agent-${2 * i}`)
    const ended = [...Array(15).keys()].map((i) => `agent-${2 * i + 1}`)
    await untilDead(ended.map((name) => pids.get(name) ?? 0))
    await until(() => reeve.list().length === 15 || null, { what: 'the others have ended in the log too' })
    t.same(
      reeve.list().map(({ name }) => name),
      adopted,
      'under their names, in their order',
    )
    for (const name of adopted) {
      const agent = reeve.get(name)
      t.match(agent, { state: 'running', incarnation: 1, pid: pids.get(name) })
      t.ok(alive(agent?.pid ?? 0))
    }
    for (const file of [...adopted, ...ended])
      t.equal(readFileSync(join(where.folder, file), 'utf8').trim().split('\n').length, 1, `${file} ran once`)
    for (const record of (await reeve.records()).filter(({ name }) => ended.includes(name)))
      t.match(record, { state: 'killed', alive: false, reason: { kind: 'shutdown' } }, record.name)
    t.equal(reeve.spawn({ id: 'id-0', command: FOREVER }), reeve.get('agent-0'), 'its id is its own')
    const lines: string[] = []
    for await (const line of reeve.logs('agent-0', { follow: true })) if (lines.push(line) === 40) break
    t.same(
      lines,
      lines.map((_, i) => `line ${i + 1}`),
      'its log is whole',
    )
    const story = storyOf(await reeve.history('agent-0'))
    t.same(story, ['spawning spawn', 'pre_starting spawned', 'running ready', 'running adopted'])
    const { ended: stopped, escaped } = await reeve.stop()
    t.same([stopped, escaped], [15, []])
    t.notOk([...pids.values()].some(alive), 'nothing of them is left')
  })
}

t.test(
  '27. an adopted agent is a full member: stdin, reports, readiness, liveness, stall, stop',
  async (t) => {
    const where = place(t)
    const h = await predecessor(
      t,
      where,
      `const usage = '{"type":"usage","turns":1,"tokens":10}'
     const all = [
       { name: 'echo', command: run('repeats-stdin.sh'), stdin: 'open' },
       { name: 'reporter', command: run('reports.sh', usage, 'idle', usage) },
       { name: 'late', command: ['sh', '-c', 'while [ ! -e "$0" ]; do sleep 0.05; done; echo I am ready; exec sleep 1000', FOLDER + '/go'],
         ready: { line: /^I am (READY)$/i, timeout: '1m' } },
       { name: 'silent', command: run('beats-until.sh', FOLDER + '/hush'),
         heartbeat: { timeout: '1s', grace: '100ms', onStall: 'terminate', sources: ['report'] } },
       { name: 'old', command: run('runs-forever.sh'), ttl: '2500ms' },
       { name: 'ailing', command: run('runs-forever.sh'),
         liveness: { exec: { command: ['sh', '-c', 'test ! -e "$0"', FOLDER + '/ill'], every: 20 }, failures: 2 } },
     ].map((spec) => supervisor.spawn({ ...spec, ...kept }))
     await all[0].ready
     await supervisor.send('echo', 'one\\n')
     while (supervisor.get('reporter').record.usage?.turns !== 2) await new Promise((resolve) => setTimeout(resolve, 5))
     while (supervisor.list().some(({ pid }) => pid === null)) await new Promise((resolve) => setTimeout(resolve, 5))`,
    )
    const pids = pidsOf(h)
    await killed(h)
    // Said while nobody listens.
    writeFileSync(
      join(where.home, 'reports', `${await idOf(where.file, 'reporter')}.1`),
      '{"type":"usage","turns":5}\n',
      { flag: 'a' },
    )
    const reeve = await successor(t, where)
    remember(await launcherOf(reeve))
    t.same(
      reeve.list().map(({ name, pid }) => [name, pid]),
      [...pids],
    )
    await reeve.send('echo', 'two\n')
    const lines: string[] = []
    for await (const line of reeve.logs('echo', { follow: true })) if (lines.push(line) === 2) break
    t.same(lines, ['got one', 'got two'], 'its stdin was open all the while')

    const { usage } = await until(
      () => (reeve.get('reporter')?.record.usage?.turns === 7 ? reeve.get('reporter')?.record : null),
      { what: 'usage' },
    )
    t.same(usage, { turns: 7, tokens: 20, usd: 0 }, 'each report counted once')
    t.match(reeve.get('reporter'), { state: 'running', activity: { kind: 'idle' } })

    t.equal(reeve.get('late')?.state, 'pre_starting')
    writeFileSync(join(where.folder, 'go'), '')
    t.match(await soon(reeve.get('late')?.ready ?? Promise.reject(), 'it is ready'), {
      state: 'running',
      evidence: { ready: 'I am ready' },
    })

    writeFileSync(join(where.folder, 'hush'), '')
    t.match(await soon(reeve.get('silent')?.ended ?? Promise.reject(), 'it stalls'), {
      state: 'killed',
      reason: { kind: 'stall' },
    })
    t.match(await soon(reeve.get('old')?.ended ?? Promise.reject(), 'its lifetime ends'), {
      state: 'killed',
      reason: { kind: 'ttl' },
    })
    writeFileSync(join(where.folder, 'ill'), '')
    t.match(await soon(reeve.get('ailing')?.ended ?? Promise.reject(), 'it is asked whether it is well'), {
      state: 'killed',
      reason: { kind: 'liveness', by: 'supervisor', message: /^2 probes in a row failed/ },
    })
    const { reason } = (await reeve.history('old')).at(-1) ?? {}
    t.equal(reason?.kind, 'ttl')

    t.match(await reeve.stop('echo'), { success: true, pid: pids.get('echo'), killedGracefully: true })
    t.equal(reeve.get('echo')?.state, 'killed')
    t.match(await reeve.get('late')?.restart(), { state: 'running', incarnation: 2 })
  },
)

t.test(
  '28. what died in between ends, at the latest moment it was known to live; its policy applies',
  async (t) => {
    const where = place(t)
    const h = await predecessor(
      t,
      where,
      `const quick = { backoff: { initial: 50 }, type: undefined }
     const restart = (policy) => ({ policy, backoff: { initial: '50ms' } })
     const all = [
       { name: 'temporary', command: run('runs-forever.sh') },
       { name: 'permanent', command: run('appends-pid.sh', FOLDER + '/permanent'), restart: restart('permanent') },
       { name: 'ending', command: run('sleeps-through-sigterm.sh'), ready: { line: 'ready' },
         stop: [{ signal: 'SIGTERM', wait: '1h' }, { signal: 'SIGTERM', wait: '6h' }], cleanup: [{ command: ['touch', FOLDER + '/cleaned'] }] },
       { name: 'hooked', command: run('runs-forever.sh'), cleanup: [() => {}, () => {}] },
       { name: 'again', command: run('sleeps-through-sigterm.sh'), ready: { line: 'ready' }, stop: [{ signal: 'SIGTERM', wait: '300ms' }] },
     ].map((spec) => supervisor.spawn({ ...kept, ...spec }))
     await Promise.all(all.map(({ ready }) => ready))
     const pausing = supervisor.spawn({ name: 'pausing', command: run('exits-with.sh', 3), ...kept,
       restart: { policy: 'permanent', backoff: { initial: '3s', jitter: 0 }, intensity: { restarts: 2, within: '1m' } } })
     while (pausing.state !== 'restarting') await new Promise((resolve) => setTimeout(resolve, 5))
     void supervisor.stop('ending', { reason: 'enough', by: 'someone', grace: '700ms', cleanup: false }).catch(() => {})
     void supervisor.restart('again').catch(() => {})
     while (supervisor.list({ state: 'terminating' }).length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
     await new Promise((resolve) => setTimeout(resolve, 50))`,
    )
    const pids = pidsOf(h)
    await killedWithLauncher(h, where)
    const diedAt = Date.now()
    for (const name of ['temporary', 'permanent', 'hooked']) process.kill(pids.get(name) ?? 0, 'SIGKILL')
    await untilDead(['temporary', 'permanent', 'hooked'].map((name) => pids.get(name) ?? 0))
    await pause(1100)
    const reeve = await successor(t, where)
    remember(await launcherOf(reeve))

    const temporary = await soon(reeve.get('temporary')?.ended ?? Promise.reject(), 'it has ended')
    t.match(temporary, { state: 'crashed', exit: { code: null, signal: null }, reason: null })
    t.ok(Date.parse(temporary.endedAt ?? '') <= diedAt + 50, 'not later than it can have lived')

    const permanent = reeve.get('permanent')
    await until(() => (permanent?.incarnation === 2 && permanent.state === 'running') || null, {
      what: 'it is restarted',
    })
    t.equal((await pidsFrom(join(where.folder, 'permanent'), 2)).length, 2)

    t.match(await soon(reeve.get('ending')?.ended ?? Promise.reject(), 'its ladder goes on'), {
      state: 'killed',
      reason: { kind: 'user', by: 'someone', message: 'enough' },
    })
    const rungs = (await reeve.history('ending')).filter(({ event }) => event === 'rung')
    t.same(
      rungs.map(({ evidence }) => evidence?.signal),
      ['SIGTERM', 'SIGTERM', 'SIGKILL'],
      'no rung is taken twice, and each has what it was given',
    )
    t.notOk(existsSync(join(where.folder, 'cleaned')), 'what it leaves stays for a look, as it was asked')

    const { cleanupErrors } = await soon(reeve.get('hooked')?.ended ?? Promise.reject(), 'it has ended')
    t.match(cleanupErrors, [{ code: 'cleanup_lost', message: /: 2/ }])

    await until(
      () => (reeve.get('again')?.incarnation === 2 && reeve.get('again')?.state === 'running') || null,
      { what: 'it was to come back' },
    )

    const pausing = reeve.get('pausing')
    const over = await soon(
      until(() => (pausing?.incarnation === 2 && pausing.state === 'restarting') || null, {
        what: 'the second backoff',
      }),
      'it fails again',
    )
    t.ok(over)
    const history = await reeve.history('pausing')
    const atMs = (event: string, incarnation: number) =>
      Date.parse(
        history.find((entry) => entry.event === event && entry.incarnation === incarnation)?.at ?? '',
      )
    t.ok(atMs('spawn', 2) - atMs('backoff', 1) >= 2_900, 'what is left of its backoff is waited for')
    t.match(
      history.filter(({ event }) => event === 'backoff').map(({ evidence }) => evidence?.attempt),
      [1, 2],
      'its failures are remembered',
    )
  },
)

t.test(
  '29. a row changed to the pid of a stranger: the stranger is untouched, the agent crashed',
  async (t) => {
    const where = place(t)
    const h = await predecessor(
      t,
      where,
      "await supervisor.spawn({ name: 'mine', id: 'mine', command: run('runs-forever.sh'), ...kept }).ready",
    )
    const pids = pidsOf(h)
    await killedWithLauncher(h, where)
    process.kill(pids.get('mine') ?? 0, 'SIGKILL')
    const other = await predecessor(
      t,
      place(t),
      "await supervisor.spawn({ name: 'stranger', command: run('runs-forever.sh') }).ready",
    )
    const stranger = pidsOf(other).get('stranger') ?? 0
    const stat = readFileSync(`/proc/${stranger}/stat`, 'utf8')
    const startTime = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
    for (const file of ['launcher', 'spill']) void file
    const db = await openDatabase(where.file)
    const change = `json_set(json_set(entry, '$.pid', ${stranger}), '$.startTime', ${startTime})`
    db.exec(`UPDATE agent_transition SET pid = ${stranger}, entry = ${change} WHERE pid IS NOT NULL`)
    db.exec(
      `UPDATE agent_lifecycle SET pid = ${stranger}, record = json_set(json_set(record, '$.pid', ${stranger}), '$.startTime', ${startTime})`,
    )
    db.close()
    const reeve = await successor(t, where)
    remember(await launcherOf(reeve))
    t.match(await soon(reeve.get('mine')?.ended ?? Promise.reject(), 'it has ended'), {
      state: 'crashed',
      pid: null,
      exit: { code: null, signal: null },
    })
    await reeve.stop()
    t.ok(alive(stranger), 'nobody signalled the stranger')
    await killed(other)
  },
)

t.test('28. a fault over the last words of one agent leaves all taken over, and its end told', async (t) => {
  const where = place(t)
  const h = await predecessor(
    t,
    where,
    `const all = ['unlucky', 'next', 'last'].map((name) =>
       supervisor.spawn({ ...kept, id: name, name, command: run('runs-forever.sh') }))
     await Promise.all(all.map(({ ready }) => ready))`,
  )
  const pids = pidsOf(h)
  remember(await launcherOf(where))
  await killed(h)
  for (const name of ['unlucky', 'next']) process.kill(pids.get(name) ?? 0, 'SIGKILL')
  await untilDead(['unlucky', 'next'].map((name) => pids.get(name) ?? 0))

  const { lastWords } = Vigil.prototype
  Vigil.prototype.lastWords = function (life) {
    if (life.agentId === 'unlucky') throw new Error('bad luck')
    lastWords.call(this, life)
  }
  t.teardown(() => {
    Vigil.prototype.lastWords = lastWords
    process.off('warning', listen)
  })
  const warned: string[] = []
  const listen = ({ message }: Error) => void warned.push(message)
  process.on('warning', listen)
  const reeve = await successor(t, where)
  Vigil.prototype.lastWords = lastWords
  t.match(reeve.get('last'), { state: 'running', pid: pids.get('last') })
  for (const name of ['unlucky', 'next'])
    t.match(await soon(reeve.get(name)?.ended ?? Promise.reject(), 'its end is told'), {
      state: 'crashed',
      exit: { signal: 'SIGKILL' },
    })
  await until(() => warned.includes('unlucky could not be taken over as it should: bad luck') || null, {
    what: 'the fault is told',
  })
})

t.test('27. killed while it takes over, again and again: the next one is right as well', async (t) => {
  const where = place(t)
  const h = await predecessor(
    t,
    where,
    `for (const name of ['a', 'b', 'c'])
       await supervisor.spawn({ name, command: run('appends-pid.sh', FOLDER + '/' + name), ...kept, restart: 'permanent' }).ready
     await supervisor.spawn({ name: 'mortal', command: run('runs-forever.sh') }).ready`,
  )
  const pids = pidsOf(h)
  await killed(h)
  for (const after of ['0', '10', '60']) {
    const next = await predecessor(
      t,
      where,
      `setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${after})`,
    ).catch(() => undefined)
    if (next) await next.exited
  }
  const reeve = await successor(t, where)
  remember(await launcherOf(reeve))
  await untilDead([pids.get('mortal') ?? 0])
  for (const name of ['a', 'b', 'c']) {
    t.match(reeve.get(name), { state: 'running', incarnation: 1, pid: pids.get(name) })
    t.equal((await pidsFrom(join(where.folder, name))).length, 1)
  }
  const all = await reeve.history('a')
  t.same(storyOf(all).slice(0, 3), ['spawning spawn', 'pre_starting spawned', 'running ready'])
  t.ok(
    storyOf(all)
      .slice(3)
      .every((line) => line === 'running adopted'),
  )
})

t.test(
  'records that a supervisor in a home of its own left in a shared registry do not live for ever',
  async (t) => {
    const { folder, file } = place(t)
    const env = { REEVE_HOME: join(folder, 'user') }
    const body = (name: string) => `
    const { sqliteRegistry } = await import(DIST + '/lib/registry-sqlite.js')
    const supervisor = await reeve.createSupervisor({ registry: sqliteRegistry(${JSON.stringify(file)}) })
    const agent = supervisor.spawn({ name: '${name}', command: [FIXTURES + '/runs-forever.sh'] })
    await agent.ready
    say('agent', '${name}', agent.pid)`
    const gone = host(t, body('left'), env)
    await said(gone, 'agent')
    const there = host(t, body('kept'), env)
    await said(there, 'agent')
    const pids = [...pidsOf(gone).values()]
    await killed(gone)
    const next = host(
      t,
      `const { sqliteRegistry } = await import(DIST + '/lib/registry-sqlite.js')
     const supervisor = await reeve.createSupervisor({ registry: sqliteRegistry(${JSON.stringify(file)}) })
     for (;;) {
       const records = await supervisor.records()
       const stateOf = (name) => records.find((record) => record.name === name).state
       if (stateOf('left') === 'crashed') { say('states', stateOf('left'), stateOf('kept')); break }
       await new Promise((resolve) => setTimeout(resolve, 20))
     }
     await supervisor.stop()`,
      env,
    )
    t.equal(await said(next, 'states'), 'crashed running', 'what lives under another supervisor is its own')
    t.notOk(pids.some(alive))
    t.ok([...pidsOf(there).values()].every(alive))
    await next.exited
    await killed(there)
    await untilDead([...pidsOf(there).values()])
  },
)

t.test('"adopt" is refused where nobody could find the agent again', async (t) => {
  const { home, file } = place(t)
  const spec = { command: FOREVER, onSupervisorDeath: 'adopt' } as const
  const defaults = { onSupervisorDeath: 'adopt' } as const
  t.match(await refusal(() => createSupervisor({ defaults }), 'invalid_spec'), {
    field: 'defaults.onSupervisorDeath',
    message: /a home that is given/,
  })
  const forgetful = await createSupervisor({ home, launcher: 'inline' })
  t.match(await refusal(() => forgetful.spawn(spec), 'invalid_spec'), {
    field: 'onSupervisorDeath',
    message: /a registry that outlives/,
  })
  t.same(forgetful.list(), [])
  await forgetful.stop()
  const lasting = await createSupervisor({
    home,
    launcher: 'inline',
    registry: sqliteRegistry(file),
    defaults,
  })
  const agent = lasting.spawn({ command: [fixture('runs-forever.sh')] })
  await agent.ready
  await lasting.stop()
})

async function idOf(file: string, name: string): Promise<string> {
  const db = await openDatabase(file)
  const row = db.prepare('SELECT agent_id FROM agent_lifecycle WHERE name = ?').get(name)
  db.close()
  return String(row?.agent_id)
}

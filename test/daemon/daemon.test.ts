/** One daemon in a home: however many start it, wherever it lies, whatever was left of the one before. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { connect } from '../../src/client/index.ts'
import { doctor, findDaemon, startDaemon } from '../../src/daemon/index.ts'
import {
  alive,
  DIST,
  FOREVER,
  nothingIsLeft,
  refusal,
  remember,
  soon,
  temporaryFolder,
  until,
  untilDead,
} from '../support.ts'
import { ask, endDaemon, freshHome, killDaemon, serving } from './rig.ts'

nothingIsLeft(t)

t.test('started 20 times at once there is one, and all know it', async (t) => {
  const home = freshHome(t)
  const all = await Promise.all(Array.from({ length: 20 }, () => startDaemon({ home })))
  for (const { daemon } of all) remember(daemon.pid)
  t.equal(new Set(all.map(({ daemon }) => daemon.pid)).size, 1)
  t.equal(all.filter(({ started }) => started).length, 1)
  t.equal((await findDaemon(home))?.pid, all[0]?.daemon.pid)
  t.equal((await startDaemon({ home })).started, false)
})

t.test('whoever starts it is held by nothing of it, and it stands nowhere', async (t) => {
  const home = freshHome(t)
  const program = `const { startDaemon } = await import(${JSON.stringify(`${DIST}/lib/daemon.js`)})
    const { daemon } = await startDaemon({ home: ${JSON.stringify(home)} })
    console.log(daemon.pid)`
  const folder = temporaryFolder(t)
  // A pipe ends when everyone who had it has closed it.
  const starter = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'pipe'],
  })
  const stdio = starter.stdio as unknown as Readable[]
  const pipes = [1, 2, 5].map((fd) => stdio[fd] as Readable)
  const [stdout = '', stderr] = await soon(
    Promise.all(pipes.map((pipe) => text(pipe))),
    'its pipes end',
    30_000,
  )
  const pid = Number(stdout)
  remember(pid)
  t.equal(stderr, '')
  t.ok(alive(pid))
  t.equal(fs.readlinkSync(`/proc/${pid}/cwd`), '/')
  const argv = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  t.ok(argv.includes('daemon') && argv.includes(home))
  t.equal((await findDaemon(home))?.pid, pid, 'and it is found from another folder')
})

t.test('in a home too deep for a socket it is found, and its agents find it', async (t) => {
  const home = freshHome(t, ...Array.from({ length: 10 }, (_, i) => `a-rather-long-name-${i}`))
  const { daemon, client } = await serving(t, { home })
  t.ok(Buffer.byteLength(path.join(home, 'daemon.sock')) > 107)
  t.ok(Buffer.byteLength(daemon.socket) <= 107)
  t.equal(fs.statSync(path.dirname(daemon.socket)).mode & 0o777, 0o700)
  t.equal((await ask({ socketPath: daemon.socket, path: '/v1/agents' })).status, 200)
  const agent = await client.spawn({ command: ['sh', '-c', 'echo "$REEVE_SOCKET"'] })
  await agent.ended
  const lines: string[] = []
  for await (const line of agent.logs()) lines.push(line)
  t.strictSame(lines, [daemon.socket])
  await client.shutdown()
  t.notOk(fs.existsSync(daemon.socket))
})

t.test('the doctor says what is wrong and the way out, before, while and after a daemon runs', async (t) => {
  const home = freshHome(t)
  const found = async () =>
    Object.fromEntries(
      (await doctor(home)).map(({ check, verdict, message, way }) => [check, { verdict, message, way }]),
    )
  t.match(await found(), { system: { verdict: 'ok' }, home: { verdict: 'ok', message: /not there yet/ } })
  const { daemon } = await serving(t, { home })
  const healthy = await found()
  t.strictSame(
    Object.values(healthy).filter(({ verdict }) => verdict !== 'ok'),
    [],
  )
  t.match(healthy.daemon, { message: new RegExp(`pid ${daemon.pid}`) })
  fs.chmodSync(daemon.socket, 0o666)
  t.match((await found()).socket, { verdict: 'wrong', way: /chmod 600/ })
  fs.chmodSync(path.join(home, 'token'), 0o644)
  await killDaemon(daemon)
  const after = await found()
  t.match(after.daemon, { verdict: 'warning', way: /reeve up -d/ })
  t.match(after.lock, { verdict: 'ok', message: 'free' })
  t.match(after.socket, { verdict: 'wrong' })
  t.match(after.token, { verdict: 'wrong', way: /remove/ })
  fs.chmodSync(home, 0o755)
  t.match((await found()).home, { verdict: 'wrong', way: /chmod 700/ })
  fs.chmodSync(home, 0o700)
  fs.rmSync(path.join(home, 'token'))
})

t.test('a home that is open to others is refused by everyone', async (t) => {
  const home = temporaryFolder(t)
  fs.chmodSync(home, 0o777)
  for (const attempt of [() => startDaemon({ home }), () => findDaemon(home), () => connect({ home })])
    t.match((await refusal(attempt, 'home_unusable')).message, /is open to others \(mode 0777\).*chmod 700/)
})

t.test('what keeps it from starting is said at once, and nothing is left', async (t) => {
  const home = freshHome(t)
  fs.mkdirSync(home, { recursive: true, mode: 0o700 })
  fs.writeFileSync(path.join(home, 'agents.db'), 'this is no database, and somebody may need it')
  t.match(await refusal(() => startDaemon({ home }), 'registry_corrupt'), { message: /agents\.db/ })
  t.equal(
    fs.readFileSync(path.join(home, 'agents.db'), 'utf8'),
    'this is no database, and somebody may need it',
  )
  t.equal(await findDaemon(home), undefined)

  const { daemon } = await serving(t, { port: 0 })
  const port = Number(new URL(daemon.url ?? '').port)
  const other = freshHome(t)
  t.match(await refusal(() => startDaemon({ home: other, port }), 'daemon_failed'), { message: /EADDRINUSE/ })
  t.notOk(fs.existsSync(path.join(other, 'daemon.json')))
  // @ts-expect-error no such option
  await refusal(() => startDaemon({ home: other, colour: 'red' }), 'invalid_spec')
})

t.test(
  'killed under requests: they fail, what it left misleads nobody, and the next one has its agents',
  async (t) => {
    const { home, daemon, client } = await serving(t)
    const agent = await client.spawn({ name: 'coder', command: FOREVER })
    await agent.ready
    remember(agent.pid ?? 0)
    const { ended } = agent
    const told: string[] = []
    const places: string[] = []
    const reading = (async () => {
      for await (const entry of client.entries({ since: 'start' })) {
        told.push(`${entry.name} ${entry.to}`)
        places.push(`${entry.supervisorId}:${entry.seq}`)
        if (entry.name === 'second' && entry.to === 'killed') return
      }
    })()
    await until(() => told.includes('coder running'), { what: 'the log is read along' })
    const asked = ask({ socketPath: daemon.socket, path: `/v1/agents/${agent.id}/wait?for=ended` })
    const lost = t.rejects(asked, 'a request under way fails')
    const stopping = client.send('coder', 'x').catch(() => {})
    await killDaemon(daemon)
    await lost
    await stopping
    t.equal(await findDaemon(home), undefined, 'the marker of one that is gone is no daemon')
    t.ok(fs.existsSync(path.join(home, 'daemon.json')))
    await refusal(() => client.list(), 'daemon_not_running')
    await refusal(() => connect({ home }), 'daemon_not_running')

    const next = await startDaemon({ home })
    remember(next.daemon.pid)
    t.equal(next.started, true)
    t.not(next.daemon.supervisorId, daemon.supervisorId)
    const adopted = { state: 'running', pid: agent.pid, alive: true, incarnation: 1 }
    t.match((await client.get('coder'))?.record, adopted)
    t.match(await agent.stop(), { pid: agent.pid, killedGracefully: true })
    t.equal((await soon(ended, 'what was waited for before comes after')).state, 'killed')
    const second = await client.spawn({ name: 'second', command: FOREVER })
    await second.ready
    remember(second.pid ?? 0)
    await second.stop()
    await soon(reading, 'the log goes on with the next daemon', 20_000)
    t.strictSame(places, [...new Set(places)], 'nothing comes twice')
    const numbers = (id: string) =>
      places.filter((place) => place.startsWith(`${id}:`)).map((place) => Number(place.split(':')[1]))
    for (const id of [daemon.supervisorId, next.daemon.supervisorId])
      t.strictSame(
        numbers(id),
        numbers(id).map((_, i) => i + 1),
        'nothing is missed',
      )
    t.ok(told.indexOf('coder running') < told.indexOf('second spawning'))
  },
)

t.test('SIGTERM ends it as a request would', async (t) => {
  const { home, daemon, client } = await serving(t)
  const agent = await client.spawn({ command: FOREVER })
  await agent.ready
  const { pid } = agent
  remember(pid ?? 0)
  process.kill(daemon.pid, 'SIGTERM')
  await untilDead([daemon.pid, pid ?? 0])
  for (const name of ['daemon.json', 'daemon.sock']) t.notOk(fs.existsSync(path.join(home, name)), name)
  t.equal(fs.readFileSync(path.join(home, 'connected-agents.json'), 'utf8'), '[]\n')
  t.match(
    fs.readFileSync(path.join(home, 'daemon.log'), 'utf8'),
    /SIGTERM: stopping\n.*stopped: 1 agents ended/,
  )
  await endDaemon(home)
})

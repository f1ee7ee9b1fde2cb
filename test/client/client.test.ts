/** What a program sees that speaks with a daemon through `reeve/client`: the same as with a supervisor of its own. */
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import type { ProcessIdentity } from '../../machines/events.ts'
import { connect } from '../../src/client/index.ts'
import { writeMarker } from '../../src/daemon/marker.ts'
import type { AgentRecord, Entry, ReeveError, Warning } from '../../src/index.ts'
import { identify } from '../../src/process/identity.ts'
import { WIRE_VERSION } from '../../src/version.ts'
import { freshHome, serving } from '../daemon/rig.ts'
import { alive, DIST, FOREVER, fixture, nothingIsLeft, refusal, remember, soon, until } from '../support.ts'

nothingIsLeft(t)

const { client, daemon, home } = await serving(t)

t.test('an agent under a daemon is spawned, seen, spoken to and stopped as one at home', async (t) => {
  const entries: Entry[] = []
  client.on('transition', (entry) => entries.push(entry))
  const agent = await client.spawn({
    name: 'echo',
    command: [fixture('repeats-stdin.sh')],
    stdin: 'open',
    task: 'T-1',
    labels: { teamName: 'A' },
    cwd: home,
  })
  t.equal((await agent.ready).state, 'running')
  t.equal(agent.state, 'running')
  remember(agent.pid ?? 0)
  t.match(agent.record, { name: 'echo', alive: true, task: 'T-1', labels: { teamName: 'A' }, cwd: home })
  t.equal(await client.get('echo'), agent, 'there is one handle of an agent')
  t.strictSame(
    (await client.list({ labels: { teamName: 'A' } })).map(({ id }) => id),
    [agent.id],
  )
  t.strictSame(await client.list({ task: 'T-2' }), [])

  await agent.send('hello\n')
  const lines: string[] = []
  const reading = (async () => {
    for await (const line of agent.logs({ follow: true })) lines.push(line)
  })()
  await until(() => lines.some((line) => line.includes('hello')), { what: 'its log has what it was sent' })
  t.ok(await agent.heartbeat({ type: 'waiting', on: 'permission', message: 'may I?' }))
  await until(() => agent.activity?.kind === 'waiting' || null, { what: 'its activity is known here' })

  const result = await agent.stop({ reason: 'enough', by: 'test' })
  t.match(result, { success: true, agentId: agent.id, action: 'graceful_kill', taskId: 'T-1', escaped: [] })
  t.equal(agent.state, 'killed')
  t.match(agent.record.reason, { kind: 'user', by: 'test', message: 'enough' })
  t.equal((await agent.ended).state, 'killed')
  await soon(reading, 'the log ends with the agent')
  t.strictSame(
    entries.map(({ to }) => to),
    ['spawning', 'pre_starting', 'running', 'terminating', 'reaping', 'killed'],
  )
  const history = await client.history('echo')
  t.ok(history.length >= 7)
  t.strictSame(await client.list(), [])
  t.strictSame(
    (await client.records({ name: 'echo' })).map(({ state }) => state),
    ['killed'],
  )
  await client.remove(agent.id, { history: true })
  t.equal(await client.get('echo'), undefined)
})

t.test('failures come back as what they were', async (t) => {
  const spec = (error: ReeveError) => ({ code: error.code, field: error.field, message: error.message })
  t.match(spec(await refusal(() => client.spawn({ command: ['x'], ttl: 'soon' }), 'invalid_spec')), {
    field: 'ttl',
    message: /^ttl: "soon" is not a duration/,
  })
  const hook = { command: ['x'], cleanup: [() => {}] }
  t.match(await refusal(() => client.spawn(hook), 'invalid_spec'), { field: 'cleanup' })
  await refusal(() => client.stop('nobody'), 'agent_not_found')
  await refusal(() => client.stop('x'.repeat(100_000)), 'agent_not_found')
  t.equal(await client.get('x'.repeat(100_000)), undefined)
  await refusal(() => client.stop({ task: 'nothing' }), 'agent_not_found')
  await refusal(() => client.history('nobody'), 'agent_not_found')
  await refusal(() => client.send('nobody', 'x'), 'agent_not_found')

  const ghost = await client.spawn({ name: 'ghost', command: ['/does/not/exist'] })
  const failed = await refusal(() => ghost.ready, 'spawn_failed')
  t.equal(failed.errno, 'ENOENT')
  t.match(failed.record as AgentRecord, { state: 'crashed', name: 'ghost' })
  await refusal(() => ghost.stop(), 'process_not_found')

  const one = await client.spawn({ name: 'one', command: [...FOREVER] })
  await one.ready
  remember(one.pid ?? 0)
  const taken = await refusal(() => client.spawn({ name: 'one', command: [...FOREVER] }), 'name_taken')
  t.equal(taken.agentId, one.id)
  await refusal(() => client.remove(one.id), 'agent_running')
  await refusal(() => one.send('x'), 'not_accepting_input')
  const killed = await client.kill({ all: true })
  t.match(killed, [{ agentId: one.id, action: 'force_kill', killedGracefully: false }])
})

t.test('names that mean something in a path are names', async (t) => {
  for (const name of ['..', '.', 'a/b?c#d', '50% & more', 'é ✓', 'stop']) {
    const agent = await client.spawn({ name, command: [...FOREVER] })
    t.equal((await client.get(name))?.id, agent.id, name)
    t.equal((await client.stop(name)).agentId, agent.id, name)
  }
})

t.test('a line that makes ready may be an expression; restarting is one life after another', async (t) => {
  const agent = await client.spawn({
    name: 'server',
    command: ['sh', '-c', 'echo LISTENING on 80; exec sleep 1000'],
    ready: { line: /^listening on \d+$/i },
  })
  const { evidence } = await agent.ready
  t.match(evidence, { ready: /LISTENING on 80/ })
  const { pid } = agent
  remember(pid ?? 0)
  const record = await agent.restart()
  remember(record.pid ?? 0)
  t.match(record, { state: 'running', incarnation: 2 })
  t.not(record.pid, pid)
  t.notOk(alive(pid ?? 0))
  t.equal(agent.incarnation, 2)
})

t.test('an agent that asks for another is who asked', async (t) => {
  const program = `const { connect } = await import(${JSON.stringify(`${DIST}/lib/client.js`)})
    const reeve = await connect()
    const child = await reeve.spawn({ name: 'child', command: ${JSON.stringify(FOREVER)} })
    await child.ready
    await child.stop({ grace: '1s' })
    reeve.close()`
  const parent = await client.spawn({
    name: 'parent',
    command: [process.execPath, '--input-type=module', '-e', program],
  })
  const { state, logFile } = await soon(parent.ended, 'it has done what it wanted', 30_000)
  t.equal(state, 'completed', readFileSync(logFile, 'utf8'))
  const [child] = await client.records({ name: 'child' })
  t.match(child, { spawner: 'parent', state: 'killed', reason: { kind: 'user', by: 'parent' } })
})

t.test('warnings are heard here too', async (t) => {
  const warnings: Warning[] = []
  const off = client.on('warning', (warning) => warnings.push(warning))
  const spec = { id: 'same-id', name: 'same', command: FOREVER }
  const first = await client.spawn(spec)
  t.equal(await client.spawn({ ...spec, ttl: '1h' }), first)
  await until(() => warnings.length === 1, { what: 'the warning comes' })
  t.match(warnings, [
    { code: 'invalid_spec', agentId: 'same-id', message: /the differing spec was not used/ },
  ])
  off()
  await first.kill()
})

t.test('a daemon of another version is told apart, and one of other words is refused', async (t) => {
  const elsewhere = freshHome(t)
  mkdirSync(elsewhere, { recursive: true, mode: 0o700 })
  const socket = join(elsewhere, 'daemon.sock')
  let wireVersion = WIRE_VERSION
  const other = createServer((request, response) => {
    response.setHeader('reeve-version', '9.9.9')
    const isStatus = request.url === '/v1/status'
    response.statusCode = isStatus ? 200 : 404
    const failure = { success: false, error: 'route_not_found', message: 'nothing is served here' }
    response.end(JSON.stringify(isStatus ? { version: '9.9.9', wire_version: wireVersion } : failure))
  })
  other.listen(socket)
  await once(other, 'listening')
  t.teardown(() => rmSync(join(elsewhere, 'daemon.json')))
  t.teardown(() => other.close())
  writeMarker(elsewhere, {
    ...(identify(process.pid) as ProcessIdentity),
    socket,
    version: '9.9.9',
    url: null,
  })
  const told: string[] = []
  const strange = await connect({ home: elsewhere, onVersion: (message) => told.push(message) })
  t.match(told, [/the daemon is of version 9\.9\.9, this client of .*reeve down/])
  await refusal(() => strange.list(), 'version_mismatch')
  t.equal(told.length, 1)
  strange.close()
  wireVersion += 1
  await refusal(() => connect({ home: elsewhere, onVersion: () => {} }), 'version_mismatch')
})

t.test('without a daemon it is said how to start one', async (t) => {
  const nowhere = freshHome(t)
  const error = await refusal(() => connect({ home: nowhere }), 'daemon_not_running')
  t.equal(error.message, `no daemon runs in ${nowhere}. Start one: reeve up -d`)
})

t.test('down: agents first, then the daemon, and nothing says that one is there', async (t) => {
  const agent = await client.spawn({ command: [...FOREVER] })
  await agent.ready
  remember(agent.pid ?? 0)
  const live = (await client.list()).length
  t.match(await client.shutdown({ timeout: '10s' }), { ended: live, escaped: [], timedOut: false })
  t.notOk(alive(daemon.pid))
  await refusal(() => client.list(), 'daemon_not_running')
  await refusal(() => connect({ home }), 'daemon_not_running')
})

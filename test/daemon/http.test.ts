/** What a program in any language sees on the daemon's socket: shapes to the letter, limits, and who may ask. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { connect as connectTo } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ERRORS } from '../../src/errors.ts'
import { alive, FOREVER, fixture, nothingIsLeft, remember, soon, until } from '../support.ts'
import { ask, type Reply, serving } from './rig.ts'

nothingIsLeft(t)

const { home, daemon, client } = await serving(t, { port: 0 })
const socketPath = daemon.socket
const port = Number(new URL(daemon.url ?? '').port)
const token = readFileSync(path.join(home, 'token'), 'utf8').trim()

const get = (where: string): Promise<Reply> => ask({ socketPath, path: where })
const post = (where: string, body: unknown = undefined): Promise<Reply> =>
  ask({ socketPath, path: where, method: 'POST', ...(body !== undefined && { body: JSON.stringify(body) }) })

const spawned = async (spec: object): Promise<Record<string, unknown>> => {
  const { json } = await post('/v1/agents', spec)
  const record = (await get(`/v1/agents/${json.id}/wait?for=ready`)).json
  if (typeof record.pid === 'number') remember(record.pid)
  return record
}

t.test('with curl: spawn, show, stop, and what a kill says', async (t) => {
  const curl = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)('curl', ['-sS', '--unix-socket', socketPath, ...args], {
      timeout: 20_000,
    })
    return stdout
  }
  const at = (where: string) => `http://localhost${where}`
  const spec = { name: 'coder', command: FOREVER, task: 'TASK-31-1', labels: { teamName: 'A' } }
  const record = JSON.parse(await curl('-d', JSON.stringify(spec), at('/v1/agents')))
  t.match(record, {
    name: 'coder',
    state: 'spawning',
    task: 'TASK-31-1',
    labels: { teamName: 'A' },
    log_file: /coder|\.log$/,
  })
  t.notOk(Object.keys(record).some((key) => /[A-Z]/.test(key)))
  JSON.parse(await curl(at('/v1/agents/coder/wait?for=ready')))
  const shown = JSON.parse(await curl(at('/v1/agents/coder')))
  t.match(shown, { state: 'running', alive: true })
  remember(shown.pid)
  const result = JSON.parse(await curl('-X', 'POST', at('/v1/agents/coder/stop')))
  const { killed_at, ...rest } = result
  t.match(killed_at, /^\d{4}-\d\d-\d\dT.*Z$/)
  t.strictSame(rest, {
    success: true,
    agent_id: record.id,
    action: 'graceful_kill',
    pid: shown.pid,
    kill_signal: 'SIGTERM',
    task_id: 'TASK-31-1',
    grace_period_seconds: 10,
    killed_gracefully: true,
    escaped: [],
    message: 'Agent terminated gracefully',
  })
  t.strictSame(JSON.parse(await curl('-X', 'POST', at('/v1/agents/nobody/stop'))), {
    success: false,
    error: 'agent_not_found',
    message: 'no agent has the id or name "nobody"',
  })
  const lines = await curl('-N', at(`/v1/agents/${record.id}/logs?follow=true`))
  t.equal(lines, '')
})

t.test('kill -9 of an agent: gone from the listing and from the JSON file', async (t) => {
  const agent = await spawned({ name: 'victim', command: FOREVER })
  const file = path.join(home, 'connected-agents.json')
  const listed = () =>
    JSON.parse(readFileSync(file, 'utf8')).some(({ id }: { id: string }) => id === agent.id)
  await until(listed, { what: 'it is in connected-agents.json' })
  t.equal(statSync(file).mode & 0o777, 0o600)
  process.kill(Number(agent.pid), 'SIGKILL')
  await until(() => !listed(), { what: 'it is out of connected-agents.json' })
  t.match((await get('/v1/agents/victim')).json, { alive: false, pid: null })
  const ended = (await get(`/v1/agents/${agent.id}/wait?for=ended`)).json
  t.match(ended, { state: 'crashed', exit: { code: null, signal: 'SIGKILL' } })
  t.strictSame((await get('/v1/agents')).json, [])
})

t.test('killing those that are silent, by the shape that is agreed', async (t) => {
  const agent = await spawned({
    name: 'dozer',
    command: FOREVER,
    task: 'T-9',
    heartbeat: { timeout: '50ms', sources: ['report'] },
  })
  await until(async () => (await get('/v1/agents/dozer')).json.state === 'stalling', { what: 'it stalls' })
  const { status, json } = await post('/v1/kill-stalled', {})
  t.equal(status, 200)
  const { timestamp, ...rest } = json
  t.match(timestamp, /Z$/)
  t.match(rest, {
    success: true,
    action: 'kill_stalled',
    agents_killed: 1,
    killed_agents: [{ agent_id: agent.id, pid: agent.pid, killed_gracefully: true, task_id: 'T-9' }],
  })
  t.type((rest.killed_agents as { seconds_since_heartbeat: number }[])[0]?.seconds_since_heartbeat, 'number')
})

t.test('health, reports, input, removal', async (t) => {
  const agent = await spawned({ name: 'talker', command: [fixture('repeats-stdin.sh')], stdin: 'open' })
  t.match((await get('/v1/groups')).json, [
    { path: '', state: 'running', strategy: 'one_for_one', cause: null },
  ])
  t.match((await get('/v1/health')).json, [{ agent_id: agent.id, health: 'healthy', alive: true }])
  t.match((await get('/v1/agents/talker/health')).json, { name: 'talker', pid: agent.pid })
  t.match((await post('/v1/agents/talker/reports')).json, { success: true, counted: true })
  t.match((await post('/v1/agents/talker/reports', { type: 'waiting', on: 'permission' })).json, {
    counted: true,
  })
  t.match((await get('/v1/agents/talker')).json, { activity: { kind: 'waiting', on: 'permission' } })
  t.match((await post('/v1/agents/talker/reports', { type: 'dancing' })).json, {
    error: 'invalid_spec',
    field: 'report',
  })
  t.match((await post('/v1/agents/talker/send', { input: 'hello\n' })).json, {
    success: true,
    agent_id: agent.id,
  })
  await until(async () => (await get('/v1/agents/talker/logs')).text.includes('hello'), {
    what: 'its log has it',
  })
  t.match(await ask({ socketPath, path: '/v1/agents/talker', method: 'DELETE' }), {
    status: 409,
    json: { error: 'agent_running' },
  })
  t.match((await post('/v1/agents/talker/cancel', { within: '100ms', by: 'me' })).json, {
    action: 'cancel',
    success: true,
  })
  const log = String(agent.log_file)
  t.ok(existsSync(log))
  const removed = await ask({ socketPath, path: '/v1/agents/talker?history=true', method: 'DELETE' })
  t.match(removed, { status: 200, json: { success: true, agent_id: agent.id } })
  t.notOk(existsSync(log))
  t.equal((await get(`/v1/agents/${agent.id}`)).status, 404)
})

t.test('who asks is recorded: the agent whose token came along', async (t) => {
  const file = path.join(t.testdir(), 'env')
  const said = '{"s":"%s","t":"%s"}'
  await spawned({
    name: 'boss',
    command: [
      'sh',
      '-c',
      `printf '${said}' "$REEVE_SOCKET" "$REEVE_TOKEN" > ${file}.new && mv ${file}.new ${file}; exec sleep 1000`,
    ],
  })
  await until(() => existsSync(file), { what: 'it wrote its environment' })
  const env = JSON.parse(readFileSync(file, 'utf8'))
  t.equal(env.s, socketPath)
  const headers = { authorization: `Bearer ${env.t}` }
  const as = (where: string, body: object) =>
    ask({ socketPath, path: where, headers, body: JSON.stringify(body) })
  const { json } = await as('/v1/agents', { name: 'helper', command: FOREVER })
  t.equal(json.spawner, 'boss')
  t.match(await as('/v1/agents', { command: FOREVER, spawner: 'someone' }), {
    status: 400,
    json: { field: 'spawner' },
  })
  await as('/v1/agents/helper/stop', {})
  t.match((await get('/v1/agents/helper')).json, { reason: { kind: 'user', by: 'boss' } })
  const asked = await post('/v1/agents', { name: 'page', command: FOREVER, spawner: 'someone' })
  t.equal(asked.json.spawner, 'someone', 'who asks for another says for whom')
  await post('/v1/stop', { all: true })

  const forged = `${env.t.split('.')[0]}.${'A'.repeat(43)}`
  for (const authorization of [
    `Bearer ${forged}`,
    'Bearer x',
    'Basic eDp5',
    `Bearer ${json.id}.${env.t.split('.')[1]}`,
  ])
    t.match(
      await ask({ socketPath, path: '/v1/agents', headers: { authorization } }),
      { status: 401, json: { error: 'unauthorized' } },
      authorization,
    )
})

t.test('on loopback: the token of the home, our own Host and Origin, or nothing', async (t) => {
  const authorization = `Bearer ${token}`
  const tcp = (headers: http.OutgoingHttpHeaders) => ask({ port, path: '/v1/agents', headers })
  t.equal((await tcp({ authorization })).status, 200)
  t.equal(
    (await tcp({ authorization, host: `localhost:${port}`, origin: `http://127.0.0.1:${port}` })).status,
    200,
  )
  t.match(await tcp({}), { status: 401, json: { error: 'unauthorized' } })
  t.match(await tcp({ authorization: 'Bearer nobody' }), { status: 401 })
  t.match(await tcp({ authorization, host: `evil.example:${port}` }), {
    status: 403,
    json: { error: 'forbidden' },
  })
  t.match(await tcp({ authorization, host: '127.0.0.1:1' }), { status: 403 })
  t.match(await tcp({ authorization, origin: 'https://evil.example' }), { status: 403 })
  t.match(await tcp({ authorization, origin: 'null' }), { status: 403 })
  t.equal((await ask({ socketPath, path: '/v1/agents', headers: { host: 'anything.example' } })).status, 200)
  t.equal(statSync(socketPath).mode & 0o777, 0o600)
  t.equal(statSync(path.join(home, 'token')).mode & 0o777, 0o600)
})

t.test('what cannot be understood is an error in the one shape, and the daemon goes on', async (t) => {
  const raw = (body: string | Buffer) => ask({ socketPath, path: '/v1/agents', body })
  const refused = async (reply: Reply | Promise<Reply>, status: number, error: string, message = /./) => {
    const { json, status: was, text } = await reply
    t.match({ status: was, ...json }, { status, success: false, error, message }, text.slice(0, 200))
  }
  await refused(raw('{"command": ['), 400, 'invalid_spec', /^body: is no JSON/)
  await refused(raw(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), 400, 'invalid_spec', /^body/)
  await refused(raw(''), 400, 'invalid_spec')
  await refused(raw('[]'), 400, 'invalid_spec')
  await refused(raw('"x"'), 400, 'invalid_spec')
  await refused(raw('{"command": "sleep 1"}'), 400, 'invalid_spec', /^command: .*no shell is involved/)
  await refused(raw('{"command": ["x"], "__proto__": {"a": 1}}'), 400, 'invalid_spec', /__proto__/)
  await refused(raw('{"command": ["x"], "cwd": "here"}'), 400, 'invalid_spec', /^cwd: "here" is relative/)
  await refused(
    raw('{"command": ["x"], "heartbeat": {"on_stall": 1}}'),
    400,
    'invalid_spec',
    /^heartbeat\.on_stall/,
  )
  await refused(raw('{"command": ["x"], "ready": {"line": {"pattern": "("}}}'), 400, 'invalid_spec', /ready/)
  await refused(raw(`{"command": ["${'x'.repeat(5 * 1024 * 1024)}"]}`), 413, 'too_large')
  await refused(get('/v1/agents?colour=red'), 400, 'invalid_spec', /^colour: no such field in query/)
  await refused(get('/v1/agents?state=up'), 400, 'invalid_spec', /^state: must be one or more of .*running/)
  await refused(get('/v1/agents?state=flying'), 400, 'invalid_spec', /^state: /)
  await refused(get('/v1/entries?since=yesterday'), 400, 'invalid_spec', /^since: /)
  await refused(post('/v1/stop', {}), 400, 'invalid_spec', /^selection: /)
  await refused(post('/v1/stop', { all: true, task: 'x' }), 400, 'invalid_spec', /^selection: /)
  await refused(post('/v1/kill', { all: false }), 400, 'invalid_spec', /^all: /)
  await refused(get('/v2/agents'), 404, 'route_not_found', /openapi\.json/)
  await refused(ask({ socketPath, path: '/v1/agents', method: 'PUT', body: '{}' }), 404, 'route_not_found')
  await refused(get('/v1/agents/%E0%A4%A'), 404, 'agent_not_found')

  const noHttp = await soon(
    new Promise<string>((resolve) => {
      const socket = connectTo(socketPath, () => socket.end('who is there?\r\n\r\n'))
      let text = ''
      socket.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      socket.on('close', () => resolve(text))
    }),
    'it is answered',
  )
  t.match(noHttp, /^HTTP\/1\.1 400 .*"success":false,"error":"invalid_spec"/s)
  t.equal((await get('/v1/status')).status, 200)
})

t.test('a body that never ends is cut short', async (t) => {
  const cut = await soon(
    new Promise<string>((resolve) => {
      const request = http.request({ socketPath, path: '/v1/agents', method: 'POST', agent: false })
      let sent = 0
      const more = () => {
        while (sent < 128 * 1024 * 1024 && request.writable) {
          sent += 64 * 1024
          if (!request.write(Buffer.alloc(64 * 1024, 0x20))) return
        }
      }
      request.on('drain', more)
      request.on('response', (response) => {
        response.resume()
        resolve(`${response.statusCode}`)
        request.destroy()
      })
      request.on('error', (error) => resolve(error.message))
      more()
    }),
    'it ends',
  )
  t.match(cut, /^413$|EPIPE|ECONNRESET|hang up/)
  t.equal((await get('/v1/status')).status, 200)
})

t.test('1,000 requests at once are all answered', async (t) => {
  const { id } = await spawned({ name: 'busy', command: FOREVER })
  const kinds = ['/v1/agents', `/v1/agents/${id}`, '/v1/agents?all=true', `/v1/agents/${id}/history`]
  const all = await soon(
    Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        i % 10 === 0
          ? client.heartbeat('busy').then(String)
          : get(kinds[i % 4] as string).then(({ status }) => String(status)),
      ),
    ),
    'all are answered',
    60_000,
  )
  t.strictSame([...new Set(all)].sort(), ['200', 'true'])
  await client.kill('busy')
})

t.test('the document says what is served, and nothing that is not', async (t) => {
  const { json } = await get('/openapi.json')
  t.equal(json.openapi, '3.1.0')
  const paths = json.paths as Record<
    string,
    Record<string, { responses: Record<string, unknown>; requestBody?: unknown }>
  >
  t.ok(Object.keys(paths).length > 15)
  const { schemas } = json.components as { schemas: Record<string, { properties: Record<string, unknown> }> }
  const record = await spawned({ command: FOREVER })
  t.strictSame(Object.keys(record).sort(), Object.keys(schemas.Agent?.properties ?? {}).sort())
  const [entry = {}] = (await get(`/v1/agents/${record.id}/history`)).json as unknown as Record<
    string,
    unknown
  >[]
  for (const key of Object.keys(entry)) t.ok(key in (schemas.Entry?.properties ?? {}), key)
  t.ok('spawn_timeout' in (schemas.AgentSpec?.properties ?? {}))
  const text = JSON.stringify(json)
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) t.ok(name in schemas, name)
  const names = [...text.matchAll(/"(\w+)":\{"(?:type|anyOf|\$ref|description)/g)].map(
    ([, name = '']) => name,
  )
  const words = ['additionalProperties', 'propertyNames']
  t.strictSame(
    names.filter((name) => /^[a-z]+[A-Z]/.test(name) && !words.includes(name)),
    [],
  )
  t.strictSame(schemas.Error?.properties.error, { type: 'string', enum: Object.keys(ERRORS) })
  for (const [where, methods] of Object.entries(paths))
    for (const method of Object.keys(methods)) {
      if (where === '/v1/shutdown' || ['/v1/stop', '/v1/kill', '/v1/cancel'].includes(where)) continue
      if (['/v1/entries', '/v1/warnings', '/v1/inspection'].includes(where)) continue
      const reply = await ask({
        socketPath,
        path: where.replace('{id}', 'nobody'),
        method: method.toUpperCase(),
      })
      t.not(reply.json.error, 'route_not_found', `${method} ${where}`)
    }
  await client.kill({ all: true })
})

t.test('nothing of the requests is kept', async (t) => {
  writeFileSync(path.join(t.testdir(), 'x'), '')
  const { streams, agents } = await client.status()
  t.equal(streams, 0)
  t.strictSame(agents, {})
  t.ok(alive(daemon.pid))
})

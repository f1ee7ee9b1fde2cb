/** An MCP client spawns, watches and ends agents, in both eras of the protocol, over stdio and HTTP. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { mcpHttp, TOOLS } from '../../src/mcp/index.ts'
import { ask, endDaemon, freshHome, serving } from '../daemon/rig.ts'
import { alive, crew, DIST, fixture, remember, soon, temporaryFolder, until } from '../support.ts'
import { BOTH, embedded, overHttp, overStdio, type Progressed, type StdioClient } from './rig.ts'

t.jobs = 4
/** Most tests share a daemon and a client of each era: their agents have names of their own. */
const shared = await serving(t)
const [of2025, of2026] = await Promise.all(
  (['2025', '2026'] as const).map((era) => overStdio(t, { era, home: shared.home, name: `claude-${era}` })),
).then((all) => all as [StdioClient, StdioClient])
const SHARED = { '2025': of2025, '2026': of2026 } as const
const SILENT = { heartbeat: { timeout: '1s', sources: ['report'] } }
const forever = [fixture('runs-forever.sh')]

for (const era of BOTH)
  t.test(
    `${era}, stdio: a client in another directory spawns, sees a stall, cancels, reads why it ended`,
    async (t) => {
      const { client, cwd } = SHARED[era]
      const [name, by] = [`coder-${era}`, `claude-${era} 1.2.3`]

      const spawned = await client.call('spawn_agent', {
        name,
        command: forever,
        task: 'T-1',
        ...SILENT,
      })
      t.match(spawned.json, {
        name,
        state: 'running',
        spawner: by,
        cwd,
        task: 'T-1',
      })
      t.match(spawned.text, /^coder-\d+ \(\S+\) running/)
      const pid = spawned.json.pid as number
      remember(pid)

      const stalled = await client.call('wait_agent', { agent: name, for: 'stalled' })
      t.match(stalled.json, { reached: true, agent: { state: 'stalling', evidence: { limit_ms: 1000 } } })

      const cancelled = await client.call('cancel_agent', {
        agent: name,
        within: '10s',
        reason: 'wrong branch',
      })
      t.match(cancelled.json, { success: true, action: 'cancel', pid, escaped: [] })
      t.notOk(alive(pid))
      const { json, text } = await client.call('agent_history', { agent: name })
      const entries = json.entries as { to: string; reason?: object }[]
      t.match(entries.at(-1), {
        to: 'killed',
        reason: { kind: 'cancelled', by, message: 'wrong branch' },
      })
      t.match(text, /stalling silent/)
      const again = await client.call('stop_agent', { agent: name })
      t.match(again, { failed: true, json: { success: false, error: 'process_not_found' } })
      t.equal(client.said, '', 'nothing on stderr')
    },
  )

t.test('every tool says what it is, what it takes and answers, and what it may do', async (t) => {
  const { client } = SHARED['2026']
  const { tools } = await client.listTools()
  t.strictSame(tools.map(({ name }) => name).sort(), [
    'agent_history',
    'agent_logs',
    'cancel_agent',
    'get_agent',
    'health',
    'kill_agent',
    'kill_stalled_agents',
    'list_agents',
    'remove_agent',
    'restart_agent',
    'send_input',
    'spawn_agent',
    'stop_agent',
    'wait_agent',
  ])
  t.equal(tools.length, TOOLS.length)
  for (const { name, title, description, annotations, inputSchema, outputSchema } of tools) {
    t.ok(title && description && description.length > 20, name)
    t.match(annotations, {
      readOnlyHint: Boolean,
      destructiveHint: Boolean,
      idempotentHint: Boolean,
      openWorldHint: Boolean,
    })
    t.equal(outputSchema?.type, 'object')
    const written = JSON.stringify([inputSchema, outputSchema]).replaceAll(
      /propertyNames|additionalProperties/g,
      '',
    )
    t.notMatch(written, /"[a-z]+[A-Z]\w*":\{"/, `${name}: names are the wire's`)
  }
  const named = tools.filter(({ inputSchema }) => inputSchema.properties?.agent !== undefined)
  t.equal(named.length, 11, 'an agent is always called "agent"')
  const { inputSchema } = tools.find(({ name }) => name === 'spawn_agent') ?? {}
  t.hasProps(inputSchema?.properties ?? {}, [
    'command',
    'heartbeat',
    'restart',
    'on_supervisor_death',
    'wait',
  ])
  t.strictSame(inputSchema?.required, ['command'])
  const { instructions } = { instructions: client.getInstructions() }
  t.match(instructions, /spawn_agent/)
})

t.test('what is wrong is said with the way out, and in the shape of every wire', async (t) => {
  const { client } = SHARED['2025']
  const refused = await client.call('spawn_agent', { command: 'sleep 1' })
  t.match(refused, { failed: true, json: { success: false, error: 'invalid_spec', field: 'command' } })
  t.match(refused.text, /is not an argv/)
  const misspelt = await client.call('spawn_agent', {
    command: ['sleep', '1'],
    heartbeat: { onStall: 'report' },
  })
  t.match(misspelt.json, { error: 'invalid_spec', field: 'heartbeat.onStall', message: /on_stall/ })
  const forOthers = await client.call('spawn_agent', { command: ['sleep', '1'], spawner: 'someone else' })
  t.match(forOthers.json, { error: 'invalid_spec', field: 'spawner' })
  const absent = await client.call('spawn_agent', { command: ['no-such-program'] })
  t.match(absent.json, { error: 'spawn_failed', errno: 'ENOENT', record: { state: 'crashed' } })
  const alone = await client.call('spawn_agent', { command: ['sleep', '1'], group: 'nobody/opened' })
  t.match(alone.json, {
    error: 'group_not_found',
    field: 'group',
    message: /reeve group open nobody\/opened/,
  })
  t.match((await client.call('list_agents', { group: 'nobody/opened' })).json, { agents: [] })
  t.match((await client.call('wait_agent', { agent: 'x', timeout: '2h' })).json, { field: 'timeout' })
  t.match((await client.call('get_agent', { agent: 'x'.repeat(100_000) })).json, { field: 'agent' })
  t.match((await client.call('list_agents', { limit: 0 })).json, { error: 'invalid_spec', field: 'limit' })

  const { json } = await client.call('spawn_agent', { name: 'reviewer', command: forever })
  for (const tool of [
    'get_agent',
    'stop_agent',
    'agent_logs',
    'agent_history',
    'restart_agent',
    'remove_agent',
    'health',
  ]) {
    const unknown = await client.call(tool, { agent: 'reviwer' })
    t.match(unknown.json, { error: 'agent_not_found', message: /Did you mean "reviewer"\?/ }, tool)
  }
  const closed = await client.call('send_input', { agent: 'reviewer', input: 'hello\n' })
  t.match(closed.json, { error: 'not_accepting_input', message: /stdin: "open"/ })
  const running = await client.call('remove_agent', { agent: 'reviewer' })
  t.match(running.json, { error: 'agent_running', agent_id: json.id })
  await t.rejects(client.callTool({ name: 'spwan_agent', arguments: {} }), /spwan_agent not found/)
})

t.test('a life of an agent through the other tools', async (t) => {
  const { client } = SHARED['2026']
  const asked = { name: 'echo', command: [fixture('repeats-stdin.sh')], stdin: 'open', labels: { Team: 'A' } }
  const { json } = await client.call('spawn_agent', asked)
  t.match((await client.call('send_input', { agent: 'echo', input: 'hello \u001b[31mred\n' })).json, {
    success: true,
  })
  const logs = await until(
    async () => {
      const read = await client.call('agent_logs', { agent: 'echo' })
      return (read.json.lines as string[]).length > 0 && read
    },
    { what: 'it repeats' },
  )
  t.match((logs.json.lines as string[]).join(), /hello red/, 'control sequences are taken out')
  const raw = await client.call('agent_logs', { agent: 'echo', raw: true })
  t.match((raw.json.lines as string[]).join(), '\u001b[31mred')
  t.match((await client.call('health', { agent: 'echo' })).json.agents, [
    { health: 'healthy', processes: Number },
  ])
  const listed = await client.call('list_agents', { labels: { Team: 'A' }, state: ['running', 'stalling'] })
  t.match(listed.json, { agents: [{ name: 'echo', labels: { Team: 'A' } }], more: 0 })
  t.strictSame((await client.call('list_agents', { task: 'none' })).json, { agents: [], more: 0 })

  const restarted = await client.call('restart_agent', { agent: 'echo', reason: 'again' })
  t.match(restarted.json, { id: json.id, incarnation: 2, state: 'running' })
  const unhurried = client.call('wait_agent', { agent: 'echo' })
  t.match((await client.call('kill_agent', { agent: 'echo' })).json, {
    action: 'force_kill',
    kill_signal: 'SIGKILL',
  })
  t.match((await unhurried).json, {
    reached: true,
    agent: { state: 'killed', reason: { by: 'claude-2026 1.2.3' } },
  })
  t.match((await client.call('remove_agent', { agent: 'echo', history: true })).json, {
    success: true,
    agent_id: json.id,
  })
  t.match((await client.call('get_agent', { agent: json.id })).json, { error: 'agent_not_found' })

  const stuck = {
    name: 'stuck',
    task: 'T-stuck',
    command: forever,
    heartbeat: { timeout: '200ms', sources: ['report'] },
  }
  await client.call('spawn_agent', stuck)
  await client.call('wait_agent', { agent: 'stuck', for: 'stalled' })
  const swept = await client.call('kill_stalled_agents', { force: true, filter: { task: 'T-stuck' } })
  t.match(swept.json, { success: true, agents_killed: 1, killed_agents: [{ killed_gracefully: false }] })
})

t.test(
  'what waits ends when its time is over, or when who asked gives up; what was asked goes on',
  async (t) => {
    const { client } = SHARED['2025']
    const ladder = [{ signal: 'SIGTERM', wait: '5m' }]
    await client.call('spawn_agent', {
      name: 'deaf',
      command: [fixture('ignores-sigterm.sh')],
      stop: ladder,
      ready: { line: 'ready' },
    })
    const waited = await client.call('wait_agent', { agent: 'deaf', timeout: '50ms' })
    t.match(waited.json, { reached: false, agent: { state: 'running' } })
    t.match(waited.text, /^not ended yet; deaf /)

    const givenUp = new AbortController()
    const waiting = client.call('wait_agent', { agent: 'deaf' }, { signal: givenUp.signal })
    await client.call('get_agent', { agent: 'deaf' })
    givenUp.abort(new Error('enough'))
    await t.rejects(waiting)
    t.match(
      (await client.call('get_agent', { agent: 'deaf' })).json,
      { state: 'running' },
      'nothing else was harmed',
    )

    const heard: Progressed[] = []
    const stopping = client.call('stop_agent', { agent: 'deaf' }, { onprogress: (each) => heard.push(each) })
    await until(() => heard.some(({ message }) => /^deaf terminating/.test(message ?? '')), {
      what: 'it is told of',
    })
    const late = await client.call('stop_agent', { agent: 'deaf', timeout: '100ms' })
    t.match(late, { failed: true, json: { error: 'timed_out', record: { state: 'terminating' } } })
    t.match(late.text, /What was asked goes on/)
    const changing = client.call('wait_agent', { agent: 'deaf', for: 'change' })
    t.match((await client.call('kill_agent', { agent: 'deaf' })).json, {
      success: true,
      killed_gracefully: false,
    })
    t.match((await stopping).json, { success: true, escaped: [] }, 'both hear of its end')
    t.match((await changing).json, { reached: true })
    t.ok(
      heard.every(({ progress }, i) => progress > (heard[i - 1]?.progress ?? 0)),
      'progress goes up',
    )
    const ended = await client.call('wait_agent', { agent: 'deaf' })
    t.match(ended.json, { reached: true, agent: { state: 'killed', exit: { signal: 'SIGKILL' } } })
  },
)

t.test('hostile names, and a log without measure, come back whole and bounded', async (t) => {
  const { client } = SHARED['2026']
  const names = [
    '../../etc/passwd',
    '..',
    'a b?c#d%2F',
    '"}],"x":[{',
    '<script>',
    '\u202egnp.exe',
    '𝒜gent/log',
  ]
  for (const name of names) {
    const { json } = await client.call('spawn_agent', { name, command: forever })
    t.equal(json.name, name)
    t.equal((await client.call('get_agent', { agent: name })).json.id, json.id)
    const uri = `reeve://agents/${encodeURIComponent(name)}`
    const { contents } = await client.readResource({ uri })
    t.equal((JSON.parse((contents[0] as { text: string }).text) as { id: string }).id, json.id, uri)
    t.match((await client.call('kill_agent', { agent: name })).json, { success: true })
  }
  const much = ['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x; echo; seq 1 100000']
  await client.call('spawn_agent', { name: 'flood', command: much, ready: 'spawned' })
  await client.call('wait_agent', { agent: 'flood' })
  const { json, text } = await client.call('agent_logs', { agent: 'flood', lines: 2000 })
  const lines = json.lines as string[]
  t.equal(lines.length, 2000)
  t.equal(lines.at(-1), '100000')
  t.ok((json.omitted as number) >= 98_001)
  t.ok(text.length < 70_000)
  t.match((await client.call('agent_logs', { agent: 'flood', lines: 2001 })).json, { field: 'lines' })
})

for (const era of BOTH)
  t.test(`${era}: agents, logs and histories are resources, and are told of when they change`, async (t) => {
    const { client } = SHARED[era]
    const updated: string[] = []
    let listChanged = 0
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void updated.push(params.uri),
    )
    client.setNotificationHandler('notifications/resources/list_changed', () => void listChanged++)
    const talker = `talker-${era}`
    const { json } = await client.call('spawn_agent', {
      name: talker,
      command: ['sh', '-c', 'while read line; do echo "got $line"; done'],
      stdin: 'open',
    })
    const uris = ['', '/log', '/history'].map((kind) => `reeve://agents/${json.id}${kind}`)
    t.strictSame(
      (await client.listResources()).resources.map(({ uri }) => uri).filter((uri) => uris.includes(uri)),
      uris,
    )
    t.strictSame(
      (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
      ['reeve://agents/{id}', 'reeve://agents/{id}/log', 'reeve://agents/{id}/history'],
    )
    if (era === '2025') for (const uri of uris) await client.subscribeResource({ uri })
    else await client.listen({ resourceSubscriptions: uris, resourcesListChanged: true })
    const heard = (uri: string) => until(() => updated.includes(uri), { what: `${uri} is told of` })

    // The follower of the log is there when it is; until then what is said is said again.
    await until(
      async () => {
        await client.call('send_input', { agent: talker, input: 'this\n' })
        return updated.includes(uris[1] as string)
      },
      { what: 'the log is told of' },
    )
    const log = await client.readResource({ uri: uris[1] as string })
    t.match(log.contents[0], { mimeType: 'text/plain', text: /got this/ })
    await client.call('stop_agent', { agent: talker })
    await heard(uris[0] as string)
    await heard(uris[2] as string)
    const history = await client.readResource({ uri: uris[2] as string })
    t.match((history.contents[0] as { text: string }).text, /"to": "killed"/)
    await client.call('spawn_agent', { name: `another-${era}`, command: ['true'], wait: false })
    await until(() => listChanged > 0, { what: 'the list is told of' })

    const completed = await client.complete({
      ref: { type: 'ref/resource', uri: 'reeve://agents/{id}' },
      argument: { name: 'id', value: talker.slice(0, -3) },
    })
    t.ok(completed.completion.values.includes(talker))
    await t.rejects(client.readResource({ uri: `reeve://agents/${talker}x` }), /Did you mean "talker-/)
    await t.rejects(client.readResource({ uri: 'file:///etc/passwd' }), /none of ours/)
    if (era === '2025') {
      await client.unsubscribeResource({ uri: uris[0] as string })
      await t.rejects(client.subscribeResource({ uri: 'reeve://agents/nobody' }))
    }
  })

t.test(
  'no daemon: the first call starts one; its restart is survived, and subscriptions go on',
  async (t) => {
    const home = freshHome(t)
    const { client } = await overStdio(t, { era: '2025', home })
    let listChanged = 0
    client.setNotificationHandler('notifications/resources/list_changed', () => void listChanged++)
    await client.call('spawn_agent', { name: 'before', command: ['true'] })
    t.match(client.said, /^started a daemon: pid \d+, home \S+\n$/, 'said to stderr')
    await client.listResources()
    await endDaemon(home)
    listChanged = 0
    const { json } = await client.call('spawn_agent', { name: 'after', command: forever })
    t.match(json, { state: 'running' })
    t.match((await client.call('agent_history', { agent: 'before' })).json.entries, [{ from: null }])
    await until(() => listChanged > 0, { what: 'what happens in the new one is told of' })
  },
)

t.test('stdin closed: the server ends, its agents run on', async (t) => {
  const { home, client: own } = shared
  const child = spawn(process.execPath, [join(DIST, 'src', 'cli', 'main.js'), 'mcp'], {
    cwd: temporaryFolder(t),
    env: { PATH: process.env.PATH, REEVE_HOME: home },
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  const say = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const info = {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'by\u001b[2Jhand', version: '9' },
  }
  say({ id: 1, method: 'initialize', params: info })
  say({ method: 'notifications/initialized' })
  child.stdin.write('this is no JSON\n')
  const spec = { name: 'stays', command: forever }
  say({ id: 2, method: 'tools/call', params: { name: 'spawn_agent', arguments: spec } })
  await until(() => out.includes('"id":2'), { what: 'the agent is there' })
  say({
    id: 3,
    method: 'tools/call',
    params: { name: 'wait_agent', arguments: { agent: 'stays', timeout: '10m' } },
  })
  child.stdin.end()
  const status = await soon(new Promise((resolve) => child.once('close', resolve)), 'the server ends')
  t.equal(status, 0)
  for (const line of out.trim().split('\n'))
    t.match(JSON.parse(line), { jsonrpc: '2.0' }, 'nothing but protocol')
  const record = (await own.get('stays'))?.record
  t.match(record, { name: 'stays', alive: true, spawner: 'byhand 9' })
})

t.test('an agent that speaks MCP is the spawner of what it spawns', async (t) => {
  const { home, client: own } = shared
  const parent = await own.spawn({ name: 'parent', command: [fixture('runs-forever.sh')] })
  const { pid } = await parent.ready
  // It reads empty while the process is just becoming its program.
  const text = await until(() => readFileSync(`/proc/${pid}/environ`, 'utf8') || null, {
    what: 'the environment of the parent',
  })
  const environ = text.split('\0').map((each) => each.split('='))
  const env = Object.fromEntries(
    environ
      .filter(([name]) => name?.startsWith('REEVE_'))
      .map(([name = '', ...rest]) => [name, rest.join('=')]),
  )
  delete env.REEVE_LIFE
  const { client } = await overStdio(t, { era: '2025', home, env })
  t.match((await client.call('spawn_agent', { name: 'child', command: forever })).json, { spawner: 'parent' })
  await client.call('stop_agent', { agent: 'child' })
  t.match((await client.call('get_agent', { agent: 'child' })).json, { reason: { by: 'parent' } })
})

t.test(
  'over HTTP the token is asked for; with it both eras are served, and an earlier daemon is remembered',
  async (t) => {
    const home = freshHome(t)
    const first = await serving(t, { home })
    const old = await first.client.spawn({ name: 'old', command: ['sh', '-c', 'echo from before'] })
    await old.ended
    await endDaemon(home)
    const { daemon } = await serving(t, { home, port: 0 })
    const url = daemon.url as string
    const token = readFileSync(join(home, 'token'), 'utf8').trim()
    for (const era of BOTH) {
      await t.rejects(overHttp(t, { era, url }))
      await t.rejects(overHttp(t, { era, url, token: `${token}x` }))
      const client = await overHttp(t, { era, url, token, name: `over http ${era}` })
      const name = `made-${era}`
      const { json } = await client.call('spawn_agent', { name, command: forever, ...SILENT })
      t.match(json, { state: 'running', spawner: `over http ${era} 1.2.3` })
      t.match((await client.call('spawn_agent', { command: ['true'], cwd: 'here' })).json, {
        error: 'invalid_spec',
        field: 'cwd',
      })
      t.match((await client.call('wait_agent', { agent: name, for: 'stalled' })).json, { reached: true })
      const updated: string[] = []
      client.setNotificationHandler(
        'notifications/resources/updated',
        ({ params }) => void updated.push(params.uri),
      )
      const uri = `reeve://agents/${json.id}`
      if (era === '2025') await client.subscribeResource({ uri })
      else await client.listen({ resourceSubscriptions: [uri] })
      const heard: Progressed[] = []
      const stopped = await client.call(
        'stop_agent',
        { agent: name },
        { onprogress: (each) => heard.push(each) },
      )
      t.match(stopped.json, { success: true, escaped: [] })
      t.ok(heard.length > 0, 'it was told of on the way')
      await until(() => updated.includes(uri), { what: `${era}: its end is told of` })
      t.match((await client.call('agent_logs', { agent: 'old' })).json, { lines: ['from before'] })
      t.match((await client.call('stop_agent', { agent: 'old' })).json, { error: 'process_not_found' })
    }
    const port = Number(new URL(url).port)
    const headers = {
      host: `127.0.0.1:${port}`,
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    }
    const stranger = await ask({
      port,
      path: '/mcp',
      body: '{}',
      headers: { ...headers, origin: 'http://evil.example' },
    })
    t.equal(stranger.status, 403)
    const nobody = await ask({
      port,
      path: '/mcp',
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
      headers: { ...headers, 'mcp-session-id': 'made-up' },
    })
    t.equal(nobody.status, 404)
  },
)

t.test('a program of its own serves its own supervisor', async (t) => {
  const reeve = await crew(t)
  const http = mcpHttp({ reeve: () => reeve })
  t.teardown(() => http.close())
  for (const era of BOTH) {
    const client = await embedded(t, era, (request) => http.fetch(request))
    const name = `own-${era}`
    const { json } = await client.call('spawn_agent', { name, command: forever })
    t.match(json, { state: 'running', cwd: process.cwd(), spawner: 'tester 1.2.3' })
    t.equal(reeve.get(name)?.pid, json.pid, 'it is an agent of this very supervisor')
    t.match((await client.call('kill_agent', { agent: name })).json, { action: 'force_kill', escaped: [] })
  }
  const send = (body: string) =>
    http.fetch(new Request('http://embedded.example/mcp', { method: 'POST', body }))
  t.equal((await send('no JSON')).status, 400)
  t.equal((await send(`"${'x'.repeat(5 * 1024 * 1024)}"`)).status, 413)
})

t.test('a schema says one type at a time: some clients read no more', async (t) => {
  const { tools } = await of2026.client.listTools()
  const several = JSON.stringify(tools).match(/"type":\["/g) ?? []
  t.strictSame(several, [])
  const getAgent = tools.find(({ name }) => name === 'get_agent')
  t.strictSame((getAgent?.outputSchema?.properties as Record<string, unknown>)?.pid, {
    anyOf: [{ type: 'integer' }, { type: 'null' }],
  })
})

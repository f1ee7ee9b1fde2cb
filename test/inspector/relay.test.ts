/** The Stately inspector's own receiver, other WebSockets, and those who may not look. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectTo } from 'node:net'
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect'
import t from 'tap'
import { WebSocket } from 'ws'
import type { Frame } from '../../src/observe/inspection/frames.ts'
import { MODULES } from '../../src/observe/inspector/assets.ts'
import { openInspector, statelyInspector } from '../../src/observe/inspector/index.ts'
import { LocalServer } from '../../src/observe/inspector/local-server.ts'
import { Relay } from '../../src/observe/inspector/relay.ts'
import { REEVE, shellIn } from '../cli/rig.ts'
import { ask, serving } from '../daemon/rig.ts'
import { crew, FOREVER, nothingIsLeft, soon, until } from '../support.ts'

nothingIsLeft(t)

// What we write is what Stately's own types say.
const told = (frame: Frame): Omit<StatelyInspectionEvent, 'id' | 'snapshot' | 'event'> => frame

const refusedWith = async (url: string, headers: Record<string, string> = {}): Promise<number> => {
  const socket = new WebSocket(url, { headers })
  socket.on('error', () => {})
  const [, response] = await soon(once(socket, 'unexpected-response'), 'a refusal')
  response.resume()
  return response.statusCode
}

t.test("the Stately inspector's own receiver attaches to an embedded supervisor", async (t) => {
  const lines: string[] = []
  const inspect = statelyInspector({ tell: (line) => lines.push(line) })
  const c = await crew(t, { inspect })
  const { url, socketUrl } = await inspect.opened
  t.match(lines, [`Stately inspector: ${url}`])
  const early = c.spawn({ name: 'early', command: FOREVER })
  await soon(early.ready, 'ready')

  const frames: Frame[] = []
  createWebSocketReceiver({ server: socketUrl }).subscribe((frame) => {
    frames.push(frame as unknown as Frame)
    told(frame as unknown as Frame)
  })
  const life = await until(
    () => frames.find((frame) => frame.type === '@xstate.actor' && frame.name === 'early · life 1'),
    { what: 'the life' },
  )
  t.match(life, { snapshot: { status: 'active', value: { running: 'working' } } })
  t.equal(frames[0]?.sessionId, c.actor.sessionId, 'the root comes first')
  await early.stop()
  await until(
    () =>
      frames.find(
        (frame) =>
          frame.type === '@xstate.snapshot' &&
          frame.sessionId === life.sessionId &&
          (frame.snapshot as { value: unknown }).value === 'killed',
      ),
    { what: 'its end' },
  )
  const viewer = new WebSocket(socketUrl)
  await once(viewer, 'open')
  const closed = once(viewer, 'close')
  await c.stop()
  const [code] = await soon(closed, 'it ends with the supervisor')
  t.ok([1000, 1006].includes(code))
  await until(() => refusedConnection(socketUrl), { what: 'nobody listens any more' })
})

const refusedConnection = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connectTo(Number(port), hostname)
    socket.once('connect', () => resolve(false))
    socket.once('error', () => resolve(true))
    socket.once('connect', () => socket.destroy())
  })

t.test('who has no token, or comes from elsewhere, is refused', async (t) => {
  const idle = {
    async *inspection() {},
    records: async () => [],
    history: async () => [],
    on: () => () => {},
  }
  const inspector = await openInspector(idle)
  t.teardown(() => inspector.close())
  const bare = inspector.socketUrl.replace(/\?.*/, '')
  const { port } = new URL(bare)
  t.equal(await refusedWith(bare), 401)
  t.equal(await refusedWith(`${bare}?token=wrong`), 401)
  t.equal(await refusedWith(inspector.socketUrl, { origin: 'https://stately.ai' }), 403)
  t.equal(await refusedWith(inspector.socketUrl, { origin: `http://127.0.0.1:${Number(port) + 1}` }), 403)
  t.equal(await refusedWith(inspector.socketUrl, { host: `evil.example:${port}` }), 403)
  t.equal(await refusedWith(inspector.socketUrl, { origin: 'null' }), 403)
  const own = new WebSocket(inspector.socketUrl, { origin: `http://127.0.0.1:${port}` })
  await soon(once(own, 'open'), 'our own page is let in')
  own.terminate()

  const at = { host: '127.0.0.1', port: Number(port) }
  const page = await ask({ ...at, path: '/stately' })
  t.equal(page.status, 200)
  t.match(
    page.headers['content-security-policy'],
    /default-src 'none'.*frame-ancestors 'none'.*script-src 'self'/,
  )
  t.equal((await ask({ ...at, path: '/stately', headers: { host: `evil.example:${port}` } })).status, 403)
  for (const file of MODULES) t.equal((await ask({ ...at, path: `/app/${file}` })).status, 200, file)
  for (const path of [
    '/app/src/errors.js',
    '/app/../package.json',
    '/app/',
    '/constructor',
    '/etc/passwd',
    '//x',
  ])
    t.equal((await ask({ ...at, path })).status, 404, path)
  t.match((await ask({ ...at, path: '/v1/agents' })).json, { success: false, error: 'unauthorized' })
  t.equal((await ask({ ...at, path: '/stately', method: 'POST' })).status, 404)
  t.rejects(openInspector(idle, { port: Number(port) }), { code: 'inspector_failed', field: 'port' })
})

t.test('a viewer who does not read is dropped, and nobody else waits for it', async (t) => {
  const large = JSON.stringify({ text: 'x'.repeat(200_000) })
  let left = 0
  let viewers = 0
  const relay = new Relay({
    slowAfterMs: 200,
    async *frames(signal) {
      viewers += 1
      if (viewers > 1) {
        yield* ['1', '2', '3']
        return
      }
      signal.addEventListener('abort', () => {
        left += 1
      })
      for (;;) yield large
    },
  })
  const server = new LocalServer({
    port: 0,
    asset: () => undefined,
    answer: () => undefined,
    upgraded: (request, socket, head) => relay.take(request, socket, head),
  })
  await server.listen()
  t.teardown(async () => {
    relay.close()
    await server.close()
  })
  const url = `ws://127.0.0.1:${server.port}/?token=${server.token}`
  const slow = new WebSocket(url)
  slow.on('error', () => {})
  await once(slow, 'open')
  slow.pause()
  const other = new WebSocket(url)
  const read: string[] = []
  other.on('message', (data) => read.push(String(data)))
  const [code] = await soon(once(other, 'close'), 'the other one has all')
  t.equal(code, 1000)
  t.strictSame(read, ['1', '2', '3'])
  await until(() => left === 1 && relay.viewers === 0, { what: 'the slow one is dropped', timeoutMs: 30_000 })
  slow.terminate()
})

t.test('reeve inspect: the daemon from a shell, until Ctrl-C', async (t) => {
  const { home, client } = await serving(t)
  const agent = await client.spawn({ name: 'coder', command: FOREVER })
  await agent.ready
  const { cwd, env } = shellIn(t, home)
  const child = spawn(process.execPath, [REEVE, 'inspect', '--json'], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await soon(once(child.stdout, 'data'), 'the address', 30_000)
  const { url, socket_url: socketUrl } = JSON.parse(String(line))
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+\/stately#token=[\w-]{32}$/)
  const viewer = new WebSocket(socketUrl)
  const names: string[] = []
  const states: unknown[] = []
  viewer.on('message', (data) => {
    const frame = JSON.parse(String(data))
    if (frame.name) names.push(frame.name)
    if (frame.type === '@xstate.snapshot') states.push(frame.snapshot.value)
  })
  await until(() => names.includes('coder · life 1'), { what: 'the agent' })
  await client.stop('coder')
  await until(() => states.includes('killed'), { what: 'its end' })
  child.kill('SIGINT')
  const [status] = await soon(once(child, 'exit'), 'its end', 30_000)
  t.equal(status, 0)
  await client.shutdown()
  const { reeve } = shellIn(t, home)
  const { status: none, err } = await reeve(['inspect'])
  t.equal(none, 5)
  t.match(err, /no daemon runs/)
  t.equal((await reeve(['inspect', '--port', 'x'])).status, 2)
})

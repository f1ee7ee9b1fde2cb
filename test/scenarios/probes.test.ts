/** Agents that are asked whether they are ready, and whether they are well, by real programs that answer. */
import { createServer } from 'node:net'
import t from 'tap'
import type { AgentSpec } from '../../src/index.ts'
import { crew, FOREVER, fixture, nothingIsLeft, refusal, soon, statesOf } from '../support.ts'

nothingIsLeft(t)

/** A port on which nobody listens, as of now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const serves = (port: number, ...statuses: string[]) =>
  ({
    command: [process.execPath, fixture('serves-http.js'), ...statuses],
    env: { PORT: String(port) },
  }) satisfies Partial<AgentSpec>

t.test('ready by port: running once a connection is taken, not before', async (t) => {
  const c = await crew(t)
  const port = await freePort()
  const agent = c.spawn({ ...serves(port, '200'), ready: { port: { port, every: 20 } } })
  await soon(agent.ready, 'ready')
  t.same(statesOf(c, agent), ['spawning', 'pre_starting', 'running'])
  const [, , running] = await c.history(agent.id)
  t.equal(running?.evidence?.ready, `port 127.0.0.1:${port}: connected`)
  t.match(await agent.stop(), { killedGracefully: true })
})

t.test('ready by http: a status from 200 to 399; others and no answer are asked again', async (t) => {
  const c = await crew(t)
  const [a, b] = [await freePort(), await freePort()]
  const http = (port: number) => ({
    url: `http://user:secret@127.0.0.1:${port}/health?token=secret`,
    every: 10,
    timeout: '300ms',
  })
  const agents = [
    c.spawn({ ...serves(a, '503', 'hang', '404', '302'), ready: { http: http(a) } }),
    c.spawn({ ...serves(b, '204'), ready: { http: http(b) } }),
  ]
  for (const [i, seen] of [
    `http://127.0.0.1:${a}/health: status 302`,
    `http://127.0.0.1:${b}/health: status 204`,
  ].entries()) {
    const agent = agents[i] as (typeof agents)[number]
    await soon(agent.ready, 'ready')
    const entries = await c.history(agent.id)
    t.equal(entries[2]?.evidence?.ready, `http ${seen}`, 'what an address carries besides is not shown')
    t.notMatch(JSON.stringify(entries), /secret/)
  }
})

t.test(
  'never ready: ready_timeout says what was answered last; asked no more once the life is over',
  async (t) => {
    const c = await crew(t)
    const [port, other] = [await freePort(), await freePort()]
    const agents = [
      c.spawn({ command: FOREVER, ready: { port, timeout: '400ms' } }),
      c.spawn({
        ...serves(other, '500'),
        ready: { http: { url: `http://127.0.0.1:${other}/`, every: 10 }, timeout: '2s' },
      }),
    ] as const
    const silent = await refusal(() => soon(agents[0].ready, 'not ready'), 'ready_timeout')
    t.match(
      silent.message,
      /within 400 ms \(ready\.timeout\); last: port 127\.0\.0\.1:\d+: connect ECONNREFUSED/,
    )
    const unwell = await refusal(() => soon(agents[1].ready, 'not ready'), 'ready_timeout')
    t.match(unwell.message, /last: http http:\/\/127\.0\.0\.1:\d+\/: status 500/)
    t.match(agents[1].record, {
      state: 'killed',
      reason: { kind: 'ready_timeout' },
      evidence: { probe: /status 500/ },
    })

    const again = c.spawn({ command: FOREVER, ready: { port: { port, every: 5 } } })
    while (again.state !== 'pre_starting') await new Promise((resolve) => setImmediate(resolve))
    await soon(again.stop(), 'stopped while it was asked')
    let asked = 0
    const server = createServer(() => {
      asked += 1
    })
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    await new Promise((resolve) => setTimeout(resolve, 50))
    t.equal(asked, 0, 'whoever has the port now is left alone')
    await new Promise((resolve) => server.close(resolve))
  },
)

/** Agents that are asked whether they are ready, and whether they are well, by real programs that answer. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { AgentSpec } from '../../src/index.ts'
import {
  alive,
  FOREVER,
  fixture,
  inlineCrew,
  nothingIsLeft,
  pidsFrom,
  refusal,
  soon,
  statesOf,
  until,
} from '../support.ts'

nothingIsLeft(t)

/** A port on which nobody listens, as of now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const serves = (port: number, ...statuses: string[]) =>
  ({
    command: [process.execPath, fixture('serves-http.js'), ...statuses],
    env: { PORT: String(port) },
  }) satisfies Partial<AgentSpec>

t.test('ready by port: running once a connection is taken, not before', async (t) => {
  const c = await inlineCrew(t)
  const port = await freePort()
  const agent = c.spawn({ ...serves(port, '200'), ready: { port: { port, every: 20 } } })
  await soon(agent.ready, 'ready')
  t.same(statesOf(c, agent), ['spawning', 'pre_starting', 'running'])
  const [, , running] = await c.history(agent.id)
  t.equal(running?.evidence?.ready, `port 127.0.0.1:${port}: connected`)
  t.match(await agent.stop(), { killedGracefully: true })
})

t.test('ready by http: a status from 200 to 399; others and no answer are asked again', async (t) => {
  const c = await inlineCrew(t)
  const [a, b] = [await freePort(), await freePort()]
  const http = (port: number) => ({
    url: `http://user:secret@127.0.0.1:${port}/health?token=secret`,
    every: 10,
    timeout: '1s',
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
    const c = await inlineCrew(t)
    const port = await freePort()
    const unwellServer = createHttpServer((_, response) => response.writeHead(500).end())
    await new Promise<void>((resolve) => unwellServer.listen(0, '127.0.0.1', resolve))
    t.teardown(() => unwellServer.close())
    const { port: other } = unwellServer.address() as AddressInfo
    const agents = [
      c.spawn({ command: FOREVER, ready: { port, timeout: '3s' } }),
      c.spawn({
        command: FOREVER,
        ready: { http: { url: `http://127.0.0.1:${other}/`, every: 10 }, timeout: '3s' },
      }),
    ] as const
    const silent = await refusal(() => soon(agents[0].ready, 'not ready'), 'ready_timeout')
    t.match(
      silent.message,
      /within 3000 ms \(ready\.timeout\); last: port 127\.0\.0\.1:\d+: connect ECONNREFUSED/,
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

t.test(
  'ready by a command: its exit code, in the agent’s folder and environment; what it said last is told',
  async (t) => {
    const c = await inlineCrew(t)
    const flag = join(c.folder, 'flag')
    const agent = c.spawn({
      command: FOREVER,
      cwd: c.folder,
      env: { FLAG: 'flag' },
      ready: {
        exec: { command: ['sh', '-c', 'test -e "$FLAG" && echo "$REEVE_AGENT_ID" > seen'], every: 10 },
      },
    })
    await until(() => agent.state === 'pre_starting' || null, { what: 'pre_starting' })
    writeFileSync(flag, '')
    await soon(agent.ready, 'ready')
    t.equal(readFileSync(join(c.folder, 'seen'), 'utf8').trim(), agent.id)
    t.equal((await c.history(agent.id))[2]?.evidence?.ready, 'exec sh: exit code 0')

    const never = c.spawn({
      command: FOREVER,
      ready: { exec: ['sh', '-c', 'echo "no database" >&2; exit 2'], timeout: '5s' },
    })
    const error = await refusal(() => soon(never.ready, 'not ready'), 'ready_timeout')
    t.match(error.message, /last: exec sh: it exited with code 2: no database$/)
  },
)

t.test(
  'a command that hangs is ended with its tree: when its time is over, and when the life is',
  async (t) => {
    const c = await inlineCrew(t)
    const pids = join(c.folder, 'pids')
    const hangs = ['sh', '-c', `echo $$ >> ${pids}; sleep 1000 & echo $! >> ${pids}; wait`]
    const slow = c.spawn({
      command: FOREVER,
      ready: { exec: { command: hangs, timeout: '300ms' }, timeout: '1m' },
    })
    const asked = await pidsFrom(pids, 2)
    await until(() => !asked.some(alive) || null, { what: 'the first is gone' })
    await pidsFrom(pids, 4)
    // Agents and probes that begin in the same tick of the kernel's clock: nothing tells them apart by their age.
    const many = join(c.folder, 'many')
    const sleeps = ['sh', '-c', `echo $$ >> ${many}; exec sleep 1000`]
    const crowd = Array.from({ length: 8 }, () =>
      c.spawn({
        command: FOREVER,
        ready: { exec: { command: sleeps, timeout: '100ms', every: 1 }, timeout: '1m' },
      }),
    )
    await pidsFrom(many, 3 * crowd.length)
    t.same(new Set([slow, ...crowd].map(({ state }) => state)), new Set(['pre_starting']), 'and no agent')
    await Promise.all(crowd.map((each) => each.kill()))
    await soon(slow.stop(), 'stopped')
    const all = await pidsFrom(pids, 4)
    await until(() => !all.some(alive) || null, { what: 'all are gone' })

    const other = join(c.folder, 'other')
    const agent = c.spawn({
      command: FOREVER,
      ready: { exec: { command: [fixture('three-levels.sh'), other], timeout: '1m' }, timeout: '1m' },
    })
    const tree = await pidsFrom(other, 3)
    await soon(agent.stop(), 'stopped while it was asked')
    await until(() => !tree.some(alive) || null, { what: 'the probe is gone with it' })
  },
)

t.test(
  'liveness: so many failures in a row, and it ends as after a crash; fewer, and nothing happens',
  async (t) => {
    const c = await inlineCrew(t)
    const port = await freePort()
    const http = { url: `http://127.0.0.1:${port}/`, every: 20, timeout: '30s' }
    const restart = {
      policy: 'transient',
      backoff: { initial: 1 },
      intensity: { restarts: 1, within: '1m' },
    } as const
    const agent = c.spawn({
      ...serves(port, '200', '200', '500', '500', '200', '500', '500', '500'),
      ready: { http },
      liveness: { http, failures: 3 },
      restart,
    })
    const record = await soon(agent.ended, 'ended')
    t.match(record, {
      state: 'killed',
      incarnation: 2,
      reason: {
        kind: 'liveness',
        by: 'supervisor',
        message: /^3 probes in a row failed \(liveness\); last: http .*: status 500$/,
      },
      evidence: { probe: /status 500/ },
      error: { code: 'restart_intensity_exceeded' },
    })
    t.same(statesOf(c, agent).filter((state) => state === 'running').length, 2)

    const counted = join(c.folder, 'counted')
    const well = c.spawn({
      command: FOREVER,
      liveness: { exec: { command: ['sh', '-c', `echo >> ${counted}`], every: 10 }, failures: 1 },
    })
    await until(() => (existsSync(counted) && readFileSync(counted, 'utf8').length >= 3) || null, {
      what: 'asked three times',
    })
    t.equal(well.state, 'running')
    await well.stop()
    const asked = readFileSync(counted, 'utf8').length
    await new Promise((resolve) => setTimeout(resolve, 60))
    t.equal(readFileSync(counted, 'utf8').length, asked, 'asked no more')
  },
)

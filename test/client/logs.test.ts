/** Logs that are followed through a daemon, and go on when it is killed and started anew. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../../src/daemon/index.ts'
import { ask, killDaemon, serving } from '../daemon/rig.ts'
import { nothingIsLeft, remember, soon, temporaryFolder, until } from '../support.ts'

nothingIsLeft(t)
t.setTimeout(300_000)

/** Writes numbered lines until there is a file `enough`, then half a line. */
const COUNTS =
  'n=0; until [ -e enough ]; do n=$((n+1)); printf "%0100d\\n" $n; [ $((n % 100)) = 0 ] && sleep 0.01; done; printf half'

t.test(
  'over a kill of the daemon no line is missed and none comes twice, rotated ones neither',
  async (t) => {
    const { client, home, daemon } = await serving(t)
    const cwd = temporaryFolder(t)
    const output = { maxSize: '64kb', keep: 100 }
    const agent = await client.spawn({ name: 'counter', command: ['sh', '-c', COUNTS], cwd, output })
    const lines: string[] = []
    const following = (async () => {
      for await (const line of client.logs('counter', { follow: true })) lines.push(line)
    })()
    const late: string[] = []
    const fromTheEnd = (async () => {
      for await (const line of client.logs('counter', { since: 'end', follow: true })) late.push(line)
    })()
    await until(() => lines.length > 1_500 && late.length > 0, { what: 'lines come' })
    remember(agent.pid ?? 0)
    await killDaemon(daemon)
    const next = await startDaemon({ home })
    remember(next.daemon.pid)
    const had = lines.length
    await until(() => lines.length > had + 500, {
      what: 'they go on with the next daemon',
      timeoutMs: 20_000,
    })
    writeFileSync(join(cwd, 'enough'), '')
    await soon(Promise.all([following, fromTheEnd]), 'both end with the agent', 20_000)
    const numbers = lines.slice(0, -1).map(Number)
    t.strictSame(
      numbers,
      numbers.map((_, i) => i + 1),
    )
    t.equal(lines.at(-1), 'half')
    t.strictSame(late, lines.slice(lines.indexOf(late[0] ?? '')), 'from the end on, as well')

    const socketPath = next.daemon.socket
    const headers = { accept: 'text/event-stream', 'last-event-id': '101' }
    const events = await ask({ socketPath, path: '/v1/agents/counter/logs', headers })
    t.match(
      events.text,
      `retry: 1000\nid: 101\nevent: hello\ndata: {"agent_id":"${agent.id}"}\n\nid: 202\nevent: line\ndata: "${'2'.padStart(100, '0')}"\n\n`,
    )
    const wrong = await ask({
      socketPath,
      path: '/v1/agents/counter/logs',
      headers: { ...headers, 'last-event-id': 'x' },
    })
    t.match([wrong.status, wrong.json], [400, { error: 'invalid_spec', message: /"x" is no place in a log/ }])
  },
)

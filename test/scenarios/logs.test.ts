import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import t from 'tap'
import { crew, FOREVER, fixture, nothingIsLeft, refusal, soon, until } from '../support.ts'

nothingIsLeft(t)

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const got: string[] = []
  for await (const line of lines) got.push(line)
  return got
}

t.test(
  'logs() gives every line of stdout and stderr of all lives; follow ends when the agent has ended',
  async (t) => {
    const c = await crew(t)
    const agent = c.spawn({
      command: [
        'sh',
        '-c',
        'i=0; while [ $((i += 1)) -le 200 ]; do echo out $i; echo err $i >&2; done; printf unfinished',
      ],
      restart: { policy: 'permanent', backoff: { initial: 20 }, intensity: { restarts: 1, within: '1m' } },
    })
    const followed = all(agent.logs({ follow: true }))
    await agent.ended
    const lines = await soon(followed, 'the end of the log')
    t.equal(lines.filter((line) => line === 'out 200').length, 2, 'both lives')
    t.equal(lines.filter((line) => line.startsWith('err')).length, 400)
    t.equal(lines.at(-1), 'unfinished')
    t.same(await all(agent.logs()), lines, 'and afterwards the same')
  },
)

t.test('since: an offset, the start, the end; what is none of them is refused', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({ command: ['sh', '-c', 'echo one; echo two'] })
  await agent.ended
  t.same(await all(agent.logs({ since: 4 })), ['two'])
  t.same(await all(agent.logs({ since: 'end' })), [])
  for (const since of [-1, Number.NaN, 1.5, 'yesterday', {}])
    await refusal(() => all(agent.logs({ since: since as number })), 'invalid_spec')
})

t.test('break ends a follow; a log that is removed harms neither agent nor reader', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: ['sh', '-c', 'while :; do echo tick; sleep 0.05; done'],
    heartbeat: { timeout: 300, sources: ['output'] },
  })
  for await (const line of agent.logs({ follow: true })) {
    t.equal(line, 'tick')
    break
  }
  rmSync(agent.record.logFile)
  await until(() => agent.state === 'stalling' || null, { what: 'its output is not seen any more' })
  t.ok(agent.pid)
  await agent.restart()
  await until(() => existsSync(agent.record.logFile) || null, { what: 'a new log' })
  await agent.stop()
})

t.test('the home removed while agents run: they can be stopped, the supervisor ends', async (t) => {
  const c = await crew(t)
  const agents = [
    c.spawn({ command: FOREVER }),
    c.spawn({ command: [fixture('repeats-stdin.sh')], stdin: 'open' }),
  ]
  await Promise.all(agents.map(({ ready }) => ready))
  rmSync(c.home, { recursive: true })
  const late = c.spawn({ command: FOREVER })
  await t.rejects(soon(late.ready, 'refused'), { code: 'spawn_failed' })
  t.match(await soon(agents[0]?.stop() ?? Promise.reject(), 'stopped'), { success: true })
  t.match(await soon(c.stop(), 'all stopped'), { ended: 1, escaped: [], timedOut: false })
})

t.test('log and folders are ours alone', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({ command: ['echo', 'secret'] })
  await agent.ended
  t.equal(statSync(agent.record.logFile).mode & 0o777, 0o600)
  t.equal(statSync(c.home).mode & 0o777, 0o700)
  t.equal(readFileSync(agent.record.logFile, 'utf8'), 'secret\n')
})

t.test('a log is rotated beneath an agent: nobody misses a line, no offset changes', async (t) => {
  const c = await crew(t)
  const flood = (lines: number) => [
    process.execPath,
    fixture('floods-numbered-lines.js'),
    String(lines),
    '100',
    '1',
  ]
  const agent = c.spawn({
    command: ['sh', '-c', '"$@"; echo up; exec sleep 1000', 'sh', ...flood(3000)],
    output: { maxSize: '64kb', keep: 5 },
    ready: { line: 'up' },
  })
  const { logFile } = agent.record
  const followed = all(agent.logs({ follow: true }))
  const onDisk = () => statSync(logFile).blocks * 512
  await soon(agent.ready, 'the line after the rotations')
  await until(() => (existsSync(`${logFile}.4`) && onDisk() < 100_000) || null, {
    what: 'rotated four times',
  })
  t.equal(statSync(logFile).size, 3000 * 100 + 3, 'its apparent size goes on')
  const numbers = Array.from({ length: 3000 }, (_, i) => i)
  const read = (lines: readonly string[]) => lines.filter((line) => line !== 'up').map(Number)
  t.same(read(await all(agent.logs())), numbers)
  t.same(read(await all(agent.logs({ since: 1234 * 100 }))), numbers.slice(1234))
  t.equal(statSync(`${logFile}.1`).mode & 0o777, 0o600)
  await agent.restart()
  await soon(agent.ready, 'the ready line of the next life')
  t.equal((await all(agent.logs({ since: 3000 * 100 })))[0], 'up', 'offsets of the life before stay')
  await agent.stop()
  t.same(read(await soon(followed, 'the end of the log')), [...numbers, ...numbers])
})

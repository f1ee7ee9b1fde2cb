import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { AgentSpec } from '../../src/index.ts'
import {
  alive,
  type Crew,
  crew,
  FOREVER,
  fixture,
  launcherOf,
  nothingIsLeft,
  pidsFrom,
  remember,
  soon,
  statesOf,
  until,
} from '../support.ts'

nothingIsLeft(t)

const restart = { policy: 'permanent', backoff: { initial: 10, max: 10 }, intensity: false } as const

interface Refused {
  readonly errno: string
  readonly message: RegExp
  readonly spec: (c: Crew) => AgentSpec
}

const REFUSED: Record<string, Refused> = {
  'a program that does not exist': {
    errno: 'ENOENT',
    message: /\/does\/not\/exist does not exist\. Check `command`/,
    spec: () => ({ command: ['/does/not/exist'] }),
  },
  'a program that is on no PATH': {
    errno: 'ENOENT',
    message: /no-such-program was found in no folder of the agent's PATH/,
    spec: () => ({ command: ['no-such-program'] }),
  },
  'a file without the run bit': {
    errno: 'EACCES',
    message: /chmod \+x/,
    spec: (c) => {
      const file = join(c.folder, 'plain.sh')
      copyFileSync(fixture('runs-forever.sh'), file)
      chmodSync(file, 0o600)
      return { command: [file] }
    },
  },
  'a folder': {
    errno: 'EACCES',
    message: /is a folder, not a program/,
    spec: (c) => ({ command: [c.folder] }),
  },
  'a script whose interpreter does not exist': {
    errno: 'ENOENT',
    message: /exists, but the interpreter that it names does not: \/no\/such\/shell/,
    spec: (c) => {
      const file = join(c.folder, 'script')
      writeFileSync(file, '#!/no/such/shell\n', { mode: 0o700 })
      return { command: [file] }
    },
  },
  'an environment beyond the limit of the kernel': {
    errno: 'E2BIG',
    message: /more than the kernel takes/,
    spec: () => ({ command: FOREVER, env: { HUGE: 'x'.repeat(4e6) } }),
  },
  'arguments beyond the limit of the kernel': {
    errno: 'E2BIG',
    message: /more than the kernel takes/,
    spec: () => ({ command: ['true', ...Array.from({ length: 40_000 }, () => 'x'.repeat(100))] }),
  },
  'a cwd that is gone': {
    errno: 'ENOENT',
    message: /cwd .*\/gone does not exist/,
    spec: (c) => ({ command: FOREVER, cwd: join(c.folder, 'gone') }),
  },
  'a cwd that is a file': {
    errno: 'ENOTDIR',
    message: /cwd .* is not a folder/,
    spec: () => ({ command: FOREVER, cwd: fixture('runs-forever.sh') }),
  },
  'a log that is a link to elsewhere': {
    errno: 'ELOOP',
    message: /log/,
    spec: (c) => {
      const id = 'linked'
      execFileSync('ln', ['-s', '/etc/passwd', join(c.home, 'logs', `${id}.log`)])
      return { id, command: ['echo', 'harm'] }
    },
  },
}

/** One crew for all that is refused: it has no agents between. */
const one = await crew(t)

for (const [what, { errno, message, spec }] of Object.entries(REFUSED)) {
  t.test(`13. ${what}: crashed, spawn_failed with ${errno}, no restart loop, nothing left`, async (t) => {
    const c = one
    const agent = c.spawn({ ...spec(c), restart })
    await t.rejects(agent.ready, { code: 'spawn_failed', errno, message })
    const record = await agent.ended
    t.match(record, { state: 'crashed', alive: false, pid: null, incarnation: 1, exit: null })
    t.match(record.error, { code: 'spawn_failed', errno, message })
    t.same(statesOf(c, agent), ['spawning', 'reaping', 'crashed'])
    t.same(c.list(), [])
    t.same(readdirSync(join(c.home, 'reports')), [], 'no report file is left')
    const next = c.spawn({ name: agent.name, command: FOREVER })
    await next.ready
    await next.kill()
  })
}

t.test(
  '14. no descriptor left in the launcher: backoff, the supervisor alive, the next spawn fine',
  async (t) => {
    const c = await crew(t)
    const launcher = await launcherOf(c)
    const open = Math.max(...readdirSync(`/proc/${launcher}/fd`).map(Number))
    execFileSync('prlimit', ['--pid', String(launcher), `--nofile=${open + 1}:`])
    const agents = Array.from({ length: 20 }, () =>
      c.spawn({
        command: FOREVER,
        restart: { policy: 'transient', backoff: { initial: 50, max: 50 }, intensity: false },
      }),
    )
    await until(() => agents.some(({ state, record }) => state === 'restarting' && record.error) || null, {
      what: 'backoff',
    })
    const failed = agents.find(({ record }) => record.error)
    t.match(failed?.record.error, { code: 'spawn_failed', errno: /EMFILE|EAGAIN|EBADF/ })
    execFileSync('prlimit', ['--pid', String(launcher), '--nofile=4096:'])
    await soon(Promise.all(agents.map(({ ready }) => ready)), 'all are ready in the end')
    const next = c.spawn({ command: FOREVER })
    await soon(next.ready, 'the next one')
  },
)

t.test('15. never ready: ready_timeout, the ladder, nothing left', async (t) => {
  const c = await crew(t)
  const file = join(c.folder, 'pids')
  const agent = c.spawn({
    command: [fixture('three-levels.sh'), file],
    ready: { report: true, timeout: '1500ms' },
    stop: [{ signal: 'SIGTERM', wait: '200ms' }],
  })
  const pids = await pidsFrom(file, 3)
  await t.rejects(agent.ready, {
    code: 'ready_timeout',
    message: /not ready within 1500 ms \(ready\.timeout\)/,
  })
  t.match(agent.record, { state: 'killed', reason: { kind: 'ready_timeout', by: 'supervisor' } })
  t.same(pids.filter(alive), [])
  t.same(statesOf(c, agent), ['spawning', 'pre_starting', 'terminating', 'reaping', 'killed'])
})

t.test('15. ready said in the first moment is never missed', async (t) => {
  const c = await crew(t)
  const ready = { report: true, timeout: '20s' } as const
  for (let round = 0; round < 3; round += 1) {
    const agents = Array.from({ length: 40 }, () =>
      c.spawn({
        command: ['sh', '-c', 'echo ready >> "$REEVE_REPORT"; echo idle >> "$REEVE_REPORT"; exec sleep 1000'],
        ready,
      }),
    )
    await soon(Promise.all(agents.map((agent) => agent.ready)), 'all are ready')
    await until(() => agents.every(({ activity }) => activity?.kind === 'idle') || null, {
      what: 'all are idle',
    })
    await c.kill({ all: true })
  }
})

t.test('15. ready twice, ready after stop: ignored', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: [fixture('reports.sh'), 'ready', 'ready'],
    ready: { report: true },
    cleanup: [() => void agent.heartbeat('ready')],
  })
  await agent.ready
  agent.heartbeat('ready')
  const stopping = agent.stop()
  agent.heartbeat('ready')
  await stopping
  agent.heartbeat('ready')
  t.same(statesOf(c, agent), ['spawning', 'pre_starting', 'running', 'terminating', 'reaping', 'killed'])
})

t.test(
  'ready by a line: by text, by expression, also one that remembers where it was, in every life',
  async (t) => {
    const c = await crew(t)
    const command = ['sh', '-c', 'echo; echo "it is READY now"; exec sleep 1000']
    for (const line of ['READY', /is ready/i, /READY/g, /it/y]) {
      const agent = c.spawn({ command, ready: { line, timeout: '5s' } })
      await agent.ready
      await soon(agent.restart(), 'ready again')
      await agent.kill()
    }
  },
)

t.test(
  '18. 1,000 spawns in a loop: each call returns at once, the loop is never blocked for long',
  async (t) => {
    const c = await crew(t)
    for (let i = 0; i < 50; i += 1) c.spawn({ command: ['true'] })
    // Between two turns of the loop, in CPU time: how long that takes is the machine's, which may have others to serve.
    let [before, mostMs] = [process.cpuUsage(), 0]
    const turns = setInterval(() => {
      const { user, system } = process.cpuUsage(before)
      before = process.cpuUsage()
      mostMs = Math.max(mostMs, (user + system) / 1000)
    }, 1)
    t.teardown(() => clearInterval(turns))
    const took: number[] = []
    const agents = Array.from({ length: 1000 }, () => {
      const began = performance.now()
      const agent = c.spawn({ command: ['true'], spawnTimeout: '1m' })
      took.push(performance.now() - began)
      return agent
    })
    t.ok(agents.every(({ state }) => state === 'spawning'))
    took.sort((a, b) => a - b)
    t.comment(
      `spawn(): median ${took[500]?.toFixed(3)} ms, p99 ${took[990]?.toFixed(3)}, most ${took[999]?.toFixed(3)}`,
    )
    t.ok((took[500] ?? 99) < 20, 'the usual call')
    t.ok((took[990] ?? 99) < 500, 'nearly every call, on a tired machine')
    before = process.cpuUsage()
    const records = await soon(Promise.all(agents.map(({ ended }) => ended)), 'all have ended', 90_000)
    t.comment(`the loop worked for ${mostMs.toFixed(1)} ms at most without a turn`)
    t.ok(mostMs < 2000)
    t.ok(records.every(({ state }) => state === 'completed'))
  },
)

t.test('what an agent is given: its folder, its environment, and Reeve’s own words', async (t) => {
  const c = await crew(t)
  process.env.REEVE_OF_ANOTHER = 'x'
  t.teardown(() => delete process.env.REEVE_OF_ANOTHER)
  const other = await crew(t)
  const agent = other.spawn({
    name: 'größer 数 🦊',
    id: 'an-id_1',
    command: [fixture('prints-environment.sh')],
    cwd: c.folder,
    env: { MINE: 'a secret = b', HOME: null },
  })
  const { logFile, command, cwd } = await agent.ended
  const text = readFileSync(logFile, 'utf8')
  for (const line of [
    'MINE=a secret = b\n',
    'REEVE_AGENT_ID=an-id_1\n',
    'REEVE_AGENT_NAME=größer 数 🦊\n',
    'REEVE_INCARNATION=1\n',
    `REEVE_REPORT=${other.home}/reports/an-id_1.1\n`,
    `\n${c.folder}\n`,
  ])
    t.ok(text.includes(line), line)
  t.match(text, /^REEVE_LIFE=[0-9a-f]{32}$/m)
  t.notMatch(text, /^HOME=|REEVE_OF_ANOTHER/m)
  t.same({ command, cwd }, { command: [fixture('prints-environment.sh')], cwd: c.folder })
  t.notOk(JSON.stringify([agent.record, other.entriesSeen]).includes('a secret'), 'no value is shown')
})

t.test(
  'an agent whose folder is removed under it runs on; a home deeper than a socket path, with spaces, works',
  async (t) => {
    const outer = await crew(t)
    const deep = join(outer.folder, 'a home with spaces', 'and very long names '.repeat(8), 'ünd so on')
    mkdirSync(deep, { recursive: true, mode: 0o700 })
    const c = await crew(t, { home: deep })
    const cwd = join(outer.folder, 'work')
    mkdirSync(cwd)
    const agent = c.spawn({ command: FOREVER, cwd, stdin: 'open' })
    await agent.ready
    rmSync(cwd, { recursive: true })
    await agent.send('hello\n')
    t.match(await agent.stop(), { killedGracefully: true })
  },
)

t.test('a spawn that is stopped in the same turn never leaves a process', async (t) => {
  const c = await crew(t)
  const file = join(c.folder, 'pids')
  for (let i = 0; i < 20; i += 1) {
    const agent = c.spawn({ command: [fixture('appends-pid.sh'), file] })
    if (i % 2) await new Promise((resolve) => setImmediate(resolve))
    const result = await soon(agent.stop(), 'stopped')
    t.equal(agent.state, 'killed')
    if (result.pid !== null) t.notOk(alive(result.pid))
  }
  const pids = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number) : []
  remember(...pids)
  t.same(pids.filter(alive), [])
})

import t from 'tap'
import type { Entry } from '../../machines/events.ts'
import { type AgentRecord, fold, matches, newestFirst } from '../../src/registry/record.ts'

let seq = 0
const entry = (more: Partial<Entry>): Entry => ({
  seq: ++seq,
  at: new Date(Date.UTC(2026, 0, 1, 0, 0, seq)).toISOString(),
  supervisorId: 's',
  host: 'h',
  agentId: 'a',
  name: 'coder',
  incarnation: 1,
  from: null,
  to: 'spawning',
  event: 'spawn',
  ...more,
})
const foldAll = (entries: Entry[]): AgentRecord =>
  entries.reduce<AgentRecord | undefined>(fold, undefined) as AgentRecord

const begin = [
  entry({ command: ['x'], cwd: '/', logFile: '/l', task: 'T', labels: { a: '1' } }),
  entry({ from: 'spawning', to: 'pre_starting', event: 'spawned', pid: 7, startTime: 1, bootId: 'b' }),
  entry({
    from: 'pre_starting',
    to: 'running',
    event: 'ready',
    pid: 7,
    lastHeartbeatAt: '2026-01-01T00:00:09.000Z',
  }),
]
const crash = [
  entry({ from: 'running', to: 'reaping', event: 'exit', pid: 7, exit: { code: 3, signal: null } }),
  entry({ from: 'reaping', to: 'crashed', event: 'end', pid: 7, exit: { code: 3, signal: null } }),
]

t.test(
  'a record is the fold of its entries: alive from the process to the exit, pid only then',
  async (t) => {
    const alive = begin.map((_, i) => foldAll(begin.slice(0, i + 1)).alive)
    t.same(alive, [false, true, true])
    t.match(foldAll(begin), {
      state: 'running',
      pid: 7,
      activity: { kind: 'working' },
      task: 'T',
      lane: null,
      restarts: 0,
    })
    const reaped = foldAll([...begin, ...crash.slice(0, 1)])
    t.match(reaped, {
      state: 'reaping',
      alive: false,
      pid: null,
      startTime: null,
      activity: null,
      exit: { code: 3 },
    })
    t.match(foldAll([...begin, ...crash]), {
      state: 'crashed',
      endedAt: crash[1]?.at,
      command: ['x'],
      labels: { a: '1' },
    })
  },
)

t.test(
  'while it waits to come back it still says why; a new life begins with nothing of the old',
  async (t) => {
    const waiting = [
      ...begin,
      ...crash,
      entry({ from: 'crashed', to: 'restarting', event: 'backoff', evidence: { delayMs: 5 } }),
    ]
    t.match(foldAll(waiting), { state: 'restarting', exit: { code: 3 }, evidence: { delayMs: 5 } })
    const again = foldAll([...waiting, entry({ from: 'restarting', to: 'spawning', incarnation: 2 })])
    t.match(again, {
      state: 'spawning',
      incarnation: 2,
      restarts: 1,
      exit: null,
      reason: null,
      evidence: null,
      endedAt: null,
    })
    t.equal(again.createdAt, begin[0]?.at)
  },
)

t.test('notes: activity, usage, clean-up errors; a failed kill is no error of the agent', async (t) => {
  const note = (more: Partial<Entry>) => entry({ from: 'running', to: 'running', ...more })
  const noted = foldAll([
    ...begin,
    note({ event: 'activity', activity: { kind: 'waiting', on: 'permission' } }),
    note({ event: 'usage', usage: { turns: 1, tokens: 2, usd: 3 } }),
    note({ event: 'kill_failed', error: { code: 'kill_failed', message: 'x' } }),
    note({ event: 'cleanup_failed', error: { code: 'cleanup_failed', message: 'one' } }),
    note({ event: 'cleanup_failed', error: { code: 'cleanup_failed', message: 'two' } }),
  ])
  t.match(noted, {
    activity: { kind: 'waiting', on: 'permission' },
    usage: { turns: 1, tokens: 2, usd: 3 },
    error: null,
  })
  t.same(
    noted.cleanupErrors.map((each) => each.message),
    ['one', 'two'],
  )
})

t.test('filters narrow by what they name, and by nothing else', async (t) => {
  const record = foldAll(begin)
  t.ok(matches(record, {}))
  for (const filter of [
    { id: 'a' },
    { name: 'coder' },
    { state: 'running' },
    { state: ['killed', 'running'] },
    { task: 'T' },
    { labels: { a: '1' } },
  ] as const)
    t.ok(matches(record, filter), JSON.stringify(filter))
  for (const filter of [
    { id: 'b' },
    { state: 'killed' },
    { task: 'U' },
    { labels: { a: '2' } },
    { labels: { b: '1' } },
    { spawner: 'x' },
  ] as const)
    t.notOk(matches(record, filter), JSON.stringify(filter))
  const older = { ...record, id: 'old', createdAt: '2025-01-01T00:00:00.000Z' }
  const same = { ...record, id: 'same' }
  t.same(
    newestFirst([older, record, same]).map(({ id }) => id),
    ['same', 'a', 'old'],
  )
})

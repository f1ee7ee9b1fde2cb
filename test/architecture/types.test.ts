/** The public types, held by the compiler (`npm run typecheck`): they take and refuse what they should. */
import t from 'tap'
import {
  type Agent,
  type AgentRecord,
  type AgentSpec,
  createSupervisor,
  type Entry,
  type ErrorCode,
  type Group,
  ReeveError,
  type Registry,
  type RegistrySink,
  type Supervisor,
  type SupervisorOptions,
} from '../../src/index.ts'

const taken: AgentSpec[] = [
  { command: ['node', 'agent.js'] },
  { command: ['x'], name: 'coder', ttl: '1h', ready: { line: /listening/, timeout: 5_000 } },
  { command: ['x'], ready: 'spawned', heartbeat: false, restart: 'transient' },
  { command: ['x'], heartbeat: { timeout: '2m', sources: ['report'], onStall: 'terminate' } },
  { command: ['x'], restart: { policy: 'permanent', backoff: { initial: 1 }, intensity: false } },
  { command: ['x'], stop: [{ signal: 'SIGINT', wait: '5s' }], cleanup: [(record) => record.pid] },
  { command: ['x'], budget: { turns: 3, usd: 0.5 }, stop: [{ cancel: true, wait: 1 }] },
  { command: ['x'], env: { A: '1', B: null }, labels: { team: 'a' }, stdin: 'open' },
]

// @ts-expect-error a command is an argv, not a line for a shell
const line: AgentSpec = { command: 'node agent.js' }
// @ts-expect-error a command is required
const nothing: AgentSpec = { name: 'coder' }
// @ts-expect-error no such field
const unknown: AgentSpec = { command: ['x'], colour: 'red' }
// @ts-expect-error no such policy
const policy: AgentSpec = { command: ['x'], restart: 'sometimes' }
// @ts-expect-error no such way to answer a stall
const stall: AgentSpec = { command: ['x'], heartbeat: { onStall: 'ignore' } }
// @ts-expect-error a rung has a wait
const rung: AgentSpec = { command: ['x'], stop: [{ signal: 'SIGTERM' }] }
// @ts-expect-error no such way to come into a lane
const lane: AgentSpec = { command: ['x'], lane: 'member-1', onConflict: 'wait' }
// @ts-expect-error no such kind of use
const budget: AgentSpec = { command: ['x'], budget: { hours: 1 } }
// @ts-expect-error no such fate
const adopted: AgentSpec = { command: ['x'], onSupervisorDeath: 'forget' }
// @ts-expect-error only "inline" or {exec}
const launcher: SupervisorOptions = { launcher: 'outline' }
// @ts-expect-error no such code
const code: ErrorCode = 'no_such_code'

/** Never called: what it says is read by the compiler. */
async function uses(reeve: Supervisor, agent: Agent, entry: Entry, record: AgentRecord): Promise<unknown[]> {
  const one: Promise<{ killedGracefully: boolean }> = reeve.stop('coder')
  const all: Promise<readonly { escaped: readonly number[] }[]> = reeve.stop({ all: true }, { grace: '1s' })
  const end: Promise<{ ended: number; timedOut: boolean }> = reeve.stop({ timeout: '5s' })
  const off: () => void = reeve.on('transition', ({ to }) => to)
  reeve.on('warning', ({ code: warned }) => warned satisfies ErrorCode)
  // @ts-expect-error no such event
  reeve.on('explosion', () => {})
  // @ts-expect-error a state is observed, not set
  agent.state = 'running'
  // @ts-expect-error a record is a copy that nobody writes
  record.state = 'killed'
  // @ts-expect-error an entry is what happened
  entry.seq = 1
  const crew: Group = reeve.group('crew', {
    strategy: 'rest_for_one',
    intensity: { restarts: 3 },
    restart: 'transient',
  })
  const inner: Group = crew.group('inner', {
    autoShutdown: 'any_significant',
    intensity: false,
    significant: true,
  })
  const member: Agent = inner.spawn({ command: ['x'], restart: 'temporary', significant: true })
  crew.list({ state: 'running' }) satisfies AgentRecord[]
  const over: Promise<{ state: 'failed' | 'stopped'; cause: string }> = crew.ended
  const stopped: Promise<{ ended: number; timedOut: boolean }> = crew.stop({ timeout: '5s', by: 'me' })
  // @ts-expect-error no such strategy
  reeve.group('crew', { strategy: 'none_for_one' })
  // @ts-expect-error a group lists its own
  crew.list({ group: 'other' })
  // @ts-expect-error a group comes from group()
  new Group()
  // @ts-expect-error an agent comes from spawn()
  const made = new Agent()
  const registry: Registry = {
    open: async () => {},
    append: async () => {},
    records: async () => [],
    history: async () => [],
    remove: async () => {},
  }
  const sink: RegistrySink = { append: async (batch: readonly Entry[]) => void batch.length }
  await using own = await createSupervisor({ registry, sinks: [sink] })
  for await (const each of own.entries({ since: 1 })) each satisfies Entry
  return [one, all, end, off, made, member, over, stopped]
}

t.equal(taken.length, 8)
t.equal(typeof uses, 'function')
t.ok(new ReeveError('internal', 'x') instanceof Error)
t.equal([line, nothing, unknown, policy, stall, rung, lane, budget, adopted, launcher, code].length, 11)

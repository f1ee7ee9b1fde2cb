/** Every edge of `agentMachine`, by paths that are computed from the machine itself and walked on a stepping clock. */
import t from 'tap'
import {
  type AnyEventObject,
  type AnyStateMachine,
  type AnyStateNode,
  createActor,
  type InspectionEvent,
  type SnapshotFrom,
  type StateValue,
} from 'xstate'
import { getAdjacencyMap, getShortestPaths } from 'xstate/graph'
import { agentMachine } from '../../machines/agent.ts'
import { type Adoption, contextOf, type LifeInput, type LifePolicy } from '../../machines/context.ts'
import type { AgentState, LifeEvent, Reason } from '../../machines/events.ts'
import { SteppingClock } from '../../src/clock.ts'

const life = { agentId: 'a', incarnation: 1 }
const process = { bootId: 'boot', pid: 4711, startTime: 1 }
const user: Reason = { kind: 'user', by: 'test' }
const error = { code: 'internal', message: 'it broke' }

const policy: LifePolicy = {
  spawnTimeoutMs: 10_000,
  readyAtSpawn: false,
  readyTimeoutMs: 30_000,
  onStall: 'terminate',
  stallGraceMs: 500,
  rungs: [
    { signal: 'SIGINT', waitMs: 1_000 },
    { signal: 'SIGTERM', waitMs: 2_000 },
  ],
  killWaitMs: 5_000,
  cleanupLimitMs: 1_000,
  exitCodes: [0],
}

type Variant = Pick<LifeInput, 'policy' | 'adopt'> & Partial<Pick<LifeInput, 'from'>>
const adoption = {
  door: 'faulted',
  process: null,
  exit: null,
  reason: null,
  error,
  runningSinceMs: null,
} as const
const recovered = (from: AgentState, adopt: Partial<Adoption> = {}): Variant => ({
  policy,
  from,
  adopt: { ...adoption, door: 'recovered', error: null, process, ...adopt },
})
const CANCELLED: Variant = {
  policy: { ...policy, readyAtSpawn: true, cleanupLimitMs: null, rungs: policy.rungs.slice(1) },
}
const VARIANTS: Record<string, Variant> = {
  'ready when told, with clean-up': { policy },
  'ready at spawn, nothing to clean, cancelled': CANCELLED,
  'a stall is only reported, no rungs': { policy: { ...policy, onStall: 'report', rungs: [] } },
  'faulted before it had a process': { policy, adopt: adoption },
  'faulted with a process': { policy, adopt: { ...adoption, process } },
  'faulted after its exit': { policy, adopt: { ...adoption, process, exit: { code: 0, signal: null } } },
}

/** Lives that a supervisor before began, and where they go on. */
const RECOVERED: readonly (readonly [Variant, StateValue])[] = [
  [recovered('spawning', { process: null }), 'spawning'],
  [recovered('pre_starting'), 'pre_starting'],
  [recovered('running'), { running: 'working' }],
  [recovered('running', { activity: { kind: 'idle' } }), { running: 'idle' }],
  [recovered('running', { activity: { kind: 'waiting', on: 'model' } }), { running: 'waiting' }],
  [recovered('stalling'), 'stalling'],
  [recovered('terminating', { process: null, reason: user }), { terminating: 'awaiting_pid' }],
  [recovered('terminating', { rungsTaken: 1, reason: user }), { terminating: 'climbing' }],
  [recovered('terminating', { forced: true, reason: user }), { terminating: 'killing' }],
  [recovered('reaping', { exit: { code: 1, signal: null } }), { reaping: 'sweeping_gently' }],
  [recovered('reaping', { exit: { code: 1, signal: null }, reason: user }), { reaping: 'sweeping' }],
]

const EVENTS: LifeEvent[] = [
  { type: 'SPAWNED', ...life, process },
  { type: 'SPAWN_FAILED', ...life, error: { code: 'spawn_failed', message: 'no', errno: 'EAGAIN' } },
  { type: 'READY', ...life, evidence: { ready: 'report' } },
  { type: 'PROBED', ...life, evidence: { probe: 'port 1: refused' } },
  { type: 'STALLED', ...life, evidence: { silentMs: 1 } },
  { type: 'HEARTBEAT', ...life },
  { type: 'ACTIVITY', ...life, activity: { kind: 'working' } },
  { type: 'EXTENDED', ...life, byMs: 60_000, evidence: { extendMs: 60_000 } },
  { type: 'ACTIVITY', ...life, activity: { kind: 'idle' } },
  { type: 'ACTIVITY', ...life, activity: { kind: 'waiting', on: 'permission' } },
  { type: 'SIGNALLED', ...life, signal: 'SIGTERM', signalled: [] },
  { type: 'EXITED', ...life, exit: { code: 0, signal: null } },
  { type: 'EXITED', ...life, exit: { code: 1, signal: null } },
  { type: 'SWEPT', ...life, swept: [], escaped: [] },
  { type: 'SWEPT', ...life, swept: [9], escaped: [] },
  { type: 'CLEANED', ...life },
  { type: 'NOTE', ...life, event: 'usage' },
  { type: 'STOP', ...life, reason: user },
  { type: 'KILL', ...life, reason: user },
]

/** They make every state twice over: in one of the variants, with a short ladder. */
const CANCELLING: LifeEvent[] = [
  { type: 'ASKED', ...life, asked: 'cancel', through: 'control' },
  { type: 'STOP', ...life, reason: { kind: 'budget', by: 'test' }, cancelMs: 3_000 },
]
const eventsOf = (variant: Variant) => (variant === CANCELLED ? [...EVENTS, ...CANCELLING] : EVENTS)

type State = SnapshotFrom<typeof agentMachine>

/** The delays that run in this state, as the events that end them. */
const delaysOf = (state: State): AnyEventObject[] =>
  state._nodes.flatMap((node) => node.after.map(({ eventType }) => ({ type: eventType })))

/** What tells two states apart: where it stands, and what its guards look at. */
const serializeState = (state: State): string => {
  const {
    ladder,
    forced,
    reason,
    exit,
    error: failed,
    activity,
    process: known,
    state: told,
    times,
  } = state.context
  const rung = `${ladder.at}/${ladder.taken} of ${ladder.rungs.map((each) => Object.keys(each)[0])}`
  const seen = [
    rung,
    times.reached !== null,
    forced,
    reason?.kind,
    exit?.code,
    failed?.code,
    activity?.kind,
    known?.pid,
    told,
  ]
  return JSON.stringify([state.value, ...seen])
}

const inputOf = (variant: Variant, now: () => number): LifeInput => ({
  ...life,
  name: 'agent',
  from: null,
  now,
  ...variant,
})

const nodesOf = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(nodesOf)]

/** Every edge that the definition has: state, event, and its place among those of the same event. */
const definedEdges = (): string[] =>
  nodesOf(agentMachine.root).flatMap((node) => [
    ...[...node.transitions.values()].flatMap((edges) =>
      edges.map(({ eventType }, i) => `${node.id} ${eventType} ${i}`),
    ),
    ...(node.always ?? []).map((_, i) => `${node.id} always ${i}`),
  ])

type Taken = {
  source: { id: string; transitions: Map<string, readonly unknown[]>; always?: readonly unknown[] }
  eventType: string
}
function nameOf(taken: Taken): string {
  const always = taken.source.always?.indexOf(taken) ?? -1
  if (always >= 0) return `${taken.source.id} always ${always}`
  return `${taken.source.id} ${taken.eventType} ${taken.source.transitions.get(taken.eventType)?.indexOf(taken)}`
}

/** Walks one path with real delays; returns where it ends. */
function walk(variant: Variant, path: readonly AnyEventObject[], taken: Set<string>): State {
  const clock = new SteppingClock()
  const inspect = (event: InspectionEvent) => {
    if (event.type !== '@xstate.microstep') return
    for (const transition of event._transitions as unknown as Taken[])
      if (transition.eventType !== 'xstate.init') taken.add(nameOf(transition))
  }
  const actor = createActor(agentMachine, { clock, inspect, input: inputOf(variant, () => clock.now()) })
  actor.start()
  for (const event of path) {
    if (!event.type.startsWith('xstate.after.')) actor.send(event as LifeEvent)
    else clock.advance((clock.nextDueMs ?? clock.now()) - clock.now())
  }
  const state = actor.getSnapshot()
  actor.stop()
  return state
}

const taken = new Set<string>()

for (const [name, variant] of Object.entries(VARIANTS)) {
  t.test(`every computed path leads where the model says: ${name}`, async (t) => {
    const options = {
      input: inputOf(variant, () => 0),
      events: (state: State) => [...eventsOf(variant), ...delaysOf(state)] as LifeEvent[],
      serializeState,
      limit: 100_000,
    }
    const next = getAdjacencyMap(agentMachine as AnyStateMachine, options as object)
    const paths = getShortestPaths(agentMachine as AnyStateMachine, options as object)
    let walked = 0
    for (const path of paths) {
      const events = path.steps.map((step) => step.event).filter(({ type }) => type !== 'xstate.init')
      const here = next[serializeState(path.state as State) as keyof typeof next]
      for (const { event, state } of Object.values(here?.transitions ?? {})) {
        const reached = walk(variant, [...events, event], taken)
        walked += 1
        if (serializeState(reached) !== serializeState(state as State))
          t.fail(`${events.map((each) => each.type).join(' → ')} → ${event.type}`, {
            found: serializeState(reached),
            wanted: serializeState(state as State),
          })
      }
    }
    t.ok(walked > 50, `${walked} paths were walked, over ${paths.length} states`)
  })
}

t.test('a life that is adopted goes on where the log has it, and says nothing of it twice', async (t) => {
  for (const [variant, value] of RECOVERED) {
    const state = walk(variant, [], taken)
    t.same(state.value, value)
    t.equal(state.context.state, variant.from)
  }
  const [climbing] = RECOVERED.filter(([{ adopt }]) => adopt?.rungsTaken === 1)
  const { ladder } = walk(climbing?.[0] ?? { policy }, [], taken).context
  t.match(ladder, { at: 0, taken: 1 }, 'its first rung is not taken again')
  // Its launcher was ending it alone, which its log did not hear of.
  const told = walk(recovered('running', { rungsTaken: 2 }), [{ type: 'STOP', ...life, reason: user }], taken)
  t.match(told.context.ladder, { at: 1, taken: 2 }, 'nor when the log hears of its end only now')
})

t.test('together they take every edge, always and after too', async (t) => {
  const missing = definedEdges().filter((edge) => !taken.has(edge))
  t.same(missing, [])
  t.ok(taken.size > 60, `${taken.size} edges`)
})

t.test('a life knows fewer than 20 things: at 20, V8 makes a dictionary of each new context', async (t) => {
  const context = contextOf(inputOf({ policy }, () => 0))
  t.ok(Object.keys(context).length < 20, `${Object.keys(context).length} fields`)
})

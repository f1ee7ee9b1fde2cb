/** An agent as a listing shows it: the fold of its entries, and nothing else. */
import {
  type Activity,
  type AgentState,
  type Entry,
  type EntryEvent,
  type ErrorInfo,
  type Evidence,
  type Exit,
  isEnd,
  type Reason,
  type Usage,
} from '../../machines/events.ts'

export interface AgentRecord {
  readonly id: string
  readonly name: string
  readonly state: AgentState
  /** Its leader is a live process. A zombie is dead. */
  readonly alive: boolean
  /** What it says it does; `null` unless `running`. */
  readonly activity: Activity | null
  readonly group: string | null
  /** Which life this is, from 1. */
  readonly incarnation: number
  readonly restarts: number
  readonly supervisorId: string
  readonly host: string
  /** `null` unless alive. */
  readonly pid: number | null
  readonly startTime: number | null
  readonly bootId: string | null
  readonly createdAt: string
  /** When the present life had its process. */
  readonly startedAt: string | null
  /** When the present life ended. */
  readonly endedAt: string | null
  readonly lastHeartbeatAt: string | null
  /** How the present life's leader ended, why its end was asked for, and what went wrong. */
  readonly exit: Exit | null
  readonly reason: Reason | null
  readonly error: ErrorInfo | null
  /** Pids of its tree that could not be ended. */
  readonly escaped: readonly number[]
  /** What was seen at the last change of state. */
  readonly evidence: Evidence | null
  readonly cleanupErrors: readonly ErrorInfo[]
  readonly usage: Usage | null
  readonly task: string | null
  readonly lane: string | null
  readonly spawner: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly command: readonly string[]
  readonly cwd: string
  readonly logFile: string
}

const WITH_PROCESS: readonly AgentState[] = ['pre_starting', 'running', 'stalling', 'terminating']

const WORKING: Activity = { kind: 'working' }
/** What they tell is no error of the agent: it ended, or will. */
const NO_ERRORS_OF_ITS_OWN: readonly EntryEvent[] = ['cleanup_failed', 'kill_failed']

const begun = (entry: Entry): AgentRecord => ({
  id: entry.agentId,
  name: entry.name,
  state: entry.to,
  alive: false,
  activity: null,
  group: entry.group ?? null,
  incarnation: entry.incarnation,
  restarts: 0,
  supervisorId: entry.supervisorId,
  host: entry.host,
  pid: null,
  startTime: null,
  bootId: null,
  createdAt: entry.at,
  startedAt: null,
  endedAt: null,
  lastHeartbeatAt: null,
  exit: null,
  reason: null,
  error: null,
  escaped: [],
  evidence: null,
  cleanupErrors: [],
  usage: null,
  task: entry.task ?? null,
  lane: entry.lane ?? null,
  spawner: entry.spawner ?? null,
  labels: entry.labels ?? {},
  command: entry.command ?? [],
  cwd: entry.cwd ?? '',
  logFile: entry.logFile ?? '',
})

/** What a new life does not inherit from the one before. */
const newLife = {
  startedAt: null,
  endedAt: null,
  lastHeartbeatAt: null,
  exit: null,
  reason: null,
  error: null,
  escaped: [],
  evidence: null,
  cleanupErrors: [],
} as const

/**
 * One entry further. `record` is `undefined` before an agent's first entry, which begins anew, also for an id that an agent
 * had before.
 */
export function fold(record: AgentRecord | undefined, entry: Entry): AgentRecord {
  const before = entry.from === null || !record ? begun(entry) : record
  const base = entry.incarnation > before.incarnation ? { ...before, ...newLife } : before
  const state = entry.to
  const changed = entry.from !== entry.to
  const hasProcess = WITH_PROCESS.includes(state)
  const pid = hasProcess ? (entry.pid ?? base.pid) : null
  const { event } = entry
  // Written out, not spread: a record is folded for every entry of every agent, and this is ten times as fast.
  return {
    id: base.id,
    name: base.name,
    state,
    alive: pid !== null,
    activity: state === 'running' ? (entry.activity ?? base.activity ?? WORKING) : null,
    group: base.group,
    incarnation: entry.incarnation,
    restarts: entry.incarnation - 1,
    supervisorId: entry.supervisorId,
    host: entry.host,
    pid,
    startTime: pid === null ? null : (entry.startTime ?? base.startTime),
    bootId: pid === null ? null : (entry.bootId ?? base.bootId),
    createdAt: base.createdAt,
    startedAt: changed && state === 'pre_starting' ? entry.at : base.startedAt,
    endedAt: changed && isEnd(state) ? entry.at : base.endedAt,
    lastHeartbeatAt: entry.lastHeartbeatAt ?? base.lastHeartbeatAt,
    exit: entry.exit ?? base.exit,
    reason: reasonAfter(base, entry, changed),
    error: NO_ERRORS_OF_ITS_OWN.includes(event) ? base.error : (entry.error ?? base.error),
    escaped: entry.escaped ?? base.escaped,
    // Whom it waited for is past when its turn has come.
    evidence:
      changed || event === 'spawn'
        ? (entry.evidence ?? null)
        : event === 'extend'
          ? { ...base.evidence, ...entry.evidence }
          : base.evidence,
    cleanupErrors:
      event === 'cleanup_failed' && entry.error ? [...base.cleanupErrors, entry.error] : base.cleanupErrors,
    usage: entry.usage ?? base.usage,
    task: base.task,
    lane: base.lane,
    spawner: base.spawner,
    labels: base.labels,
    command: base.command,
    cwd: base.cwd,
    logFile: base.logFile,
  }
}

/**
 * An end says itself whether it was asked for: it may have come by itself before what was asked reached it. A note that
 * it was asked for when its leader had exited is no reason of its end.
 */
function reasonAfter(base: AgentRecord, { to, reason }: Entry, changed: boolean): Reason | null {
  if (changed && isEnd(to)) return reason ?? null
  return changed || to !== 'reaping' ? (reason ?? base.reason) : base.reason
}

/** Narrows a listing; what is absent does not narrow. Every label given has to match. */
export interface RecordFilter {
  readonly id?: string
  readonly name?: string
  readonly state?: AgentState | readonly AgentState[]
  /** The path of a group: its agents, and those of groups within it. */
  readonly group?: string
  readonly lane?: string
  readonly task?: string
  readonly spawner?: string
  readonly labels?: Readonly<Record<string, string>>
}

const TEXT_FILTERS = ['id', 'name', 'lane', 'task', 'spawner'] as const

/** Whether an agent of this group belongs to the group of that path, or to one within it. */
export const isWithin = (group: string | null | undefined, path: string): boolean =>
  group === path || group?.startsWith(`${path}/`) === true

export function matches(record: AgentRecord, filter: RecordFilter): boolean {
  if (TEXT_FILTERS.some((key) => filter[key] !== undefined && filter[key] !== record[key])) return false
  if (filter.group !== undefined && !isWithin(record.group, filter.group)) return false
  const states = filter.state === undefined ? undefined : [filter.state].flat()
  if (states && !states.includes(record.state)) return false
  return Object.entries(filter.labels ?? {}).every(([key, value]) => record.labels[key] === value)
}

/** Newest first; of the same instant, the one that came later. */
export const newestFirst = (records: readonly AgentRecord[]): AgentRecord[] =>
  [...records].reverse().sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0))

/**
 * What can be asked of agents, wherever they are supervised: in this process (`Supervisor`) or in a daemon (the client).
 * Every face (command line, REPL, MCP, page) takes this and nothing else. Where the answer is there at once in one of
 * them and on its way in the other, it is `Awaitable`: `await` reads both.
 */
import type { Activity, AgentState, Entry } from '../machines/events.ts'
import type { AgentHealth } from './agent-health.ts'
import type { GroupOptions, StopGroupOptions, StopGroupResult } from './group-options.ts'
import type { GroupEnd, GroupRecord, GroupState } from './group-record.ts'
import type {
  CancelOptions,
  KillOptions,
  KillResult,
  KillStalledOptions,
  KillStalledResult,
  StopOptions,
} from './kill.ts'
import type { AgentEvents, SupervisorEvents } from './listeners.ts'
import type { AgentRecord, RecordFilter } from './registry/record.ts'
import type { AgentSpec } from './spec.ts'

export type Awaitable<T> = T | Promise<T>

/** Which agents: those of one task, the one in a lane, or all. */
export type Selection = { readonly task: string } | { readonly lane: string } | { readonly all: true }

export interface LogOptions {
  /**
   * An offset in everything that was ever written to the log, in bytes: rotation changes none, and one older than all
   * that is kept means `'start'`, the oldest line that is (the default); or `'end'`. Lines of a log bear no time.
   */
  readonly since?: number | 'start' | 'end'
  /** Reads on, until the agent has ended. */
  readonly follow?: boolean
  /** Ends it, quietly. */
  readonly signal?: AbortSignal
}

export interface EntriesOptions {
  /**
   * The last entry that is known; those after it follow: its number, of this supervisor's own, or its place in the log
   * across supervisors, `supervisorId:seq` (with a registry that can give them, `sqliteRegistry`); or `'start'`, for all
   * that the registry has. Absent: those from now on.
   */
  readonly since?: number | string
  /** Ends it, quietly. */
  readonly signal?: AbortSignal
}

export interface InspectionOptions {
  /** Ends it, quietly. */
  readonly signal?: AbortSignal
}

/** Every method is described at `Supervisor`'s own of the same name. */
export interface Reeve {
  spawn(spec: AgentSpec): Awaitable<AgentHandle>
  get(idOrName: string): Awaitable<AgentHandle | undefined>
  /** Opens it, or opens it anew; one that is open is returned as it is. */
  group(path: string, options?: GroupOptions): Awaitable<GroupHandle>
  /** Opens nothing. */
  findGroup(path: string): Awaitable<GroupHandle | undefined>
  groups(): Awaitable<GroupRecord[]>
  /** All that have not ended. */
  list(filter?: RecordFilter): Awaitable<AgentRecord[]>
  /** All that are known, newest first. */
  records(filter?: RecordFilter): Promise<AgentRecord[]>
  history(idOrName: string): Promise<Entry[]>
  /** One, or all that have not ended. */
  health(idOrName: string): Promise<AgentHealth>
  health(filter?: RecordFilter): Promise<AgentHealth[]>
  heartbeat(idOrName: string, report?: unknown): Awaitable<boolean>
  send(idOrName: string, input: string): Promise<void>
  stop(idOrName: string, options?: StopOptions): Promise<KillResult>
  stop(selection: Selection, options?: StopOptions): Promise<KillResult[]>
  cancel(idOrName: string, options?: CancelOptions): Promise<KillResult>
  cancel(selection: Selection, options?: CancelOptions): Promise<KillResult[]>
  kill(idOrName: string, options?: KillOptions): Promise<KillResult>
  kill(selection: Selection, options?: KillOptions): Promise<KillResult[]>
  restart(idOrName: string, options?: StopOptions): Promise<AgentRecord>
  killStalled(options?: KillStalledOptions): Promise<KillStalledResult>
  remove(id: string, options?: { history?: boolean }): Promise<void>
  logs(idOrName: string, options?: LogOptions): AsyncIterable<string>
  /** Returns what takes the listener out again. */
  on<E extends keyof SupervisorEvents>(event: E, fn: (payload: SupervisorEvents[E]) => unknown): () => void
  entries(options?: EntriesOptions): AsyncIterable<Entry>
  inspection(options?: InspectionOptions): AsyncIterable<string>
}

/** One agent, over all its lives. Every member is described at `Agent`'s own of the same name. */
export interface AgentHandle {
  readonly id: string
  readonly name: string
  readonly state: AgentState
  readonly activity: Activity | null
  readonly pid: number | null
  readonly incarnation: number
  /** As last seen. */
  readonly record: AgentRecord
  /** At its first `running`, or what prevented it. */
  readonly ready: Promise<AgentRecord>
  /** When no further life follows. */
  readonly ended: Promise<AgentRecord>
  health(): Promise<AgentHealth>
  heartbeat(report?: unknown): Awaitable<boolean>
  stop(options?: StopOptions): Promise<KillResult>
  cancel(options?: CancelOptions): Promise<KillResult>
  kill(options?: KillOptions): Promise<KillResult>
  restart(options?: StopOptions): Promise<AgentRecord>
  send(text: string): Promise<void>
  logs(options?: LogOptions): AsyncIterable<string>
  on<E extends keyof AgentEvents>(event: E, fn: (payload: AgentEvents[E]) => unknown): () => void
}

/** One group, over all its openings. Every member is described at `Group`'s own of the same name. */
export interface GroupHandle {
  readonly path: string
  readonly name: string
  readonly state: GroupState
  /** As last seen. */
  readonly record: GroupRecord
  /** When it is over. */
  readonly ended: Promise<GroupEnd>
  spawn(spec: AgentSpec): Awaitable<AgentHandle>
  group(path: string, options?: GroupOptions): Awaitable<GroupHandle>
  list(filter?: Omit<RecordFilter, 'group'>): Awaitable<AgentRecord[]>
  stop(options?: StopGroupOptions): Promise<StopGroupResult>
}

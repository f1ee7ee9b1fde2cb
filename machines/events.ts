/**
 * The words everything uses: states, activities, reasons, entries, and the events that the actors take.
 *
 * Nothing here does anything; every other room imports its vocabulary from this one.
 */
import type { Asked } from './escalation.ts'

/** A life that is under way. `restarting` lies between two lives and belongs to the agent, not to a life. */
export type LiveState =
  | 'spawning' // asked for, no process yet; the name is taken
  | 'pre_starting' // the process is there, readiness is not
  | 'running' // ready; its `activity` says what it does
  | 'stalling' // its heartbeat deadline passed; a heartbeat undoes it
  | 'terminating' // on the stop ladder
  | 'reaping' // the leader is gone (or never came); the rest of the tree is ended, clean-up runs

/** How a life ends. An agent in one of these, with no restart to come, has ended. */
export type EndState =
  | 'killed' // someone had asked for its end before it exited; `reason` says who and why
  | 'crashed' // it ended by itself, badly, or never started
  | 'completed' // it ended by itself, well (see `exitCodes`)

export type AgentState = LiveState | 'restarting' | EndState

export const END_STATES: readonly EndState[] = ['killed', 'crashed', 'completed']
/** Every state, in the order of a life. */
export const STATES = [
  'spawning',
  'pre_starting',
  'running',
  'stalling',
  'terminating',
  'reaping',
  'restarting',
  'killed',
  'crashed',
  'completed',
] as const satisfies readonly AgentState[]

export const isEnd = (state: AgentState | null): state is EndState => END_STATES.includes(state as EndState)

/** What an agent may wait for without being taken for stalled. */
export const WAITING_ON = ['permission', 'rate_limit', 'tool', 'model', 'auth'] as const
export type WaitingOn = (typeof WAITING_ON)[number]

/** What a running agent says it does. `idle` and `waiting` hold its heartbeat deadline, within `maxWait`. */
export type Activity =
  | { readonly kind: 'working' }
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'waiting'
      readonly on: WaitingOn
      /** ISO 8601, UTC: when it expects to go on. */
      readonly until?: string
      /** What it waits for, in its own words. */
      readonly message?: string
    }

/**
 * Why an end was asked for. The first four come back by `restart` policy as a crash would, `strategy` comes back with
 * its group; the others never do.
 */
export const REASON_KINDS = [
  'stall',
  'ready_timeout',
  'liveness',
  'memory',
  'strategy',
  'user',
  'cancelled',
  'ttl',
  'budget',
  'lane',
  'shutdown',
] as const
export type ReasonKind = (typeof REASON_KINDS)[number]

export interface Reason {
  readonly kind: ReasonKind
  /** Who asked: `supervisor`, `killStalled`, or what the caller named. */
  readonly by: string
  readonly message?: string
}

/** How a process ended, as `waitpid` told it. Both null: nobody could see it. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ErrorInfo {
  /** A code of the error table in `src/errors.ts`. */
  readonly code: string
  readonly message: string
  /** The operating system's name of it, when it has one: `ENOENT`, `EAGAIN` … */
  readonly errno?: string
}

/** What a process is known by: a pid alone is a stranger's tomorrow. */
export interface ProcessIdentity {
  /** Of this boot of the machine: `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string
  readonly pid: number
  /** Field 22 of `/proc/<pid>/stat`: clock ticks between boot and its start. */
  readonly startTime: number
}

/** One life, as every answer names it. */
export interface LifeAddress {
  readonly agentId: string
  readonly incarnation: number
}

/** The key of a life in a Map. An id holds no dot, so two lives never share one. */
export const lifeKey = (life: LifeAddress): string => `${life.agentId}.${life.incarnation}`

/** The longest report, in bytes of its one line, newline not counted. */
export const MAX_REPORT_BYTES = 16 * 1024

/** What was seen when a decision fell: shown beside it, so that it can be judged afterwards. */
export interface Evidence {
  /** Milliseconds since the last sign of life, and the limit that it passed. */
  readonly silentMs?: number
  readonly limitMs?: number
  /** Milliseconds since the log last grew; absent when it never did. */
  readonly logQuietMs?: number
  /** CPU milliseconds that the whole tree used since the last look. */
  readonly cpuMs?: number
  /** Live processes in the tree. */
  readonly processes?: number
  /** Memory that the tree used, and the limit that it passed. */
  readonly memoryBytes?: number
  readonly maxBytes?: number
  /** What made it ready: `spawned`, `report`, the line, or what was seen when it was asked. */
  readonly ready?: string
  /** What was asked of it and not answered well, the last time. */
  readonly probe?: string
  readonly signal?: NodeJS.Signals
  /** What a rung asked of the leader, and by which way; `refused`: why there was none. */
  readonly asked?: Asked
  readonly through?: AskedThrough
  readonly refused?: string
  /** The grace that this rung gives, in milliseconds. */
  readonly waitMs?: number
  /** The id of the agent that holds the lane in which this one waits for its turn. */
  readonly waitsFor?: string
  /** Whom a rung's signal reached. `own_session` ones had left the group. */
  readonly signalled?: readonly SignalledProcess[]
  /** Processes of the tree that outlived the leader and were ended. */
  readonly swept?: readonly number[]
  readonly delayMs?: number
  /** The try this is, and how many the intensity allows in its window. */
  readonly attempt?: number
  readonly attempts?: number
  readonly elapsedMs?: number
  /** Of a budget: what was used of what is allowed. */
  readonly budget?: keyof Usage
  readonly used?: number
  readonly allowed?: number
  /** It was asked first to end by itself, and had this long; then the ladder. */
  readonly withinMs?: number
  /** The total that its ladder was given, where that was not the spec's. */
  readonly graceMs?: number
  /** The time it asked for, in milliseconds, and until when that is: ISO 8601, UTC. */
  readonly extendMs?: number
  readonly extendedUntil?: string
  /** Nobody said in time whether anything of the tree is left. */
  readonly unverified?: true
  /** Why no further life follows an end that the policy would have restarted. */
  readonly notRestarted?: string
  /** A further life was asked for: this one ends to make room for it. */
  readonly again?: true
  /** Where in its log this life begins, in bytes ever written: its ready line is looked for from there. */
  readonly logOffset?: number
  /** What the agent said of itself (`result`, `stopping`), as it said it. */
  readonly said?: unknown
  /** Reports that were refused, by cause. */
  readonly rejected?: string
}

/** `control`: its control file; `signal`: SIGINT, for an agent that has none; `stdin`. */
export type AskedThrough = 'control' | 'signal' | 'stdin'

export interface SignalledProcess {
  readonly pid: number
  readonly where: 'leader' | 'group' | 'own_session'
}

/** Sums over all incarnations of an agent, from its `usage` reports. */
export interface Usage {
  readonly turns: number
  readonly tokens: number
  readonly usd: number
}

/** The plain word of what made an entry. */
export type EntryEvent =
  | 'queued'
  | 'spawn'
  | 'spawned'
  | 'spawn_failed'
  | 'ready'
  | 'ready_timeout'
  | 'deadline'
  | 'heartbeat'
  | 'activity'
  | 'extend'
  | 'stop'
  | 'kill'
  | 'rung'
  | 'exit'
  | 'swept'
  | 'end'
  | 'backoff'
  | 'restart'
  | 'regroup'
  | 'adopted'
  | 'fault'
  | 'kill_failed'
  | 'cleanup_failed'
  | 'usage'
  | 'budget_warning'
  | 'result'
  | 'stopping'
  | 'report_rejected'

/** An entry as a machine tells it. Number, time and labels are added by the one who records. */
export interface EntryDraft extends LifeAddress {
  readonly name: string
  readonly from: AgentState | null
  /** Equal to `from` in a note. */
  readonly to: AgentState
  readonly event: EntryEvent
  readonly process?: ProcessIdentity
  readonly exit?: Exit
  readonly reason?: Reason
  readonly error?: ErrorInfo
  readonly activity?: Activity
  readonly evidence?: Evidence
  readonly escaped?: readonly number[]
  readonly usage?: Usage
  /** When it happened, ISO 8601, UTC, where that was not now. */
  readonly at?: string
  /** Where a report made it: the offset in the report file up to which it was read. */
  readonly reportOffset?: number
}

/** One line of the log: flat, serialisable, numbered from 1 without gaps per supervisor. */
export interface Entry extends Omit<EntryDraft, 'process'> {
  readonly seq: number
  /** ISO 8601, UTC. */
  readonly at: string
  readonly supervisorId: string
  readonly host: string
  readonly group?: string
  readonly pid?: number
  readonly startTime?: number
  readonly bootId?: string
  readonly lastHeartbeatAt?: string
  readonly task?: string
  readonly lane?: string
  readonly spawner?: string
  readonly labels?: Readonly<Record<string, string>>
  /** On an agent's first entry only. */
  readonly command?: readonly string[]
  readonly cwd?: string
  readonly logFile?: string
}

export const isNote = (entry: Pick<Entry, 'from' | 'to'>): boolean => entry.from === entry.to

/** Answers of the outside to one life, addressed, and dropped when that life is over. */
export type LifeAnswer = LifeAddress &
  (
    | { readonly type: 'SPAWNED'; readonly process: ProcessIdentity; readonly evidence?: Evidence }
    | {
        readonly type: 'SPAWN_FAILED'
        readonly error: ErrorInfo
        /** What came of it nevertheless, and could not be ended. */
        readonly escaped?: readonly number[]
      }
    | { readonly type: 'READY'; readonly evidence: Evidence; readonly reportOffset?: number }
    | { readonly type: 'STALLED'; readonly evidence: Evidence }
    /** It was asked whether it is ready, and is not yet. */
    | { readonly type: 'PROBED'; readonly evidence: Evidence }
    | { readonly type: 'HEARTBEAT'; readonly evidence?: Evidence; readonly reportOffset?: number }
    /** It asked for time: to become ready, or until its next sign of life is due. */
    | {
        readonly type: 'EXTENDED'
        readonly byMs: number
        readonly evidence: Evidence
        readonly reportOffset?: number
      }
    | { readonly type: 'ACTIVITY'; readonly activity: Activity; readonly reportOffset?: number }
    | {
        readonly type: 'SIGNALLED'
        readonly signal: NodeJS.Signals
        readonly signalled: readonly SignalledProcess[]
      }
    | {
        readonly type: 'ASKED'
        readonly asked: Asked
        readonly through?: AskedThrough
        readonly signal?: NodeJS.Signals
        readonly signalled?: readonly SignalledProcess[]
        readonly refused?: string
      }
    /** `at`: when, ISO 8601, UTC, where that was not now. */
    | { readonly type: 'EXITED'; readonly exit: Exit; readonly at?: string }
    | { readonly type: 'SWEPT'; readonly swept: readonly number[]; readonly escaped: readonly number[] }
    | { readonly type: 'CLEANED' }
    | {
        readonly type: 'NOTE'
        readonly event: EntryEvent
        readonly evidence?: Evidence
        readonly usage?: Usage
        readonly reportOffset?: number
        readonly error?: ErrorInfo
      }
  )

/** Asking for an end. */
export interface StopRequest {
  readonly reason: Reason
  /** The total before SIGKILL, to which the waits of the ladder scale; absent: as the spec says. */
  readonly graceMs?: number
  /**
   * It is asked first to finish its present step, and has this long; then the ladder. Absent: the ladder at once.
   */
  readonly cancelMs?: number
  /** What was seen that led to it. */
  readonly evidence?: Evidence
  /** `false` leaves the clean-up hooks out. */
  readonly cleanup?: boolean
}

/** What one life takes. */
export type LifeEvent =
  | LifeAnswer
  | (LifeAddress & StopRequest & { readonly type: 'STOP' })
  | (LifeAddress & StopRequest & { readonly type: 'KILL' })

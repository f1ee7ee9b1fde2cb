/** What stop, cancel, kill and `killStalled` take and say. */
import type { ErrorInfo } from '../machines/events.ts'
import type { RecordFilter } from './registry/record.ts'

export interface KillOptions {
  /** Why, in the caller's words; it stands in the record's `reason.message`. */
  readonly reason?: string
  /** Who asks; it stands in the record's `reason.by`. Default `user`. */
  readonly by?: string
  /** `false` leaves the clean-up hooks out, for a look afterwards. Default `true`. */
  readonly cleanup?: boolean
}

export interface StopOptions extends KillOptions {
  /** The total before SIGKILL, to which the waits of the ladder scale; a second stop can only hasten. */
  readonly grace?: number | string
}

export interface CancelOptions extends KillOptions {
  /**
   * How long it has to finish its present step and end by itself; then the stop ladder. A second request can only
   * hasten. Default: the wait of the `{cancel}` rung of its ladder, else `30s`.
   */
  readonly within?: number | string
}

export interface KillResult {
  readonly success: true
  readonly agentId: string
  /** What was asked: `graceful_kill` by `stop`, `cancel` by `cancel`, `force_kill` by `kill`. */
  readonly action: 'graceful_kill' | 'cancel' | 'force_kill'
  /** The leader's pid; `null` when there never was a process. */
  readonly pid: number | null
  /** The last signal that was sent to it; `null` when none was needed. */
  readonly killSignal: NodeJS.Signals | null
  readonly taskId: string | null
  /** ISO 8601, UTC. */
  readonly killedAt: string
  /** The total before SIGKILL; of a cancellation, the time to end by itself with it. */
  readonly gracePeriodSeconds: number
  /** What happened to the leader: it went without SIGKILL. */
  readonly killedGracefully: boolean
  readonly escaped: readonly number[]
  readonly message: string
}

export interface KillStalledOptions {
  /** Takes agents silent for longer than this; absent: those in `stalling`. */
  readonly heartbeatTimeout?: number | string
  readonly grace?: number | string
  /** SIGKILL at once. */
  readonly force?: boolean
  readonly cleanup?: boolean
  readonly filter?: RecordFilter
}

export interface KillStalledResult {
  /** Every one that was taken is gone. */
  readonly success: boolean
  readonly action: 'kill_stalled'
  readonly agentsKilled: number
  readonly killedAgents: readonly {
    readonly agentId: string
    readonly pid: number | null
    readonly secondsSinceHeartbeat: number
    readonly killedGracefully: boolean
    readonly taskId: string | null
  }[]
  /** Those that could not be ended, with the reason. Absent when there are none. */
  readonly failedAgents?: readonly (ErrorInfo & { readonly agentId: string })[]
  /** ISO 8601, UTC. */
  readonly timestamp: string
}

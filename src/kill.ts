/** What a kill says. */
import type { ErrorInfo } from '../machines/events.ts'
import type { Seat } from './seat.ts'

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

export interface KillResult {
  readonly success: true
  readonly agentId: string
  /** What was asked: `graceful_kill` by `stop`, `force_kill` by `kill`. */
  readonly action: 'graceful_kill' | 'force_kill'
  /** The leader's pid; `null` when there never was a process. */
  readonly pid: number | null
  /** The last signal that was sent to it; `null` when none was needed. */
  readonly killSignal: NodeJS.Signals | null
  readonly taskId: string | null
  /** ISO 8601, UTC. */
  readonly killedAt: string
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
  readonly filter?: import('./registry/record.ts').RecordFilter
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

const seconds = (ms: number): number => Math.round(ms / 10) / 100

/** The result for one who asked, once the life has ended. */
export function killResult(
  seat: Seat,
  action: KillResult['action'],
  graceMs: number,
  at: string,
): KillResult {
  const { record, kill } = seat
  // An exit that nobody saw, after SIGKILL, is taken for its doing.
  const forced = kill.forced && record.exit?.code == null && (record.exit?.signal ?? 'SIGKILL') === 'SIGKILL'
  return {
    success: true,
    agentId: record.id,
    action,
    pid: seat.lifePid,
    killSignal: kill.lastSignal,
    taskId: record.task,
    killedAt: record.endedAt ?? at,
    gracePeriodSeconds: action === 'force_kill' ? 0 : seconds(graceMs),
    killedGracefully: !forced,
    escaped: record.escaped,
    message: messageFor(seat, forced, action === 'force_kill' ? 0 : graceMs),
  }
}

function messageFor(seat: Seat, forced: boolean, graceMs: number): string {
  const left = seat.record.escaped
  if (left.length > 0) return `Agent ended; still there: pid ${left.join(', ')}`
  if (seat.lifePid === null) return 'Agent ended before it had a process'
  if (!forced) return 'Agent terminated gracefully'
  return graceMs > 0 ? `Agent killed after ${seconds(graceMs)} s of grace` : 'Agent killed'
}

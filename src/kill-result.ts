/** What a kill says, once it is done. */
import type { KillResult } from './kill.ts'
import type { Seat } from './seat.ts'

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
    message: messageFor(seat, action, forced, action === 'force_kill' ? 0 : graceMs),
  }
}

function messageFor(seat: Seat, action: KillResult['action'], forced: boolean, graceMs: number): string {
  const left = seat.record.escaped
  const cancelled = action === 'cancel'
  if (left.length > 0) return `Agent ended; still there: pid ${left.join(', ')}`
  if (seat.lifePid === null) return `Agent ${cancelled ? 'cancelled' : 'ended'} while it had no process`
  if (!forced) return cancelled ? 'Agent cancelled' : 'Agent terminated gracefully'
  return graceMs > 0 ? `Agent killed after ${seconds(graceMs)} s of grace` : 'Agent killed'
}

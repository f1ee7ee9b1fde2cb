/** The end of a supervisor: its agents, its journal, its launcher, its home, all within one time limit. */
import type { Reason } from '../machines/events.ts'
import { within } from './deferred.ts'
import { type Duration, durationMs } from './duration.ts'
import { leaveHome } from './home.ts'
import type { Runtime } from './runtime.ts'

export interface StopSupervisorOptions {
  /** Everything is over by then: what still lives is killed before, and named if it survives. Default `30s`. */
  readonly timeout?: Duration
  /** Stands in each agent's `reason.by`. Default `supervisor`. */
  readonly by?: string
}

export interface StopSupervisorResult {
  /** How many agents ended in the course of it. */
  readonly ended: number
  /** Pids that could not be ended, or not in time. */
  readonly escaped: readonly number[]
  readonly timedOut: boolean
}

/** Of the time there is: SIGKILL comes this much before the agents' share of it ends, or a quarter when that is less. */
const KILL_RESERVE_MS = 5_000
export const killReserveMs = (timeoutMs: number): number => Math.min(KILL_RESERVE_MS, timeoutMs / 4)
/** And this much, or a tenth, is kept for committing the last entries. */
const COMMIT_RESERVE_MS = 1_000
/** How much later than it should the root may say that it has stopped. */
const ROOT_SLACK_MS = 250
/** What closing a sink or the launcher is given when the time is used up. */
const LEAST_MS = 100

export async function shutDown(
  runtime: Runtime,
  { timeout = '30s', by = 'supervisor' }: StopSupervisorOptions,
): Promise<StopSupervisorResult> {
  const timeoutMs = durationMs(timeout, 'timeout')
  const { clock, root, journal } = runtime
  const deadlineMs = clock.now() + timeoutMs
  const leftMs = () => Math.max(LEAST_MS, deadlineMs - clock.now())
  const seats = runtime.roster.live()

  const giveUpAfterMs = timeoutMs - Math.min(COMMIT_RESERVE_MS, timeoutMs / 10)
  const killAfterMs = giveUpAfterMs - killReserveMs(timeoutMs)
  const stopped = new Promise<void>((resolve) => {
    if (root.getSnapshot().status !== 'active') resolve()
    root.subscribe({ complete: resolve, error: () => resolve() })
  })
  const reason: Reason = { kind: 'shutdown', by }
  runtime.turns.close(reason)
  runtime.send({ type: 'SHUTDOWN', reason, killAfterMs, giveUpAfterMs })
  // The root keeps this time itself; one that was stopped from elsewhere keeps none.
  await within(stopped, giveUpAfterMs + ROOT_SLACK_MS, clock)

  const left = seats.filter((seat) => !seat.ended)
  for (const seat of left) runtime.abandon(seat)
  runtime.groups.close()
  runtime.vigil.close()
  runtime.vitals.close()
  const committed = await within(journal.flushed(), leftMs(), clock)
  await within(journal.close(), leftMs(), clock)
  await runtime.launcher.close(leftMs())
  runtime.vigil.reports.close()
  runtime.log.close()
  runtime.specs?.close()
  leaveHome(runtime.home)
  await runtime.lock?.release()
  runtime.roster.letGo()

  const escaped = seats.flatMap((seat) => [
    ...seat.record.escaped,
    ...(seat.ended || seat.record.pid === null ? [] : [seat.record.pid]),
  ])
  return { ended: seats.length - left.length, escaped, timedOut: left.length > 0 || !committed }
}

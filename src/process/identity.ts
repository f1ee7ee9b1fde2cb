/**
 * Who a process is. A pid is a number that will belong to someone else tomorrow; a pid with its start time and the
 * boot it counts from is one process for ever.
 */
import type { ProcessIdentity } from '../../machines/events.ts'
import { bootId, statOf } from './proc.ts'
import type { ProcessStat } from './stat.ts'

export { statOf as readStat } from './proc.ts'
export type { ProcessStat } from './stat.ts'

/**
 * A zombie is dead, though it still answers `kill(pid, 0)`. One whose main thread alone has ended shows as `Z` too,
 * and lives as long as its other threads.
 */
export const isDead = (stat: ProcessStat): boolean =>
  (stat.state === 'Z' || stat.state === 'X' || stat.state === 'x') && stat.threads <= 1

export const identityOf = (stat: ProcessStat): ProcessIdentity => ({
  bootId: bootId(),
  pid: stat.pid,
  startTime: stat.startTime,
})

/** The identity of the process that has this pid now, zombies included. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = statOf(pid)
  return stat && identityOf(stat)
}

/** The stat of exactly this process while it lives; `undefined` once it is dead, or its pid is someone else's. */
export function liveStat(identity: ProcessIdentity): ProcessStat | undefined {
  if (identity.bootId !== bootId()) return undefined
  const stat = statOf(identity.pid)
  return stat !== undefined && stat.startTime === identity.startTime && !isDead(stat) ? stat : undefined
}

export const isAlive = (identity: ProcessIdentity): boolean => liveStat(identity) !== undefined

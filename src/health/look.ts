/**
 * What a look at a life shows, and which of it is a sign of life. Decisions only: who looks, and when, stands in
 * `deadlines.ts`.
 */
import type { LifeAddress } from '../../machines/events.ts'

/** Where signs of life are taken from; the others are evidence only. */
export type HeartbeatSource = 'report' | 'output' | 'cpu'

/** One look at one life. What could not be seen is left out. */
export interface Look {
  readonly life: LifeAddress
  /** Bytes in its log. */
  readonly logSize?: number | undefined
  /** Wall-clock age of the log's last change, in milliseconds. */
  readonly logAgeMs?: number | undefined
  /** CPU time that its tree has used up to now, in milliseconds. */
  readonly cpuMs?: number | undefined
  /** Live processes in its tree. */
  readonly processes?: number | undefined
}

/** A look, dated. */
export interface Seen {
  readonly atMs: number
  /** Wall clock minus monotonic clock: a change of it is a stepped wall clock. */
  readonly wallOffsetMs: number
  readonly look: Look
}

/** The tree did something when it used this share of the time since the last look, and at least this much. */
const CPU_SHARE = 0.01
const CPU_LEAST_MS = 30
/** Files are dated by the kernel's tick, wall clocks are slewed: differences below this mean nothing. */
const SLACK_MS = 1000

/**
 * When the log last grew, on the monotonic clock; `undefined` when it did not grow since the look before.
 * Without an earlier look: when a log that is not empty last changed. By the file's date when that can be true, and
 * now when it cannot (the wall clock was stepped, the file was dated by hand): a growth that was seen is a sign of life.
 */
export function grewAtMs(before: Seen | undefined, now: Seen, sinceWallOffsetMs: number): number | undefined {
  const size = now.look.logSize
  if (size === undefined || size === (before?.look.logSize ?? 0)) return undefined
  const ageMs = now.look.logAgeMs
  const stepped = Math.abs(now.wallOffsetMs - (before?.wallOffsetMs ?? sinceWallOffsetMs)) > SLACK_MS
  if (ageMs === undefined || stepped || ageMs < -SLACK_MS) return now.atMs
  const atMs = now.atMs - Math.max(0, ageMs)
  return before !== undefined && atMs < before.atMs - SLACK_MS ? now.atMs : atMs
}

/** CPU time used between two looks, in milliseconds; `undefined` when one of them did not see it. */
export function cpuUsedMs(before: Seen | undefined, now: Seen): number | undefined {
  if (before?.look.cpuMs === undefined || now.look.cpuMs === undefined) return undefined
  // A process that ended takes its time out of the sum.
  return Math.max(0, now.look.cpuMs - before.look.cpuMs)
}

/**
 * Did the tree work between two looks? At least 1 % of the time, and at least 30 ms. `undefined` when that cannot be said: one
 * of them did not see it, or it did not, and had less time for it than `leastMs`.
 */
export function worked(before: Seen | undefined, now: Seen, leastMs: number): boolean | undefined {
  const usedMs = cpuUsedMs(before, now)
  if (before === undefined || usedMs === undefined) return undefined
  const betweenMs = now.atMs - before.atMs
  if (usedMs >= CPU_LEAST_MS && usedMs >= CPU_SHARE * betweenMs) return true
  return betweenMs < leastMs ? undefined : false
}

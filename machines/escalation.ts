/**
 * The stop ladder as data, and the only functions that walk it. XState-free: the launcher walks it too,
 * alone, when its supervisor is gone.
 */

/** One rung: a signal to the whole tree, and how long it has to work. SIGKILL is not a rung; it always follows. */
export interface Rung {
  readonly signal: NodeJS.Signals
  readonly waitMs: number
}

/** A ladder being walked. `taken` counts the rungs whose signal was sent: none is ever sent twice. */
export interface Ladder {
  readonly rungs: readonly Rung[]
  /** The rung it stands on; `rungs.length` is SIGKILL. */
  readonly at: number
  readonly taken: number
  /** Monotonic milliseconds at which this rung has had its time. */
  readonly deadlineMs: number
}

/** The total time that a ladder gives before SIGKILL, in milliseconds. */
export const graceOf = (rungs: readonly Rung[]): number => rungs.reduce((sum, rung) => sum + rung.waitMs, 0)

/** The same rungs, their waits scaled so that they add up to `graceMs`. */
export function scaleTo(rungs: readonly Rung[], graceMs: number): readonly Rung[] {
  const total = graceOf(rungs)
  if (total === 0)
    return rungs.map((rung, i) => (i === rungs.length - 1 ? { ...rung, waitMs: graceMs } : rung))
  return rungs.map((rung) => ({ ...rung, waitMs: (rung.waitMs * graceMs) / total }))
}

/** Stands on the first rung, its signal not yet sent. */
export function startLadder(rungs: readonly Rung[], nowMs: number): Ladder {
  return { rungs, at: 0, taken: 0, deadlineMs: nowMs + (rungs[0]?.waitMs ?? 0) }
}

/** The rung that it stands on; `undefined` when only SIGKILL is left. */
export const currentRung = (ladder: Ladder): Rung | undefined => ladder.rungs[ladder.at]

/** Whether the signal of the rung that it stands on is still to be sent. */
export const isDue = (ladder: Ladder): boolean => ladder.at < ladder.rungs.length && ladder.taken <= ladder.at

/** Its signal was sent. */
export const take = (ladder: Ladder): Ladder => ({ ...ladder, taken: ladder.at + 1 })

/** One rung on. */
export function climb(ladder: Ladder, nowMs: number): Ladder {
  const at = ladder.at + 1
  return { ...ladder, at, deadlineMs: nowMs + (ladder.rungs[at]?.waitMs ?? 0) }
}

/** How long the rung it stands on still has, in milliseconds, never negative. */
export const remainingMs = (ladder: Ladder, nowMs: number): number => Math.max(0, ladder.deadlineMs - nowMs)

/** The time until SIGKILL if nothing changes, in milliseconds. */
export const untilKillMs = (ladder: Ladder, nowMs: number): number =>
  remainingMs(ladder, nowMs) + graceOf(ladder.rungs.slice(ladder.at + 1))

/** A second request can only bring the end nearer: what is left shrinks to `graceMs`, and never grows. */
export function hasten(ladder: Ladder, graceMs: number, nowMs: number): Ladder {
  const left = untilKillMs(ladder, nowMs)
  if (graceMs >= left) return ladder
  const share = left === 0 ? 0 : graceMs / left
  return {
    ...ladder,
    rungs: ladder.rungs.map((rung, i) => (i > ladder.at ? { ...rung, waitMs: rung.waitMs * share } : rung)),
    deadlineMs: nowMs + remainingMs(ladder, nowMs) * share,
  }
}

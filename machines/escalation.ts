/**
 * The stop ladder as data, and the only functions that walk it. XState-free: the launcher walks it too,
 * alone, when its supervisor is gone.
 */

/** A signal to the whole tree. */
interface Signalling {
  readonly signal: NodeJS.Signals
}
/**
 * Asked of the leader alone, which ends by itself: that it finish its present step and start no other (`cancel`), a
 * text on its stdin, or the end of its stdin.
 */
type Asking = { readonly cancel: true } | { readonly input: string } | { readonly eof: true }

/** What a rung asks, in a word. */
export type Asked = 'cancel' | 'input' | 'eof'

/** One rung, and how long it has to work. SIGKILL is not a rung; it always follows. */
export type Rung = (Signalling | Asking) & { readonly waitMs: number }
export type AskingRung = Extract<Rung, Asking>

/** Whether it only asks; else it signals. */
export const asks = (rung: Rung): rung is AskingRung => !('signal' in rung)
export const askedBy = (rung: AskingRung): Asked =>
  'cancel' in rung ? 'cancel' : 'input' in rung ? 'input' : 'eof'

/** How long a `cancel` gives when the ladder has no such rung of its own, in milliseconds. */
export const CANCEL_WAIT_MS = 30_000

const cancels = (rung: Rung | undefined): boolean => rung !== undefined && 'cancel' in rung

/** The wait of the ladder's own `cancel`, else the default. */
export const cancelWaitOf = (rungs: readonly Rung[]): number => rungs.find(cancels)?.waitMs ?? CANCEL_WAIT_MS

/** The ladder of a cancellation: first of all the leader is asked, and for `waitMs` nothing else happens. */
export const cancelFirst = (rungs: readonly Rung[], waitMs: number): readonly Rung[] => [
  { cancel: true, waitMs },
  ...rungs.filter((rung) => !cancels(rung)),
]

/** A ladder being walked. `taken` counts the rungs that were: none is ever taken twice. */
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

/** Stands on the first rung, which is not yet taken. */
export function startLadder(rungs: readonly Rung[], nowMs: number): Ladder {
  return { rungs, at: 0, taken: 0, deadlineMs: nowMs + (rungs[0]?.waitMs ?? 0) }
}

/** The rung that it stands on; `undefined` when only SIGKILL is left. */
export const currentRung = (ladder: Ladder): Rung | undefined => ladder.rungs[ladder.at]

/** Whether the rung that it stands on is still to be taken. */
export const isDue = (ladder: Ladder): boolean => ladder.at < ladder.rungs.length && ladder.taken <= ladder.at

/** It was taken. */
export const take = (ladder: Ladder): Ladder => ({ ...ladder, taken: ladder.at + 1 })

/** Whether a signal went to the tree: else all of it is as it was when the leader was asked. */
export const hasSignalled = (ladder: Ladder): boolean =>
  ladder.rungs.slice(0, ladder.taken).some((rung) => !asks(rung))

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
    rungs: ladder.rungs.map((rung, i) => (i >= ladder.at ? { ...rung, waitMs: rung.waitMs * share } : rung)),
    deadlineMs: nowMs + remainingMs(ladder, nowMs) * share,
  }
}

/** On a `cancel`, what is left of its time is at most `waitMs`. */
function boundCancel(ladder: Ladder, waitMs: number, nowMs: number): Ladder {
  const rung = currentRung(ladder)
  if (rung === undefined || !cancels(rung)) return ladder
  const bounded = { ...rung, waitMs: Math.min(rung.waitMs, waitMs) }
  return {
    ...ladder,
    rungs: ladder.rungs.with(ladder.at, bounded),
    deadlineMs: Math.min(ladder.deadlineMs, nowMs + waitMs),
  }
}

/** A later request of the same end. */
export interface Again {
  /** Another cancellation, and what it gives. */
  readonly cancelMs?: number | undefined
  /** A stop, and the total that it gives. */
  readonly graceMs?: number | undefined
}

/**
 * A second request brings the end nearer, or changes nothing. A stop gives a cancellation no longer than the ladder's
 * own first rung would: without one, the ladder is climbed at once.
 */
export function askAgain(
  ladder: Ladder,
  own: readonly Rung[],
  { cancelMs, graceMs }: Again,
  nowMs: number,
): Ladder {
  const first = own[0]
  const waitMs = cancelMs ?? (first !== undefined && cancels(first) ? first.waitMs : 0)
  const bounded = boundCancel(ladder, waitMs, nowMs)
  return graceMs === undefined ? bounded : hasten(bounded, graceMs, nowMs)
}

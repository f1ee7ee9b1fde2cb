/**
 * How one comes into a lane, in which one agent runs at a time: the holder, whoever is to follow it next because it
 * replaces it, and a line of those that wait their turn. Total functions.
 */

export const ON_CONFLICT = ['reject', 'replace', 'queue'] as const
/** What is done when another agent is in the lane. */
export type OnConflict = (typeof ON_CONFLICT)[number]

/** How many wait in one lane; a further one is refused. */
export const LINE_BOUND = 1_000

/** A lane as someone who comes finds it. */
export interface LaneView {
  readonly held: boolean
  /** How many wait in its line. */
  readonly waiting: number
}

export type Entrance =
  /** It holds the lane. */
  | 'at_once'
  /** After the holder, whose end is asked for, and before the line. Of two that replace, the later one does. */
  | 'next'
  | 'in_line'
  | 'busy'
  | 'full'

export function entranceTo({ held, waiting }: LaneView, onConflict: OnConflict): Entrance {
  if (!held) return 'at_once'
  if (onConflict === 'reject') return 'busy'
  if (onConflict === 'replace') return 'next'
  return waiting < LINE_BOUND ? 'in_line' : 'full'
}

/** Who follows when the holder has ended: the one that replaces it, else the first of the line. */
export const turnOf = <T>(next: T | null, line: Iterable<T>): T | null => {
  if (next !== null) return next
  for (const first of line) return first
  return null
}

/** A group as a listing shows it, wherever it is supervised. */
import type { Strategy } from '../machines/strategies.ts'

/** How a group stands. In the last two it is over: no member lives, and none comes back. */
export const GROUP_STATES = [
  'running',
  'regrouping', // members that go together are ended and started
  'giving_up', // all are being ended, since they failed too often
  'resting', // all are ended; the group around it decides
  'stopping', // all are being ended, since that was asked for
  'failed', // it gave up
  'stopped', // it was stopped, or has shut itself down
] as const

export type GroupState = (typeof GROUP_STATES)[number]

export interface GroupRecord {
  /** Its name, after those of the groups around it: `crew/inner`. The root's is empty. */
  readonly path: string
  readonly state: GroupState
  readonly strategy: Strategy
  /** Why it is over; `null` while it is open. */
  readonly cause: string | null
}

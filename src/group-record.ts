/** A group as a listing shows it, wherever it is supervised. */
import type { GroupSpec } from '../machines/members.ts'
import type { RestartType } from '../machines/restart.ts'

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

/** What became of a group that is over. */
export interface GroupEnd {
  readonly state: 'failed' | 'stopped'
  readonly cause: string
}

export interface GroupRecord {
  /** Its name, after those of the groups around it: `crew/inner`. Records of its agents bear it as `group`. The root's is empty. */
  readonly path: string
  readonly name: string
  /** The path of the group around it. */
  readonly group: string | null
  readonly state: GroupState
  /** Why it is over; `null` while it is not. */
  readonly cause: string | null
  /** How many of its agents have not ended, those of groups within it too. */
  readonly agents: number
  readonly strategy: GroupSpec['strategy']
  readonly intensity: GroupSpec['intensity']
  readonly autoShutdown: GroupSpec['autoShutdown']
  /** What becomes of the group itself when it is over. */
  readonly restart: RestartType
  readonly significant: boolean
}

/** The exit statuses, in one table: what a script can go by, and what `reeve help exit-codes` prints. */
import type { ErrorCode } from '../errors.ts'

export interface ExitCode {
  readonly status: number
  readonly meaning: string
  readonly codes: readonly ErrorCode[]
}

export const EXIT_CODES: readonly ExitCode[] = [
  { status: 0, meaning: 'done', codes: [] },
  { status: 1, meaning: 'it failed; the message says what and why', codes: [] },
  { status: 2, meaning: 'the command line or the specification is wrong', codes: ['invalid_spec'] },
  {
    status: 3,
    meaning: 'no such agent or group, or it has no process any more',
    codes: ['agent_not_found', 'process_not_found', 'group_not_found'],
  },
  {
    status: 4,
    meaning:
      'something stands in the way: a name or a lane that is taken, an agent that runs, a group that is over, a machine that is full',
    codes: ['name_taken', 'lane_busy', 'resource_exhausted', 'agent_running', 'group_over', 'home_locked'],
  },
  {
    status: 5,
    meaning: 'no daemon runs, or it is another version',
    codes: ['daemon_not_running', 'daemon_failed', 'version_mismatch'],
  },
  {
    status: 6,
    meaning: 'the agent did not start, or not in time',
    codes: ['spawn_failed', 'ready_timeout', 'ended_before_ready', 'restart_intensity_exceeded'],
  },
  { status: 7, meaning: 'something could not be ended', codes: ['kill_failed'] },
]

/** Of `reeve run` alone: the agent's own exit code, or 128 and the signal's number, as a shell has it. */
export const RUN_STATUSES = 'reeve run: the exit code of the command; 128 + N when signal N ended it'

export const statusOf = (code: ErrorCode): number =>
  EXIT_CODES.find(({ codes }) => codes.includes(code))?.status ?? 1

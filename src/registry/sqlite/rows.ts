/** Records and entries as columns. */
import { type AgentState, type EndState, isEnd, type Reason } from '../../../machines/events.ts'
import type { AgentRecord } from '../record.ts'
import type { Value } from './bulk.ts'

/** `agent_type`: what a lane runs one of, else the name. */
export const typeOf = (record: AgentRecord): string => record.lane ?? record.name

/** Of `agent_lifecycle`. */
export const LIFECYCLE_COLUMNS = [
  ...[
    'agent_id',
    'agent_type',
    'name',
    'status',
    'pid',
    'task_id',
    'created_at',
    'started_at',
    'completed_at',
  ],
  ...['last_heartbeat', 'retry_count', 'exit_code', 'error_message', 'command', 'worktree_path'],
  ...['last_seq', 'record'],
]

/** Their values, in the same order. `pid`: the last one it had. */
export const lifecycleValues = (record: AgentRecord, pid: number | null, lastSeq: number): Value[] => [
  ...[
    record.id,
    typeOf(record),
    record.name,
    record.state,
    pid,
    record.task,
    record.createdAt,
    record.startedAt,
  ],
  // An agent that waits to come back has not ended.
  isEnd(record.state) ? record.endedAt : null,
  ...[record.lastHeartbeatAt, record.restarts, record.exit?.code ?? null, errorMessage(record)],
  ...[JSON.stringify(record.command), record.cwd],
  ...[lastSeq, JSON.stringify(record)],
]

/** Why it was killed, or how it failed; `null` when neither. */
export function errorMessage(record: AgentRecord): string | null {
  const { state, reason, error, exit } = record
  if (state !== 'killed' && state !== 'crashed' && state !== 'restarting') return null
  if (reason && state !== 'crashed') return `Agent killed: ${whyOf(reason)}`
  if (error) return error.message
  if (state === 'restarting' && exit?.code === 0) return null
  if (exit?.signal) return `Ended by ${exit.signal}`
  return exit?.code == null ? 'Nobody saw how it ended' : `Exited with code ${exit.code}`
}

const whyOf = ({ kind, by, message }: Reason): string =>
  message === undefined ? `${kind}, by ${by}` : `${message} (${kind}, by ${by})`

export type TaskStatus = 'running' | 'completed' | 'failed' | 'cancelled'

/** How a task stands whose agent is in this state. */
export function taskStatus(state: AgentState, reason: Reason | null): TaskStatus {
  if (!isEnd(state)) return 'running'
  return STATUS_OF[state](reason)
}

const STATUS_OF: Readonly<Record<EndState, (reason: Reason | null) => TaskStatus>> = {
  completed: () => 'completed',
  // A crash too, where it was cancelled before the next life.
  crashed: (reason) => (reason?.kind === 'cancelled' ? 'cancelled' : 'failed'),
  killed: (reason) => (reason?.kind === 'cancelled' ? 'cancelled' : 'failed'),
}

/** `orchestrator_task`: a task stands as the agent does that last began a life for it. */
import { isEnd } from '../../../machines/events.ts'
import type { AgentRecord } from '../record.ts'
import type { Database } from './api.ts'
import { errorMessage, taskStatus, typeOf } from './rows.ts'

/** `began`: a life of this agent has begun since the last time, so the task is its own now. */
export type FollowTask = (record: AgentRecord, began: boolean) => void

export function followTasks(database: Database): FollowTask {
  const upsert = database.prepare(`
    INSERT INTO orchestrator_task
      (task_id, status, assigned_agent, agent_type, error_message, created_at, started_at, completed_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (task_id) DO UPDATE SET
      status = ?2, assigned_agent = ?3, agent_type = ?4, error_message = ?5, started_at = ?7, completed_at = ?8
    WHERE assigned_agent = ?3 OR ?9`)
  return (record, began) => {
    if (record.task === null) return
    upsert.run(
      record.task,
      taskStatus(record.state, record.reason),
      record.id,
      typeOf(record),
      isEnd(record.state) ? errorMessage(record) : null,
      record.createdAt,
      record.startedAt,
      isEnd(record.state) ? record.endedAt : null,
      began ? 1 : 0,
    )
  }
}

/** Taking agents out: one that was asked for, and those that ended longer ago than is kept. */
import { realClock } from '../../clock.ts'
import type { Database } from './api.ts'

/** Rows deleted by one statement, and the time that one turn of forgetting may take. */
const CHUNK = 5_000
const TURN_MS = 100

export interface Removal {
  /** Within a transaction. */
  remove(agentId: string, history: boolean, at: string): void
  /**
   * Takes out agents that ended before `cutoff`, for a tenth of a second at most; within a transaction. Answers
   * whether that was all of them.
   */
  expire(cutoff: string, at: string): boolean
}

export function removal(database: Database): Removal {
  const run = (sql: string) => database.prepare(sql)
  const remember = run(`
    INSERT INTO removed_log (supervisor_id, upto_seq, at)
      SELECT supervisor_id, max(seq), ?2 FROM agent_transition WHERE agent_id = ?1 GROUP BY supervisor_id
    ON CONFLICT (supervisor_id) DO UPDATE SET upto_seq = max(upto_seq, excluded.upto_seq), at = excluded.at`)
  const deleteEntries = run(`
    DELETE FROM agent_transition WHERE rowid IN
      (SELECT rowid FROM agent_transition WHERE agent_id = ? LIMIT ${CHUNK})`)
  const deleteAgent = run('DELETE FROM agent_lifecycle WHERE agent_id = ?')
  const deleteRest = [
    run('DELETE FROM agent_kill WHERE agent_id = ?'),
    run('DELETE FROM orchestrator_task WHERE assigned_agent = ?'),
    run('DELETE FROM removed_agent WHERE agent_id = ?'),
  ]
  const mark = run('INSERT OR REPLACE INTO removed_agent (agent_id, at) VALUES (?, ?)')
  const oldest = run(`
    SELECT agent_id FROM agent_lifecycle WHERE completed_at < ?1
    UNION ALL SELECT agent_id FROM removed_agent WHERE at < ?1 LIMIT 1`)
  const deleteMarks = run(`
    DELETE FROM removed_log WHERE at < ? AND NOT EXISTS
      (SELECT 1 FROM agent_transition WHERE agent_transition.supervisor_id = removed_log.supervisor_id)`)

  /** Answers whether all is out. */
  const takeOut = (agentId: string, at: string, enough: () => boolean): boolean => {
    remember.run(agentId, at)
    while (Number(deleteEntries.run(agentId).changes) === CHUNK) if (enough()) return false
    deleteAgent.run(agentId)
    for (const statement of deleteRest) statement.run(agentId)
    return true
  }

  return {
    remove(agentId, history, at) {
      if (history) takeOut(agentId, at, () => false)
      else if (Number(deleteAgent.run(agentId).changes) > 0) mark.run(agentId, at)
    },
    expire(cutoff, at) {
      const untilMs = realClock.now() + TURN_MS
      const enough = () => realClock.now() > untilMs
      for (let row = oldest.get(cutoff); row; row = oldest.get(cutoff))
        if (!takeOut(row.agent_id, at, enough) || enough()) return false
      deleteMarks.run(cutoff)
      return true
    },
  }
}

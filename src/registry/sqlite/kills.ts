/** `agent_kill`: begun by the entry that asks for a life's end, carried on by each rung, closed by the end. */
import { type Entry, isEnd, isNote } from '../../../machines/events.ts'
import type { Database } from './api.ts'

export type FollowKill = (entry: Entry) => void

export function followKills(database: Database): FollowKill {
  const begin = database.prepare(`
    INSERT OR IGNORE INTO agent_kill
      (supervisor_id, seq, agent_id, name, incarnation, pid, task_id, grace_period_seconds, forced,
       requested_by, reason_kind, reason, requested_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?)`)
  const open = 'agent_id = ? AND incarnation = ? AND killed_at IS NULL'
  const signal = database.prepare(`
    UPDATE agent_kill SET signal = coalesce(?, signal), forced = max(forced, ?), pid = coalesce(?, pid),
      grace_period_seconds = grace_period_seconds + ? WHERE ${open}`)
  const fail = database.prepare(`UPDATE agent_kill SET error_message = ? WHERE ${open}`)
  const withdraw = database.prepare(`DELETE FROM agent_kill WHERE ${open}`)
  const close = database.prepare(`
    UPDATE agent_kill SET killed_at = ?, escaped = ?, killed_gracefully = NOT (forced AND ?) WHERE ${open}`)

  const beginWith = (entry: Entry): void => {
    const { supervisorId, seq, agentId, name, incarnation, pid, task, reason, at } = entry
    begin.run(
      ...[supervisorId, seq, agentId, name, incarnation, pid ?? null, task ?? null],
      ...[reason?.by ?? null, reason?.kind ?? null, reason?.message ?? null, at],
    )
  }

  return (entry) => {
    const { agentId, incarnation, event, evidence, pid } = entry
    if (event === 'rung') {
      const sent = evidence?.signal ?? null
      const graceSeconds = (evidence?.waitMs ?? 0) / 1000
      signal.run(sent, sent === 'SIGKILL' ? 1 : 0, pid ?? null, graceSeconds, agentId, incarnation)
    } else if (event === 'kill_failed') fail.run(entry.error?.message ?? null, agentId, incarnation)
    if (isNote(entry)) return
    if (entry.to === 'terminating') beginWith(entry)
    if (!isEnd(entry.to)) return
    // It had ended by itself before anything that was asked reached it.
    if (entry.to !== 'killed' && !entry.reason) {
      withdraw.run(agentId, incarnation)
      return
    }
    const bySigkill = entry.exit?.signal === 'SIGKILL' ? 1 : 0
    const escaped = JSON.stringify(entry.escaped ?? [])
    const { changes } = close.run(entry.at, escaped, bySigkill, agentId, incarnation)
    // An end that was asked for while there was nothing to end: in a backoff, say.
    if (changes > 0 || entry.to !== 'killed') return
    beginWith(entry)
    close.run(entry.at, escaped, bySigkill, agentId, incarnation)
  }
}

/** `agent_transition`: the log, to which each entry is added once. */
import type { Entry } from '../../../machines/events.ts'
import type { Database } from './api.ts'
import { bulkInsert, type Value } from './bulk.ts'

const COLUMNS = [
  ...[
    'supervisor_id',
    'seq',
    'agent_id',
    'name',
    'incarnation',
    'from_state',
    'to_state',
    'event',
    'at',
    'pid',
  ],
  'entry',
]

const valuesOf = (entry: Entry, line: string): Value[] => {
  const { supervisorId, seq, agentId, name, incarnation, from, to, event, at, pid } = entry
  return [supervisorId, seq, agentId, name, incarnation, from, to, event, at, pid ?? null, line]
}

/** Adds what is not there yet, within a transaction; answers with the entries that were new, in their order. */
export type AddToLog = (entries: readonly Entry[], lines: readonly string[]) => Entry[]

export function addToLog(database: Database): AddToLog {
  const bulk = bulkInsert(database, 'INSERT OR IGNORE INTO agent_transition', COLUMNS)
  const last = database.prepare('SELECT max(seq) AS seq FROM agent_transition WHERE supervisor_id = ?')
  const removed = database.prepare('SELECT upto_seq AS seq FROM removed_log WHERE supervisor_id = ?')

  return (entries, lines) => {
    const passed = new Map<string, { last: number; readonly removed: number }>()
    const passedBy = (supervisorId: string) => {
      const known = passed.get(supervisorId)
      if (known) return known
      const upto = Number(removed.get(supervisorId)?.seq ?? 0)
      const read = { last: Math.max(upto, Number(last.get(supervisorId)?.seq ?? 0)), removed: upto }
      passed.set(supervisorId, read)
      return read
    }
    const isNew = (entry: Entry, line: string): boolean => {
      const known = passedBy(entry.supervisorId)
      // Taken before, and taken out since.
      if (entry.seq <= known.removed) return false
      const values = valuesOf(entry, line)
      if (entry.seq <= known.last) return bulk.write(values)
      known.last = entry.seq
      bulk.add(values)
      return true
    }
    const added = entries.filter((entry, i) => isNew(entry, lines[i] ?? ''))
    bulk.flush()
    return added
  }
}

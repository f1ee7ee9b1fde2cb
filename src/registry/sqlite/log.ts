/** `agent_transition`: the log, to which each entry is added once. */
import type { Entry } from '../../../machines/events.ts'
import type { Database } from './database.ts'

const COLUMNS = [
  ...['supervisor_id', 'seq', 'agent_id', 'name', 'incarnation', 'from_state', 'to_state', 'event', 'at', 'pid'],
  'entry',
]
const ROW = `(${COLUMNS.map(() => '?').join()})`
/** Rows of one statement: binding many at once halves the time of one row each. */
const ROWS = 25

type Value = string | number | null

const rowOf = (entry: Entry, line: string): Value[] => {
  const { supervisorId, seq, agentId, name, incarnation, from, to, event, at, pid } = entry
  return [supervisorId, seq, agentId, name, incarnation, from, to, event, at, pid ?? null, line]
}

/** Adds what is not there yet; answers with the entries that were new, in their order. */
export type AddToLog = (entries: readonly Entry[], lines: readonly string[]) => Entry[]

export function addToLog(database: Database): AddToLog {
  const insert = (rows: number) =>
    database.prepare(
      `INSERT OR IGNORE INTO agent_transition (${COLUMNS.join()}) VALUES ${Array(rows).fill(ROW).join()}`,
    )
  const one = insert(1)
  const many = insert(ROWS)
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

    const added: Entry[] = []
    let values: Value[] = []
    const flush = () => {
      for (let at = 0; at < values.length; at += COLUMNS.length)
        one.run(...values.slice(at, at + COLUMNS.length))
      values = []
    }
    for (const [i, entry] of entries.entries()) {
      const { supervisorId, seq } = entry
      const known = passedBy(supervisorId)
      // Taken before, and taken out since.
      if (seq <= known.removed) continue
      const row = rowOf(entry, lines[i] ?? '')
      if (seq > known.last) {
        known.last = seq
        values.push(...row)
        if (values.length === COLUMNS.length * ROWS) {
          many.run(...values)
          values = []
        }
      } else {
        flush()
        if (one.run(...row).changes === 0) continue
      }
      added.push(entry)
    }
    flush()
    return added
  }
}

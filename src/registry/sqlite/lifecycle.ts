/** `agent_lifecycle`: the fold of each agent's entries, and what follows from it. */
import { type Entry, isNote } from '../../../machines/events.ts'
import { type AgentRecord, fold } from '../record.ts'
import type { Database } from './api.ts'
import { bulkInsert } from './bulk.ts'
import { followKills } from './kills.ts'
import { LIFECYCLE_COLUMNS as COLUMNS, lifecycleValues as valuesOf } from './rows.ts'
import { followTasks } from './tasks.ts'

/** How many agents are kept at hand between two batches. */
const AT_HAND = 10_000

interface Known {
  readonly record: AgentRecord
  /** The last pid it had. */
  readonly pid: number | null
  /** Of its supervisor's entries, the last that was folded. */
  readonly lastSeq: number
}

interface Touched extends Known {
  /** A state changed, and a life began, in this batch. */
  readonly moved: boolean
  readonly began: boolean
}

export class Lifecycle {
  readonly #known = new Map<string, Known>()
  readonly #select
  readonly #upsert
  readonly #returned
  readonly #version
  readonly #followKill
  readonly #followTask
  #seenVersion: unknown

  constructor(database: Database) {
    this.#select = database.prepare(
      'SELECT record, pid, last_seq AS lastSeq FROM agent_lifecycle WHERE agent_id = ?',
    )
    this.#upsert = bulkInsert(
      database,
      'INSERT INTO agent_lifecycle',
      COLUMNS,
      `ON CONFLICT (agent_id) DO UPDATE SET ${COLUMNS.map((name) => `${name} = excluded.${name}`).join()}`,
    )
    this.#returned = database.prepare('DELETE FROM removed_agent WHERE agent_id = ?')
    this.#version = database.prepare('PRAGMA data_version')
    this.#followKill = followKills(database)
    this.#followTask = followTasks(database)
  }

  /** What is at hand may no longer be what stands in the file: after a rollback, or a removal. */
  forget(): void {
    this.#known.clear()
  }

  /** Entries that are new to the log, in order; within a transaction. */
  advance(entries: readonly Entry[]): void {
    this.#notice()
    const touched = new Map<string, Touched>()
    for (const entry of entries) {
      const { agentId } = entry
      const before = touched.get(agentId) ?? this.#recall(agentId)
      if (before && isLate(before, entry)) continue
      this.#followKill(entry)
      const next = further(before, entry)
      // In the order in which lives began: the later one has the task.
      if (next.began) touched.delete(agentId)
      touched.set(agentId, next)
    }
    for (const each of touched.values()) this.#write(each)
    this.#upsert.flush()
  }

  /** Another connection has written since: what is at hand is read again. */
  #notice(): void {
    const version = this.#version.get()?.data_version
    if (version !== this.#seenVersion || this.#known.size > AT_HAND) this.#known.clear()
    this.#seenVersion = version
  }

  #recall(agentId: string): Known | undefined {
    const known = this.#known.get(agentId)
    if (known) return known
    const row = this.#select.get(agentId)
    if (row) return { record: JSON.parse(row.record), pid: row.pid, lastSeq: row.lastSeq }
    this.#returned.run(agentId)
    return undefined
  }

  #write({ record, pid, lastSeq, moved, began }: Touched): void {
    this.#upsert.add(valuesOf(record, pid, lastSeq))
    if (moved) this.#followTask(record, began)
    this.#known.set(record.id, { record, pid, lastSeq })
  }
}

/** Given up once by a full queue, and offered later: it belongs to the log, and changes no record any more. */
const isLate = ({ record, lastSeq }: Known, entry: Entry): boolean =>
  record.supervisorId === entry.supervisorId && entry.seq <= lastSeq

function further(before: (Known & Partial<Touched>) | undefined, entry: Entry): Touched {
  return {
    record: fold(before?.record, entry),
    pid: entry.pid ?? before?.pid ?? null,
    lastSeq: entry.seq,
    moved: before?.moved === true || !isNote(entry),
    began: before?.began === true || (entry.to === 'spawning' && !isNote(entry)),
  }
}

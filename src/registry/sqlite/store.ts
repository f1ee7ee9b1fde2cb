/** The registry itself, on one connection, in the worker: every change is one transaction, whole or not at all. */
import fs from 'node:fs'
import type { Entry } from '../../../machines/events.ts'
import { realClock } from '../../clock.ts'
import { ReeveError } from '../../errors.ts'
import type { RecordFilter } from '../record.ts'
import type { Place } from '../registry.ts'
import { cutoffOf } from '../retention.ts'
import { type Database, loadSqlite, type Sqlite } from './api.ts'
import { openDatabase } from './database.ts'
import { faultOf, isBusy } from './faults.ts'
import { Lifecycle } from './lifecycle.ts'
import { type AddToLog, addToLog } from './log.ts'
import type { Request, WorkerSetup } from './protocol.ts'
import { type Removal, removal } from './removal.ts'
import { transaction } from './transaction.ts'

/** How often, at most, agents that ended long ago are looked for. */
const EXPIRE_EVERY_MS = 60_000
/** Two that make the same new file at once get in each other's way for a moment. */
const OPEN_LIMIT_MS = 2_000
const OPEN_AGAIN_MS = 20

const iso = (nowMs: number): string => new Date(nowMs).toISOString()

interface Open {
  readonly database: Database
  /** Of the file that was opened: another one may stand at its path since. */
  readonly inode: number | undefined
  readonly add: AddToLog
  readonly lifecycle: Lifecycle
  readonly removal: Removal
}

export class SqliteStore {
  readonly #file: string
  readonly #retentionMs: number | null
  #sqlite: Sqlite | undefined
  #open: Open | undefined
  #expiredAtMs = Number.NEGATIVE_INFINITY

  constructor({ file, retentionMs }: WorkerSetup) {
    this.#file = file
    this.#retentionMs = retentionMs
  }

  /**
   * @returns the JSON of each record or entry that was asked for
   * @throws ReeveError `registry_unavailable`, `registry_corrupt`
   */
  async answer(request: Request): Promise<readonly string[]> {
    this.#sqlite ??= await loadSqlite()
    if (request.type === 'close') return this.#close()
    const open = this.#opened(this.#sqlite)
    try {
      return this.#answer(open, request)
    } catch (cause) {
      open.lifecycle.forget()
      throw faultOf(this.#file, cause)
    }
  }

  #answer(open: Open, request: Exclude<Request, { type: 'close' }>): readonly string[] {
    switch (request.type) {
      case 'open':
        this.#expire(open, request.nowMs)
        return []
      case 'append':
        this.#expire(open, request.nowMs)
        this.#append(open, request.lines)
        return []
      case 'records':
        return recordsOf(open.database, request.filter)
      case 'history':
        return historyOf(open.database, request.agentId)
      case 'after':
        return entriesAfter(open.database, request.place, request.limit)
      case 'remove':
        this.#within(open, () => open.removal.remove(request.agentId, request.history, iso(request.nowMs)))
        open.lifecycle.forget()
        return []
    }
  }

  #append(open: Open, lines: readonly string[]): void {
    const entries = lines.map((line): Entry => JSON.parse(line))
    this.#within(open, () => open.lifecycle.advance(open.add(entries, lines)))
  }

  /** At most once a minute, unless there was more than one turn could take out. */
  #expire(open: Open, nowMs: number): void {
    if (this.#retentionMs === null || Math.abs(nowMs - this.#expiredAtMs) < EXPIRE_EVERY_MS) return
    const cutoff = cutoffOf(nowMs, this.#retentionMs)
    const all = this.#within(open, () => open.removal.expire(cutoff, iso(nowMs)))
    open.lifecycle.forget()
    if (all) this.#expiredAtMs = nowMs
  }

  #within<T>({ database }: Open, change: () => T): T {
    try {
      return transaction(database, change)
    } catch (cause) {
      // A new connection looks at everything anew, and keeps no statement that failed half-way.
      if (!isBusy(cause)) this.#close()
      throw cause
    }
  }

  #opened(sqlite: Sqlite): Open {
    const inode = () => fs.statSync(this.#file, { throwIfNoEntry: false })?.ino
    // Someone took the file away: what is written to the old one nobody would find again.
    if (this.#open && this.#open.inode !== inode()) this.#close()
    if (this.#open) return this.#open
    const database = patiently(() => openDatabase(sqlite, this.#file))
    this.#open = {
      database,
      inode: inode(),
      add: addToLog(database),
      lifecycle: new Lifecycle(database),
      removal: removal(database),
    }
    return this.#open
  }

  #close(): readonly string[] {
    this.#open?.database.close()
    this.#open = undefined
    return []
  }
}

/** Waits for another that opens the same file; a worker may. */
function patiently(open: () => Database): Database {
  const untilMs = realClock.now() + OPEN_LIMIT_MS
  for (;;) {
    try {
      return open()
    } catch (error) {
      if (!isBusy((error as Error).cause) || realClock.now() > untilMs) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OPEN_AGAIN_MS)
    }
  }
}

/** In the order in which the agents came. What SQL can narrow it narrows; the asking side does the rest. */
function recordsOf(database: Database, filter: RecordFilter): string[] {
  const columns = { agent_id: filter.id, name: filter.name, task_id: filter.task }
  const where = Object.entries(columns).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }],
  )
  const states = filter.state === undefined ? [] : [filter.state].flat()
  const terms = [
    ...where.map(({ name }) => `${name} = ?`),
    ...(filter.state === undefined ? [] : [`status IN (${states.map(() => '?').join()})`]),
  ]
  const sql = `SELECT record FROM agent_lifecycle ${terms.length > 0 ? `WHERE ${terms.join(' AND ')}` : ''} ORDER BY rowid`
  const rows = database.prepare(sql).all(...where.map(({ value }) => value), ...states)
  return rows.map((row) => row.record)
}

/** Each supervisor's entries together, in its order; the supervisors in the order in which they came. */
function historyOf(database: Database, agentId: string): string[] {
  const sql = `SELECT entry FROM agent_transition WHERE agent_id = ?
    ORDER BY min(rowid) OVER (PARTITION BY supervisor_id), seq`
  return database
    .prepare(sql)
    .all(agentId)
    .map((row) => row.entry)
}

/** Rows are numbered as they come, and each supervisor's come in its order. */
function entriesAfter(database: Database, place: Place | null, limit: number): string[] {
  const row = place === null ? 0 : rowOf(database, place)
  return database
    .prepare('SELECT entry FROM agent_transition WHERE rowid > ? ORDER BY rowid LIMIT ?')
    .all(row, limit)
    .map(({ entry }) => entry)
}

/** The row of an entry, or, where it was taken out, of the last one before it that is there. */
function rowOf(database: Database, { supervisorId, seq }: Place): number {
  const sql = `SELECT
    (SELECT rowid FROM agent_transition WHERE supervisor_id = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1) AS at,
    (SELECT rowid FROM agent_transition WHERE supervisor_id = ?1 AND seq > ?2 ORDER BY seq LIMIT 1) AS next`
  const { at, next } = database.prepare(sql).get(supervisorId, seq) ?? {}
  if (at == null && next == null)
    throw new ReeveError('entries_gone', `nothing of supervisor ${supervisorId} is held any more`)
  return at == null ? Number(next) - 1 : Number(at)
}

/** A registry in an SQLite file: durable, shared between processes, and readable by anyone with plain SQL. */
import type { Entry } from '../../machines/events.ts'
import { type Clock, realClock } from '../clock.ts'
import { placeOf } from './place.ts'
import { type AgentRecord, matches, type RecordFilter } from './record.ts'
import type { Place, Registry } from './registry.ts'
import { type Retention, retentionMsOf } from './retention.ts'
import { WorkerLink } from './sqlite/link.ts'
import type { Request } from './sqlite/protocol.ts'
import { mapInTurns } from './turns.ts'

export interface SqliteRegistryOptions {
  /**
   * How long an agent that has ended is kept, with its entries, kills and tasks: `{ ended: '7d' }`, an `ms` text or
   * milliseconds; `false` keeps everything. Looked at when the file is opened, and at most once a minute after that.
   * Default `{ ended: '7d' }`.
   */
  readonly retention?: Retention
  /** For tests and simulations. Default real time. */
  readonly clock?: Clock
}

/**
 * Keeps entries and records in the SQLite database at `path`, which is made (0600, its folder too) when it is missing.
 *
 * - `agent_lifecycle`: a row per agent. `status` is its state, `pid` the last one it had, `record` all of it as JSON.
 * - `agent_transition`: the log, a row per entry, `entry` all of it as JSON.
 * - `orchestrator_task`: a row per task: `running`, `completed`, `failed` or `cancelled`, as its agent is.
 * - `agent_kill`: a row per kill: signal, grace, forced, who, why, and what happened.
 *
 * Times are ISO 8601, UTC. The database is in WAL mode: read it while it is written, from any process; several
 * supervisors may share it. SIGKILL loses nothing that was appended; a power cut may lose the last moments, never
 * the file. It runs in a worker thread: an append takes the event loop only what JSON takes, in turns of a millisecond.
 *
 * Every method throws `registry_unavailable` (locked, full disk, read-only …; nothing of the batch is in, and the
 * same again succeeds once the cause is gone) and `registry_corrupt` (not a registry's database, or damaged; its
 * bytes stay as they are).
 *
 * @throws ReeveError `invalid_spec`
 */
export function sqliteRegistry(path: string, options: SqliteRegistryOptions = {}): Registry {
  const file = placeOf(path, 'sqliteRegistry')
  const { clock = realClock } = options
  const link = new WorkerLink({ file, retentionMs: retentionMsOf(options.retention) })
  let asked: Promise<unknown> = Promise.resolve()

  /** Requests leave in the order of the calls, although making one may take turns. */
  const inOrder = (make: () => Request | Promise<Request>): Promise<readonly string[]> => {
    const leaving = asked.then(async () => ({ answer: link.ask(await make()) }))
    asked = Promise.allSettled([leaving])
    return leaving.then(({ answer }) => answer)
  }

  return {
    durable: true,
    location: file,
    async open() {
      await inOrder(() => ({ type: 'open', nowMs: clock.wallNow() }))
    },
    async append(batch: readonly Entry[]) {
      if (batch.length === 0) return
      await inOrder(async () => {
        const lines = await mapInTurns(batch, (entry) => JSON.stringify(entry))
        return { type: 'append', lines, nowMs: clock.wallNow() }
      })
    },
    async records(filter: RecordFilter = {}) {
      const rows = await inOrder(() => ({ type: 'records', filter }))
      const records = await mapInTurns(rows, (row): AgentRecord => JSON.parse(row))
      return records.filter((record) => matches(record, filter))
    },
    async history(agentId: string) {
      const rows = await inOrder(() => ({ type: 'history', agentId }))
      return mapInTurns(rows, (row): Entry => JSON.parse(row))
    },
    async after(place: Place | null, limit: number) {
      const rows = await inOrder(() => ({ type: 'after', place, limit }))
      return mapInTurns(rows, (row): Entry => JSON.parse(row))
    },
    async remove(agentId: string, { history }: { history: boolean }) {
      await inOrder(() => ({ type: 'remove', agentId, history, nowMs: clock.wallNow() }))
    },
    async close() {
      await asked
      await link.close()
    },
  }
}

/**
 * The tables, readable by anyone: columns for what one asks for most, and JSON beside them for all the rest. (Generated
 * columns would do for both, and cost 0.25 µs each with every row that is written, read or not.)
 */
import { ReeveError } from '../../errors.ts'
import { corrupt } from '../place.ts'
import type { Database } from './api.ts'
import { transaction } from './transaction.ts'

/** `Reev`, in the file's header: whose database it is (`PRAGMA application_id`). */
const APPLICATION_ID = 0x52656576

/** Each takes the tables from one version to the next; `PRAGMA user_version` counts those that were done. */
export const MIGRATIONS: readonly string[] = [
  `
  -- A row per agent.
  CREATE TABLE agent_lifecycle (
    agent_id TEXT PRIMARY KEY NOT NULL,
    agent_type TEXT NOT NULL,              -- its lane, else its name
    name TEXT NOT NULL,
    status TEXT NOT NULL,                  -- the state
    pid INTEGER,                           -- the last one it had
    task_id TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,                       -- the present life
    completed_at TEXT,                     -- of an agent that has ended
    last_heartbeat TEXT,
    retry_count INTEGER NOT NULL,
    exit_code INTEGER,
    error_message TEXT,                    -- why it was killed, or how it failed
    command TEXT NOT NULL,                 -- argv, a JSON array
    worktree_path TEXT NOT NULL,           -- its working directory
    last_seq INTEGER NOT NULL,             -- of its supervisor's entries, the last one that is in here
    record TEXT NOT NULL                   -- all of it, as JSON: json_extract(record, '$.exit.signal')
  );
  CREATE INDEX agent_lifecycle_by_end ON agent_lifecycle (completed_at) WHERE completed_at IS NOT NULL;
  CREATE INDEX agent_lifecycle_by_task ON agent_lifecycle (task_id) WHERE task_id IS NOT NULL;

  -- The log: a row per entry, never changed.
  CREATE TABLE agent_transition (
    supervisor_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    agent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    from_state TEXT,                       -- equal to to_state in a note
    to_state TEXT NOT NULL,
    event TEXT NOT NULL,
    at TEXT NOT NULL,
    pid INTEGER,
    entry TEXT NOT NULL,                   -- all of it, as JSON: json_extract(entry, '$.reason.by')
    PRIMARY KEY (supervisor_id, seq)
  );
  CREATE INDEX agent_transition_by_agent ON agent_transition (agent_id);

  -- A row per task: how the agent that has it, the last to begin a life for it, is doing.
  CREATE TABLE orchestrator_task (
    task_id TEXT PRIMARY KEY NOT NULL,
    status TEXT NOT NULL,                  -- running, completed, failed, cancelled
    assigned_agent TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    error_message TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    completed_at TEXT
  );
  CREATE INDEX orchestrator_task_by_agent ON orchestrator_task (assigned_agent);

  -- A row per kill: a life whose end was asked for.
  CREATE TABLE agent_kill (
    supervisor_id TEXT NOT NULL,
    seq INTEGER NOT NULL,                  -- of the entry that began it
    agent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    pid INTEGER,
    task_id TEXT,
    signal TEXT,                           -- the last one that was sent
    grace_period_seconds REAL NOT NULL,    -- that it was given before SIGKILL
    forced INTEGER NOT NULL,               -- SIGKILL was sent
    requested_by TEXT,                     -- who
    reason_kind TEXT,                      -- why
    reason TEXT,                           -- why, in their words
    requested_at TEXT NOT NULL,
    killed_at TEXT,
    killed_gracefully INTEGER,             -- the leader went without SIGKILL
    escaped TEXT,                          -- pids that could not be ended, a JSON array
    error_message TEXT,                    -- of a kill_failed on the way
    PRIMARY KEY (supervisor_id, seq)
  );
  CREATE INDEX agent_kill_by_agent ON agent_kill (agent_id);

  -- What was taken out of the log is not taken in again: entries of a supervisor up to here that are missing.
  CREATE TABLE removed_log (supervisor_id TEXT PRIMARY KEY NOT NULL, upto_seq INTEGER NOT NULL, at TEXT NOT NULL);
  -- Agents that were taken out while their entries stayed.
  CREATE TABLE removed_agent (agent_id TEXT PRIMARY KEY NOT NULL, at TEXT NOT NULL);
  `,
]

interface Header {
  readonly version: number
  readonly application: number
  readonly tables: number
}

/** By one statement, and so of one moment: another may be making the tables just now. */
const HEADER = `SELECT
  (SELECT user_version FROM pragma_user_version) AS version,
  (SELECT application_id FROM pragma_application_id) AS application,
  (SELECT count(*) FROM sqlite_schema) AS tables`

function headerOf(database: Database): Header {
  const { version, application, tables } = database.prepare(HEADER).get() ?? {}
  return { version: Number(version), application: Number(application), tables: Number(tables) }
}

const isNew = ({ version, application, tables }: Header): boolean =>
  version === 0 && application === 0 && tables === 0

/**
 * Looks whose database it is, and writes nothing.
 *
 * @throws ReeveError `registry_corrupt` when it is another program's, `registry_unavailable` when a newer Reeve made it
 */
export function checkOwner(database: Database, file: string): void {
  const header = headerOf(database)
  if (isNew(header)) return
  if (header.application !== APPLICATION_ID)
    throw corrupt(file, 'is an SQLite database of another program, not a registry')
  if (header.version > MIGRATIONS.length)
    throw new ReeveError(
      'registry_unavailable',
      `${file} has tables of version ${header.version}; this Reeve knows up to ${MIGRATIONS.length}. Use the newer Reeve, or another file. Nothing was written.`,
    )
}

/** Brings the tables up to date, all or nothing; two that open at once do it once. */
export function migrate(database: Database, file: string): void {
  if (headerOf(database).version === MIGRATIONS.length) return
  transaction(database, () => {
    checkOwner(database, file)
    const { version } = headerOf(database)
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration)
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`)
  })
}

/** Opening the file: how it is set, and that nothing is written before it is known to be ours. */
import fs from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { preparePlace, unavailable } from '../place.ts'
import type { Database, Sqlite } from './api.ts'
import { faultOf } from './faults.ts'
import { checkOwner, migrate } from './schema.ts'

/** How long SQLite waits for another's transaction before it is said to be locked; the journal tries again. */
const BUSY_MS = 500

/**
 * Opens, or makes (0600), the database at `file`, with its tables up to date.
 *
 * @throws ReeveError `registry_unavailable`, `registry_corrupt`
 */
export function openDatabase({ DatabaseSync }: Sqlite, file: string): Database {
  preparePlace(file)
  make(file)
  let database: Database | undefined
  try {
    database = new DatabaseSync(file)
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
    checkOwner(database, file)
    // The page size counts for a new file only; larger pages make a batch touch fewer of them.
    database.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL')
    // NORMAL in WAL mode: SIGKILL loses nothing; a power cut may lose the last transactions, never the file.
    database.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 2000; PRAGMA cache_size = -16000')
    database.exec(`PRAGMA journal_size_limit = ${32 * 1024 * 1024}`)
    migrate(database, file)
    return database
  } catch (cause) {
    const fault = faultOf(file, cause)
    database?.close()
    throw fault
  }
}

function make(file: string): void {
  try {
    fs.closeSync(fs.openSync(file, 'wx', 0o600))
  } catch (cause) {
    if (errnoOf(cause) !== 'EEXIST') throw unavailable(file, cause)
  }
}

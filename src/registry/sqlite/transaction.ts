/** All of a change or nothing of it. */
import type { Database } from './api.ts'

/**
 * Waits for the one writer that SQLite allows, then runs `change`. After whatever it throws nothing has changed and no
 * lock is held; closing the connection would not do, for statements that are not collected yet keep it half open.
 */
export function transaction<T>(database: Database, change: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = change()
    database.exec('COMMIT')
    return result
  } catch (cause) {
    rollBack(database)
    throw cause
  }
}

function rollBack(database: Database): void {
  try {
    database.exec('ROLLBACK')
  } catch (error) {
    // After a full disk or an I/O error SQLite has rolled back by itself, and there is nothing left to roll back.
    if (database.isTransaction) throw error
  }
}

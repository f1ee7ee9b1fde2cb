/** Which SQLite there is: two, with one API. */
import type { DatabaseSync, DatabaseSyncInstance } from '@photostructure/sqlite'
import { messageOf, ReeveError } from '../../errors.ts'

export type Database = DatabaseSyncInstance
export type Sqlite = { readonly DatabaseSync: typeof DatabaseSync }

/**
 * `node:sqlite` where Node has it (22.13 and later), else `@photostructure/sqlite`, which has the same API.
 *
 * @throws ReeveError `registry_unavailable`
 */
export async function loadSqlite(): Promise<Sqlite> {
  const builtin = process.getBuiltinModule?.('node:sqlite') as Sqlite | undefined
  if (builtin) return builtin
  try {
    return await import('@photostructure/sqlite')
  } catch (cause) {
    throw new ReeveError(
      'registry_unavailable',
      `SQLite could not be loaded (${messageOf(cause)}). Use Node 22.13 or later, or install @photostructure/sqlite.`,
      { cause },
    )
  }
}

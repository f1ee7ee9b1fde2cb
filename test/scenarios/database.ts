/** The same SQLite that the registry uses, for looking into its file from outside. */
import { loadSqlite } from '../../src/registry/sqlite/api.ts'

export async function openDatabase(file: string) {
  const { DatabaseSync } = await loadSqlite()
  return new DatabaseSync(file)
}

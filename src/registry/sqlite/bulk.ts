/** Many rows by one statement: binding them at once takes half the time of one after another. */
import type { Database } from './api.ts'

export type Value = string | number | null

/** Rows of one statement. */
const ROWS = 25

export interface Bulk {
  /** Takes a row, and writes when there are enough of them. */
  add(row: readonly Value[]): void
  /** Writes what waits. */
  flush(): void
  /** Writes what waits, then this one; answers whether it changed anything. */
  write(row: readonly Value[]): boolean
}

/** `INSERT` statements of the given head (`INSERT INTO t`), columns, and tail (`ON CONFLICT …`). */
export function bulkInsert(database: Database, head: string, columns: readonly string[], tail = ''): Bulk {
  const row = `(${columns.map(() => '?').join()})`
  const statement = (rows: number) =>
    database.prepare(`${head} (${columns.join()}) VALUES ${Array(rows).fill(row).join()} ${tail}`)
  const one = statement(1)
  const many = statement(ROWS)
  let values: Value[] = []

  const flush = () => {
    for (let at = 0; at < values.length; at += columns.length)
      one.run(...values.slice(at, at + columns.length))
    values = []
  }
  return {
    add(row) {
      values.push(...row)
      if (values.length < columns.length * ROWS) return
      many.run(...values)
      values = []
    },
    flush,
    write(row) {
      flush()
      return Number(one.run(...row).changes) > 0
    },
  }
}

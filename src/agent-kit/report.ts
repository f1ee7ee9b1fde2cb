/** One line appended to the report file: whole or not at all, also beside other processes of the same agent. */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { MAX_REPORT_BYTES } from '../../machines/events.ts'
import { warn } from './warning.ts'

/** Whether it was told. What could not be is a warning of the process, once a cause, and never an exception. */
export function tell(report: { readonly type: string; readonly [field: string]: unknown }): boolean {
  const path = process.env.REEVE_REPORT
  if (!path) return false
  try {
    const line = `${JSON.stringify(report, finite)}\n`
    const bytes = Buffer.byteLength(line) - 1
    if (bytes > MAX_REPORT_BYTES)
      throw new RangeError(`it has ${bytes} bytes, and may have ${MAX_REPORT_BYTES}`)
    append(path, line)
    return true
  } catch (cause) {
    warn(`${report.type} was not told`, cause)
    return false
  }
}

/** JSON has no NaN and makes it null, as it does of a date that is none, and a report of that would be refused. */
function finite(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  if (value === null && this[key] instanceof Date) throw new TypeError(`${key} is no date`)
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`${key || 'it'} is ${value}`)
  return value
}

/** The file is made by Reeve; one that is gone belongs to a life that is over. `O_APPEND`: one write, one place. */
function append(path: string, line: string): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW)
  try {
    writeSync(fd, line)
  } finally {
    closeSync(fd)
  }
}

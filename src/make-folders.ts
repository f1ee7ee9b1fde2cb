/**
 * A folder and those above it, 0700. By hand: where the system answers ENOENT to every mkdir, as in /proc, Node's own
 * `recursive` goes round for ever, and blocks its process.
 */
import fs from 'node:fs'
import path from 'node:path'
import { errnoOf } from './errors.ts'

/** What is there already is left as it is, whatever it is. Throws what the system says. */
export function makeFolders(folder: string): void {
  if (made(folder)) return
  makeFolders(path.dirname(folder))
  fs.mkdirSync(folder, { mode: 0o700 })
}

/** `false`: the one above it is missing. */
function made(folder: string): boolean {
  try {
    fs.mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && path.dirname(folder) !== folder) return false
    // Read-only systems say so even of what is there.
    if (!fs.existsSync(folder)) throw error
  }
  return true
}

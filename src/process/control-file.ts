/**
 * Where an agent takes requests, of any supervisor and of a launcher alone. The file is made by the agent, at the path
 * in `REEVE_CONTROL`: that it is there says that the agent takes them. A request is one line, appended; who looks late
 * finds it all the same.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { errnoOf } from '../errors.ts'

/**
 * `false`: it made no such file. Whatever else stands there is none: a link, a FIFO, a folder, another user's file.
 * Throws what lies with us.
 */
export function appendToControl(path: string, line: string): boolean {
  const { O_WRONLY, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants
  let fd: number | undefined
  try {
    fd = openSync(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK)
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.uid !== process.geteuid?.() || stat.nlink > 1) return false
    return writeSync(fd, line) > 0
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined || errno === 'EMFILE' || errno === 'ENFILE') throw error
    // Not there, not ours, or no room to write: there is another way to ask.
    return false
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Most often there is none. */
export function removeControl(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path)
}

/** What a life that has ended leaves there harms none: a later one removes it, or does not begin. */
export function tryRemoveControl(path: string): void {
  try {
    removeControl(path)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}

/** What SQLite's failures mean to someone who has to mend them. */
import fs from 'node:fs'
import { errnoOf, messageOf, ReeveError } from '../../errors.ts'
import { corrupt, unavailable } from '../place.ts'
import type { Fault } from './protocol.ts'

/** Primary result codes (https://sqlite.org/rescode.html). */
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const NOTADB = 26

/** SQLite's primary result code, as `node:sqlite` and `@photostructure/sqlite` have it; `undefined`: not SQLite's. */
const resultCode = (error: unknown): number | undefined => {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : undefined
}

export const isBusy = (error: unknown): boolean => [BUSY, LOCKED].includes(resultCode(error) ?? 0)

/** The same failure as a `ReeveError` that names the file and the way out. */
export function faultOf(file: string, cause: unknown): ReeveError {
  if (cause instanceof ReeveError) return cause
  switch (resultCode(cause)) {
    case BUSY:
    case LOCKED:
      return new ReeveError(
        'registry_unavailable',
        `${file} is locked by ${lockedBy(file)}. Let it end its transaction, or end it; it is tried again.`,
        { errno: 'SQLITE_BUSY', cause },
      )
    case CORRUPT:
      return corrupt(file, `is damaged: ${messageOf(cause)}`, cause)
    case NOTADB:
      return corrupt(file, 'is not an SQLite database', cause)
    case FULL:
      return unavailable(file, cause, 'ENOSPC')
    case READONLY:
      return unavailable(file, cause, 'EACCES')
    case IOERR:
      return unavailable(file, cause, 'EIO')
    case undefined:
      return unavailable(file, cause)
    default:
      // SQLite's own words, and none of the system's names.
      return unavailable(file, cause, '')
  }
}

/** Who holds a lock that others wait for, as the kernel lists them. */
function lockedBy(file: string): string {
  const inodes = [file, `${file}-shm`].flatMap(
    (each) => fs.statSync(each, { throwIfNoEntry: false })?.ino ?? [],
  )
  const pids = new Set<string>()
  for (const line of locks().split('\n')) {
    const [, pid, inode] = /WRITE\s+(\d+)\s+\S+:(\d+)\s/.exec(line) ?? []
    if (pid && inodes.includes(Number(inode))) pids.add(pid)
  }
  if (pids.size === 0) return 'another connection'
  return [...pids]
    .map((pid) => (pid === `${process.pid}` ? `this process (${pid})` : `pid ${pid}`))
    .join(', ')
}

function locks(): string {
  try {
    return fs.readFileSync('/proc/locks', 'utf8')
  } catch (error) {
    // Elsewhere than on Linux nobody tells.
    if (errnoOf(error)) return ''
    throw error
  }
}

/** For the way between threads, which keeps no class. */
export const toFault = (error: ReeveError): Fault => ({
  code: error.code,
  message: error.message,
  ...(error.errno !== undefined && { errno: error.errno }),
  ...(error.cause !== undefined && { cause: messageOf(error.cause) }),
})

export const fromFault = ({ code, message, errno, cause }: Fault): ReeveError =>
  new ReeveError(code, message, {
    ...(errno !== undefined && { errno }),
    ...(cause !== undefined && { cause: new Error(cause) }),
  })

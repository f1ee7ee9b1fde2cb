/**
 * Opening a file that someone else may have put something else in place of. Only a regular file of ours with one
 * link is opened; a FIFO does not block, a link is not followed.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats } from 'node:fs'
import { errnoOf } from '../errors.ts'

export type Opened =
  | { readonly fd: number; readonly stat: Stats }
  /** It is something else; in a few words. */
  | { readonly wrong: string }

/** `undefined`: there is nothing at this path. Throws what lies with us (`EMFILE`, `ENFILE`). */
export function openOwn(path: string): Opened | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return undefined
  // Before opening: opening alone has effects on a FIFO's writer, and on devices.
  const before = wrongWith(found)
  if (before !== undefined) return { wrong: before }
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EMFILE' || errno === 'ENFILE') throw error
    if (errno === 'ENOENT') return undefined
    return { wrong: errno === 'ELOOP' ? 'symbolic link' : (errno ?? 'unreadable') }
  }
  const stat = fstatSync(fd)
  const wrong = wrongWith(stat)
  if (wrong === undefined) return { fd, stat }
  closeSync(fd)
  return { wrong }
}

/** What tells a file from every other: inode numbers are used again, birth times are not. */
export type Identity = Pick<Stats, 'dev' | 'ino' | 'birthtimeMs'>

export const identityOf = ({ dev, ino, birthtimeMs }: Identity): Identity => ({ dev, ino, birthtimeMs })

export const isSame = (a: Identity, b: Identity): boolean =>
  a.ino === b.ino && a.dev === b.dev && a.birthtimeMs === b.birthtimeMs

function wrongWith(stat: Stats): string | undefined {
  if (stat.isSymbolicLink()) return 'symbolic link'
  if (stat.isFIFO()) return 'FIFO'
  if (stat.isDirectory()) return 'directory'
  if (!stat.isFile()) return 'not a regular file'
  if (stat.uid !== process.getuid?.()) return 'owned by another user'
  if (stat.nlink > 1) return 'hard link'
  return undefined
}

/** Where a registry keeps its file: the path as it was given, the folder made, and what is in the way said plainly. */
import fs from 'node:fs'
import path from 'node:path'
import { errnoOf, messageOf, ReeveError } from '../errors.ts'
import { makeFolders } from '../make-folders.ts'

/**
 * The absolute path of a registry's file. `what` names the function that took it.
 *
 * @throws ReeveError `invalid_spec`
 */
export function placeOf(given: unknown, what: string): string {
  const refuse = (why: string) =>
    new ReeveError('invalid_spec', `${what}: the path ${why}. Give the path of a file, like "agents.db".`, {
      field: 'path',
    })
  if (typeof given !== 'string' || given === '') throw refuse(`must be a text (given: ${String(given)})`)
  if (given.includes('\0')) throw refuse('holds a NUL')
  if (given === ':memory:') throw refuse('":memory:" is not a file; memoryRegistry() keeps nothing')
  return path.resolve(given)
}

/**
 * Makes the folder of `file` (0700) when it is missing, and looks whether the file can be written there. The file
 * itself is not touched, and a folder that exists keeps its mode.
 *
 * @throws ReeveError `registry_unavailable`
 */
export function preparePlace(file: string): void {
  const folder = path.dirname(file)
  try {
    fs.accessSync(standing(folder), fs.constants.W_OK)
    makeFolders(folder)
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    if (stat?.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
    if (stat && !stat.isFile()) throw Object.assign(new Error('it is no regular file'), { code: 'EINVAL' })
    if (stat) fs.accessSync(file, fs.constants.R_OK | fs.constants.W_OK)
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK)
  } catch (cause) {
    throw unavailable(file, cause)
  }
}

/** The folder itself, or the nearest one above it that is there. */
const standing = (folder: string): string => (fs.existsSync(folder) ? folder : standing(path.dirname(folder)))

const WAY_OUT: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full. Free some space; nothing was lost, and it is tried again.',
  EDQUOT: 'your quota of this disk is used up. Free some space; it is tried again.',
  EFBIG: 'the file may not grow further (ulimit -f). Raise the limit; it is tried again.',
  EIO: 'the disk failed to read or write it, or it may not grow further (ulimit -f). See to it; it is tried again.',
  EROFS: 'it is on a read-only file system. Mount it writable, or give another path.',
  EACCES: 'you may not write it, or its folder. Change the mode or the owner, or give another path.',
  EPERM: 'you may not write it, or its folder. Change the mode or the owner, or give another path.',
  EISDIR: 'it is a folder. Give the path of a file.',
  ENOTDIR: 'a part of its path is a file. Give another path.',
  EINVAL: 'it is no regular file. Give the path of a file.',
  EMFILE: 'this process has no file descriptor left (ulimit -n).',
}

/** The error of a file that cannot be read or written now, with the way out. */
export function unavailable(file: string, cause: unknown, errno = errnoOf(cause)): ReeveError {
  const why = (errno && WAY_OUT[errno]) || messageOf(cause)
  return new ReeveError('registry_unavailable', `${file} cannot be used: ${why}`, {
    cause,
    ...(errno && { errno }),
  })
}

/** The error of a file whose bytes are not what they should be. They stay as they are. */
export const corrupt = (file: string, why: string, cause?: unknown): ReeveError =>
  new ReeveError(
    'registry_corrupt',
    `${file} ${why}. It was left as it is: restore it, or move it away to begin anew.`,
    {
      ...(cause !== undefined && { cause }),
    },
  )

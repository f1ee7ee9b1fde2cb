/**
 * Removes a folder with all that is in it, and nothing else: whatever a link in there points to stays. Every step goes
 * by a descriptor of the folder above (`/proc/self/fd/<n>/name`), so that a folder which is swapped for a link meanwhile
 * leads nowhere. Folders that deny access to their owner are opened first, as `rm -rf` does not.
 */
import { constants } from 'node:fs'
import { chmod, type FileHandle, open, readdir, rm, rmdir, unlink } from 'node:fs/promises'
import path from 'node:path'
import { errnoOf } from '../errors.ts'

/** `open(2)`: names a file without opening it, so that no permission of its own is needed. */
const O_PATH = 0o10000000
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants

/**
 * Done when it is not there any more, or never was. Throws what the system has against it (`EBUSY` for a mount, `EACCES`
 * for what belongs to someone else), after everything else is gone; an aborted one throws at the next step.
 */
export async function removeFolder(folder: string, over: AbortSignal): Promise<void> {
  if (process.platform !== 'linux') return removeByPath(folder, over)
  const faults: unknown[] = []
  await remove(path.dirname(folder), path.basename(folder), over, faults)
  if (faults.length > 0) throw faults[0]
}

/** Where no descriptor leads into a folder: a link that takes a folder's place within this very step is followed. */
async function removeByPath(folder: string, over: AbortSignal): Promise<void> {
  over.throwIfAborted()
  await rm(folder, { recursive: true, force: true })
}

async function remove(above: string, name: string, over: AbortSignal, faults: unknown[]): Promise<void> {
  over.throwIfAborted()
  const entry = path.join(above, name)
  let refusal: unknown
  try {
    await unlink(entry)
    return
  } catch (error) {
    refusal = error
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return
    // Linux says EISDIR of a folder; POSIX would say EPERM.
    if (errno !== 'EISDIR' && errno !== 'EPERM') return void faults.push(error)
  }
  let opened: FileHandle | undefined
  try {
    opened = await openFolder(entry)
    const inside = `/proc/self/fd/${opened.fd}`
    for (const each of await readdir(inside)) await remove(inside, each, over, faults)
    await rmdir(entry)
  } catch (error) {
    over.throwIfAborted()
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    // One that is not empty has said why already; what is no folder could not be unlinked.
    if (errno === 'ENOTDIR') faults.push(refusal)
    else if (errno !== 'ENOENT' && !(errno === 'ENOTEMPTY' && faults.length > 0)) faults.push(error)
  } finally {
    await opened?.close()
  }
}

/** Opens a folder, never through a link, with the right to list and to change it. */
async function openFolder(entry: string): Promise<FileHandle> {
  const named = await open(entry, O_PATH | O_DIRECTORY | O_NOFOLLOW)
  try {
    const { mode } = await named.stat()
    if ((mode & 0o700) !== 0o700) await chmod(`/proc/self/fd/${named.fd}`, 0o700)
  } finally {
    await named.close()
  }
  return open(entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
}

/** Who has a file open: `/proc/<pid>/fd`, process by process. About 20 ms of a machine with 500 of them; rarely asked. */
import { readdirSync, type Stats, statSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { errnoOf } from '../errors.ts'
import { allPids } from './proc.ts'

/** Whether a process, as far as we may look, has this file open. Where nobody tells, one may have it. */
export async function isHeld(file: Pick<Stats, 'dev' | 'ino'>): Promise<boolean> {
  if (process.platform !== 'linux') return true
  for (const pid of allPids()) {
    if (descriptorsOf(pid).some((path) => isOpenAt(path, file))) return true
    await nextTurn()
  }
  return false
}

const NOT_OURS = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR']

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`)
  } catch (error) {
    if (NOT_OURS.includes(errnoOf(error) ?? '')) return []
    throw error
  }
}

function isOpenAt(path: string, { dev, ino }: Pick<Stats, 'dev' | 'ino'>): boolean {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    return found !== undefined && found.dev === dev && found.ino === ino
  } catch (error) {
    if (NOT_OURS.includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

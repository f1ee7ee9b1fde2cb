/** Where `open(2)` itself locks (macOS and the BSDs): no program is needed for it, and the lock is the open file's own. */
import fs from 'node:fs'
import { errnoOf } from './errors.ts'

/** `fcntl.h` of macOS; Node hands flags on as they are. */
const O_EXLOCK = 0x20

export type Open = (path: string, flags: number) => number

/** Holds the lock of this file until it is closed; `undefined` when another has it. */
export function lockByOpening(file: string, open: Open = fs.openSync): { close(): void } | undefined {
  const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  try {
    const fd = open(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_EXLOCK)
    return { close: () => fs.closeSync(fd) }
  } catch (error) {
    // EWOULDBLOCK is the same number, and this its name.
    if (errnoOf(error) === 'EAGAIN') return undefined
    throw error
  }
}

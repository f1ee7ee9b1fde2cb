/** Begins the book of a launcher that runs in this process. */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Clock } from '../clock.ts'
import { errnoOf, ReeveError } from '../errors.ts'
import { Book } from './book.ts'
import { BookFile } from './book-file.ts'
import { identify } from './identity.ts'
import { launcherBook } from './launcher-files.ts'
import { PROTOCOL } from './protocol.ts'

export interface OpenBookOptions {
  readonly home: string
  readonly launcherId: string
  readonly clock: Clock
  readonly warning: (message: string, cause?: unknown) => void
}

/** The machine: a home may lie on a disk that many share. */
export function hostOf(): string {
  try {
    return `${hostname()} ${readFileSync('/etc/machine-id', 'latin1').trim()}`
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return hostname()
  }
}

/** Where the pids of this process mean something. */
export const pidNamespaceOf = (): string => readlinkSync('/proc/self/ns/pid')

export function openBook({ home, launcherId, clock, warning }: OpenBookOptions): Book {
  const self = identify(process.pid)
  if (self === undefined) throw new ReeveError('internal', 'this process cannot be found in /proc')
  return new Book({
    file: new BookFile(launcherBook(home, launcherId)),
    owner: {
      type: 'launcher',
      launcherId,
      protocol: PROTOCOL,
      process: self,
      host: hostOf(),
      pidNamespace: pidNamespaceOf(),
      supervisor: null,
    },
    clock,
    warning,
  })
}

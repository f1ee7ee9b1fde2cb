/** Begins the book of a launcher that runs in this process. */
import { hostname } from 'node:os'
import type { Clock } from '../clock.ts'
import { ReeveError } from '../errors.ts'
import { Book } from './book.ts'
import { BookFile } from './book-file.ts'
import { identify } from './identity.ts'
import { launcherBook } from './launcher-files.ts'
import { machineId, pidNamespace } from './proc.ts'
import { PROTOCOL } from './protocol.ts'

export interface OpenBookOptions {
  readonly home: string
  readonly launcherId: string
  readonly clock: Clock
  readonly warning: (message: string, cause?: unknown) => void
}

/** The machine: a home may lie on a disk that many share. */
export const hostOf = (): string => `${hostname()} ${machineId() ?? ''}`.trim()

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
      pidNamespace: pidNamespace(),
      supervisor: null,
    },
    clock,
    warning,
  })
}

/** Where a launcher's socket lies, however deep the home. */
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'

/** What fits into `sun_path`, in bytes; Node cuts what is longer in silence. */
const MAX_BYTES = 107

export interface SocketPath {
  /** What to hand to `listen` or `connect`. */
  readonly address: string
  /** Where it lies. */
  readonly path: string
  /** To be called when `address` is needed no more: listening has ended, or the connection stands. */
  close(): void
}

export function socketPath(home: string, launcherId: string): SocketPath {
  const name = `launcher-${launcherId}.sock`
  const path = join(home, name)
  if (Buffer.byteLength(path) <= MAX_BYTES) return { address: path, path, close: () => {} }
  const folder = openSync(home, constants.O_RDONLY | constants.O_DIRECTORY)
  return { address: `/proc/self/fd/${folder}/${name}`, path, close: () => closeSync(folder) }
}

export const launcherLog = (home: string, launcherId: string): string =>
  join(home, `launcher-${launcherId}.log`)

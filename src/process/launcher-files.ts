/** The files of a launcher in its home, by the protocol that it speaks: its socket, however deep the home, log and book. */
import { closeSync, constants, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, ReeveError } from '../errors.ts'
import { SOCKET_PATH_BYTES } from '../platform.ts'
import { PROTOCOL } from './protocol.ts'

export interface SocketPath {
  /** What to hand to `listen` or `connect`. */
  readonly address: string
  /** Where it lies. */
  readonly path: string
  /** To be called when `address` is needed no more: listening has ended, or the connection stands. */
  close(): void
}

const nameOf = (launcherId: string, kind: 'sock' | 'log' | 'book', protocol: number): string =>
  `launcher-v${protocol}-${launcherId}.${kind}`

export function socketPath(home: string, launcherId: string, protocol = PROTOCOL): SocketPath {
  const name = nameOf(launcherId, 'sock', protocol)
  const path = join(home, name)
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return { address: path, path, close: () => {} }
  if (process.platform !== 'linux') throw tooDeep(home, Buffer.byteLength(path))
  const folder = openSync(home, constants.O_RDONLY | constants.O_DIRECTORY)
  return { address: `/proc/self/fd/${folder}/${name}`, path, close: () => closeSync(folder) }
}

/** Linux alone has a short way to any folder that is open. */
const tooDeep = (home: string, bytes: number): ReeveError =>
  new ReeveError(
    'home_unusable',
    `the home ${home} lies too deep for a socket (${bytes} bytes; ${SOCKET_PATH_BYTES} fit). Give one with a shorter path.`,
    { field: 'home' },
  )

export const launcherLog = (home: string, launcherId: string, protocol = PROTOCOL): string =>
  join(home, nameOf(launcherId, 'log', protocol))

export const launcherBook = (home: string, launcherId: string, protocol = PROTOCOL): string =>
  join(home, nameOf(launcherId, 'book', protocol))

export interface LauncherName {
  readonly launcherId: string
  readonly protocol: number
}

const NAME = /^launcher-v(\d{1,9})-([A-Za-z0-9_-]+)\.(?:sock|log|book|book\.new)$/

/** Every launcher that left a file there, the newest protocol first. */
export function launchersIn(home: string): LauncherName[] {
  const found = new Map<string, LauncherName>()
  for (const file of filesIn(home)) {
    const [, protocol, launcherId] = NAME.exec(file) ?? []
    if (protocol !== undefined && launcherId !== undefined)
      found.set(`${protocol}-${launcherId}`, { launcherId, protocol: Number(protocol) })
  }
  return [...found.values()].sort((a, b) => b.protocol - a.protocol)
}

function filesIn(home: string): string[] {
  try {
    return readdirSync(home)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/**
 * `daemon.json` in the home: which process serves it, and where. It is written whole, under the home's lock, and is
 * believed only while exactly that process lives: what a crash left behind misleads nobody.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { ProcessIdentity } from '../../machines/events.ts'
import { errnoOf } from '../errors.ts'
import { isAlive } from '../process/identity.ts'
import { camelCased, snakeCased } from '../snake-case.ts'

export interface DaemonMarker extends ProcessIdentity {
  /** The path of its socket. */
  readonly socket: string
  readonly version: string
  /** Where it serves loopback besides; `null`: nowhere. */
  readonly url: string | null
}

export const markerFile = (home: string): string => path.join(home, 'daemon.json')

/** What the file says, whether or not that process lives; `undefined` when there is none, or it says nothing. */
export function readMarker(home: string): DaemonMarker | undefined {
  let text: string
  try {
    text = readFileSync(markerFile(home), 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw error
  }
  try {
    const marker = camelCased(JSON.parse(text)) as DaemonMarker | null
    return typeof marker?.pid === 'number' && typeof marker.socket === 'string' ? marker : undefined
  } catch {
    return undefined // somebody's hand was in it: the daemon that starts next writes it anew
  }
}

export const lives = (marker: DaemonMarker): boolean => isAlive(marker)

/** The daemon that lives; `undefined` when there is none. It may not listen yet, or no longer. */
export function livingMarker(home: string): DaemonMarker | undefined {
  const marker = readMarker(home)
  return marker && lives(marker) ? marker : undefined
}

/** To be called under the home's lock. */
export function writeMarker(home: string, marker: DaemonMarker): void {
  const temporary = `${markerFile(home)}.writing`
  writeFileSync(temporary, `${JSON.stringify(snakeCased(marker))}\n`, { mode: 0o600 })
  renameSync(temporary, markerFile(home))
}

/** To be called under the home's lock. */
export const removeMarker = (home: string): void => rmSync(markerFile(home), { force: true })

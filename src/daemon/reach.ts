/** Finding the daemon of a home, from any directory, and asking whether it answers. */
import http from 'node:http'
import path from 'node:path'
import { realClock } from '../clock.ts'
import { checkFolder, userHome } from '../home.ts'
import { camelCased } from '../snake-case.ts'
import { type DaemonMarker, livingMarker } from './marker.ts'

/** What a daemon says of itself at `/v1/status`. */
export interface DaemonStatus {
  readonly version: string
  readonly wireVersion: number
  readonly pid: number
  readonly startTime: number
  readonly bootId: string
  readonly supervisorId: string
  readonly home: string
  readonly socket: string
  readonly url: string | null
  /** ISO 8601, UTC. */
  readonly startedAt: string
  /** It has been asked to end: it starts nothing any more. */
  readonly stopping: boolean
  /** Agents that have not ended, by state. */
  readonly agents: Readonly<Record<string, number>>
  /** Open streams of entries and logs. */
  readonly streams: number
  /** What keeps it from recording what happens; what happens meanwhile waits. `null`: nothing. */
  readonly trouble: string | null
  /** Resident memory, in bytes. */
  readonly rss: number
}

/** A daemon whose loop turns answers within milliseconds; a machine under load may take its time. */
const ANSWER_LIMIT_MS = 5_000
const MAX_ANSWER_BYTES = 1024 * 1024

/** The home that is meant: the one that was given, else the user's. */
export const homeOf = (given: string | undefined): string =>
  given === undefined ? userHome() : path.resolve(given)

/**
 * The daemon of this home that lives and answers; `undefined` when there is none, or not within 5 s.
 *
 * @throws ReeveError `home_unusable` when the home is someone else's, or open to others
 */
export async function findDaemon(home?: string): Promise<DaemonStatus | undefined> {
  const dir = homeOf(home)
  const marker = checkFolder(dir) ? livingMarker(dir) : undefined
  return marker && (await askStatus(marker))
}

/** `undefined` when it does not answer, or another one does. */
export async function askStatus({ socket, pid }: DaemonMarker): Promise<DaemonStatus | undefined> {
  try {
    const status = camelCased(await get(socket, '/v1/status')) as Partial<DaemonStatus> | null
    return status?.pid === pid ? (status as DaemonStatus) : undefined
  } catch {
    return undefined // nobody listens there, or it is no daemon: that is the answer
  }
}

function get(socketPath: string, where: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path: where, agent: false }, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > MAX_ANSWER_BYTES) response.destroy(new Error('its answer has no end'))
      })
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString()))
        } catch (error) {
          reject(error)
        }
      })
    })
    const late = () => request.destroy(new Error(`no answer within ${ANSWER_LIMIT_MS} ms`))
    const timer = realClock.setTimeout(late, ANSWER_LIMIT_MS)
    request.on('error', reject)
    request.on('close', () => realClock.clearTimeout(timer))
  })
}

/** Requests to a daemon: over its Unix socket, or over loopback with a token. Failures come back as what they were. */
import http from 'node:http'
import { StringDecoder } from 'node:string_decoder'
import { errnoOf, messageOf, ReeveError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { errorFromWire, isWireError } from '../wire.ts'

/** Where the daemon is now. */
export type Target =
  | { readonly socketPath: string; readonly token?: string }
  | { readonly host: string; readonly port: number; readonly token: string }

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly query?: Readonly<Record<string, unknown>>
  /** Sent as JSON, as it is. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** It is answered when something has happened: it gets a connection of its own. */
  readonly patient?: boolean
}

/** Short requests that are under way at once; more wait for their turn. */
const AT_ONCE = 32
/** An answer that is larger is none of ours. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024
/** A listener that is overrun for a moment. */

export class Transport {
  readonly #find: () => Target
  readonly #where: string
  readonly #pool = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE, maxFreeSockets: 4 })
  /** Told of every daemon's version. */
  readonly #met: (version: string) => void

  /** @param find throws `daemon_not_running`. @param where the daemon's home or URL, for errors. */
  constructor(find: () => Target, where: string, met: (version: string) => void) {
    this.#find = find
    this.#where = where
    this.#met = met
  }

  close(): void {
    this.#pool.destroy()
  }

  /** The JSON that is answered. */
  async json(path: string, asked: Asked = {}): Promise<unknown> {
    return (await this.placed(path, asked)).value
  }

  /** With the place in the log that it is up to, where that is said. */
  async placed(
    path: string,
    asked: Asked = {},
  ): Promise<{ readonly value: unknown; readonly place: string }> {
    const response = await this.#open(path, asked)
    const value = this.#parsed(await this.#text(response), response)
    return { value, place: String(response.headers['reeve-place'] ?? '') }
  }

  /** Text as it comes. Ends when the daemon has said all. */
  async *text(path: string, asked: Asked = {}): AsyncGenerator<string, void, void> {
    const response = await this.#open(path, { ...asked, patient: true })
    const decoder = new StringDecoder('utf8')
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) yield decoder.write(chunk)
    } catch (cause) {
      if (asked.signal?.aborted) return
      throw this.#lost(cause)
    } finally {
      response.destroy()
    }
  }

  /** Resolves with an answer that is no failure. */
  async #open(path: string, asked: Asked): Promise<http.IncomingMessage> {
    const { method = 'GET', query = {}, body, headers = {}, signal, patient = false } = asked
    const target = this.#find()
    const search = searchOf(query)
    const text = body === undefined ? undefined : JSON.stringify(body)
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = http.request(
        {
          ...('socketPath' in target
            ? { socketPath: target.socketPath, host: 'localhost' }
            : { host: target.host, port: target.port }),
          path: search === '' ? path : `${path}?${search}`,
          method,
          agent: patient ? false : this.#pool,
          headers: {
            ...headers,
            'reeve-version': VERSION,
            ...(target.token !== undefined && { authorization: `Bearer ${target.token}` }),
            ...(text !== undefined && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(text),
            }),
          },
          ...(signal && { signal }),
        },
        resolve,
      )
      request.on('error', (cause) => reject(signal?.aborted ? cause : this.#lost(cause)))
      request.end(text)
    })
    const version = response.headers['reeve-version']
    if (typeof version === 'string') this.#met(version)
    if ((response.statusCode ?? 500) < 400) return response
    const failed = this.#parsed(await this.#text(response), response)
    throw new ReeveError('internal', `the daemon answered ${response.statusCode}: ${JSON.stringify(failed)}`)
  }

  async #text(response: http.IncomingMessage): Promise<string> {
    const chunks: Buffer[] = []
    let bytes = 0
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > MAX_ANSWER_BYTES) throw new Error('its answer has no end')
      }
    } catch (cause) {
      throw this.#lost(cause)
    }
    return Buffer.concat(chunks).toString()
  }

  /** Throws what was told as a failure. */
  #parsed(text: string, response: http.IncomingMessage): unknown {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (cause) {
      const message = `${this.#where} answers with something that is not Reeve's (HTTP ${response.statusCode})`
      throw new ReeveError('daemon_not_running', message, { cause })
    }
    if (!isWireError(value) || (response.statusCode ?? 500) < 400) return value
    const version = response.headers['reeve-version']
    if (value.error !== 'route_not_found' || version === VERSION) throw errorFromWire(value)
    throw new ReeveError('version_mismatch', mismatch(String(version)))
  }

  #lost(cause: unknown): ReeveError {
    const errno = errnoOf(cause)
    const nobody = ['ENOENT', 'ECONNREFUSED'].includes(errno ?? '')
    const message = nobody
      ? `no daemon runs in ${this.#where}. Start one: reeve up -d`
      : `the daemon of ${this.#where} went away before it answered (${messageOf(cause)}); what was asked may have been done`
    return new ReeveError('daemon_not_running', message, { cause, ...(errno !== undefined && { errno }) })
  }
}

export const mismatch = (version: string): string =>
  `the daemon is of version ${version}, this client of ${VERSION}: restart the daemon with this version (reeve down, then reeve up -d), or use the other client.`

/** What is undefined is left out; lists are repeated. */
function searchOf(query: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query))
    for (const each of [value].flat()) if (each !== undefined) search.append(key, String(each))
  return search.toString()
}

/**
 * A server for one who looks: on 127.0.0.1 alone, with a token of its own, which goes with it. What it serves as it is
 * (pages, scripts, pictures) is public and says nothing; whatever says something is under `/v1/` and wants the token.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ErrorCode, messageOf, ReeveError } from '../../errors.ts'
import { bearerIn, isSameSecret, refuseForeign } from '../../loopback.ts'
import { wireError } from '../../wire.ts'

/** A file that is served as it is. */
export interface Asset {
  readonly type: string
  readonly body: string | Buffer
  /** Where a page may load from and be loaded, beside what holds for all. */
  readonly policy?: string
}

/** One request under `/v1/`, by someone who has the token. */
export interface LocalCall {
  readonly path: string
  readonly query: URLSearchParams
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when who asked is gone. */
  readonly signal: AbortSignal
}

export interface LocalServerOptions {
  readonly port: number
  /** By path. */
  asset(path: string, port: number): Asset | undefined
  /** Answers by itself, or with what is answered as JSON. */
  answer(call: LocalCall): unknown
  /** Of a WebSocket, by someone who has the token. */
  upgraded?(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** Nothing is loaded from anywhere else, nobody frames it, and no text becomes a script. */
const POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const STATUSES: Partial<Record<ErrorCode, number>> = {
  invalid_spec: 400,
  unauthorized: 401,
  forbidden: 403,
  agent_not_found: 404,
  route_not_found: 404,
  too_busy: 503,
  registry_unavailable: 503,
  daemon_not_running: 503,
  supervisor_stopping: 503,
}
const HEAD_LIMIT_MS = 10_000

export class LocalServer {
  readonly token = randomBytes(24).toString('base64url')
  readonly #options: LocalServerOptions
  readonly #server: Server
  #port = 0

  constructor(options: LocalServerOptions) {
    this.#options = options
    this.#server = createServer({ headersTimeout: HEAD_LIMIT_MS }, (request, response) => {
      void this.#serve(request, response)
    })
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    )
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** @throws ReeveError `inspector_failed` */
  async listen(): Promise<void> {
    const { port } = this.#options
    try {
      this.#server.listen(port, '127.0.0.1')
      await once(this.#server, 'listening')
    } catch (cause) {
      const message = `the inspector cannot listen on 127.0.0.1:${port}: ${messageOf(cause)}. Name another port, or none.`
      throw new ReeveError('inspector_failed', message, { field: 'port', cause })
    }
    this.#port = (this.#server.address() as AddressInfo).port
    this.#server.unref()
  }

  get port(): number {
    return this.#port
  }

  /** The token stands behind the `#`, which a browser sends to nobody. */
  urlOf(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}#token=${this.token}`
  }

  /** Holds the event loop from now on. */
  ref(): void {
    this.#server.ref()
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { pathname, searchParams } = this.#asked(request)
      if (request.method !== 'GET' && request.method !== 'HEAD')
        throw this.#nothingAt(request.method, pathname)
      const asset = this.#options.asset(pathname, this.#port)
      if (asset) {
        this.#head(response, 200, asset.type, asset.policy)
        response.end(asset.body)
        return
      }
      if (!pathname.startsWith('/v1/')) throw this.#nothingAt(request.method, pathname)
      this.#admit(bearerIn(request.headers.authorization))
      const over = new AbortController()
      response.once('close', () => over.abort())
      const value = await this.#options.answer({
        path: pathname,
        query: searchParams,
        request,
        response,
        signal: over.signal,
      })
      if (response.headersSent || over.signal.aborted) return
      if (value === undefined) throw this.#nothingAt(request.method, pathname)
      this.#json(response, 200, value)
    } catch (error) {
      this.#failed(response, error)
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // It may be gone at any time.
    socket.on('error', () => {})
    try {
      const { searchParams } = this.#asked(request)
      this.#admit(searchParams.get('token') ?? bearerIn(request.headers.authorization))
      if (!this.#options.upgraded) throw this.#nothingAt('WebSocket', request.url ?? '')
      this.#options.upgraded(request, socket, head)
    } catch (error) {
      const failure = wireError(error)
      const body = `${JSON.stringify(failure)}\n`
      const lines = [
        `HTTP/1.1 ${statusOf(failure.error)} Refused`,
        'Content-Type: application/json',
        `Content-Length: ${Buffer.byteLength(body)}`,
        'Connection: close',
      ]
      socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
    }
  }

  /** Whatever is asked, a page too: by our own name. */
  #asked({ headers, url = '/' }: IncomingMessage): URL {
    refuseForeign(this.#port, headers as { host: string | undefined; origin: string | undefined })
    const base = `http://127.0.0.1:${this.#port}`
    if (!url.startsWith('/') || !URL.canParse(base + url)) throw this.#nothingAt('GET', url)
    return new URL(base + url)
  }

  #admit(given: string | null | undefined): void {
    if (given == null || given === '')
      throw new ReeveError(
        'unauthorized',
        'a token is required here: it stands in the address that was printed, after #token=',
      )
    if (!isSameSecret(given, this.token))
      throw new ReeveError(
        'unauthorized',
        'this token is not that of this inspector: take the address that was printed last',
      )
  }

  #nothingAt(method: string | undefined, path: string): ReeveError {
    return new ReeveError('route_not_found', `nothing is served at ${method} ${path}`)
  }

  #head(response: ServerResponse, status: number, type: string, policy = ''): void {
    response.writeHead(status, {
      'content-type': type,
      'content-security-policy': policy === '' ? POLICY : `${POLICY}; ${policy}`,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    })
  }

  #json(response: ServerResponse, status: number, value: unknown): void {
    this.#head(response, status, 'application/json; charset=utf-8')
    response.end(`${JSON.stringify(value)}\n`)
  }

  #failed(response: ServerResponse, error: unknown): void {
    if (response.headersSent) {
      response.destroy()
      return
    }
    const failure = wireError(error)
    this.#json(response, statusOf(failure.error), failure)
  }
}

const statusOf = (code: ErrorCode): number => STATUSES[code] ?? 500

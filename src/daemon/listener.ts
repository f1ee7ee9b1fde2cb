/** An HTTP server around the application: bounded in time and size, and an answer in our shape to what is no HTTP. */
import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { ReeveError } from '../errors.ts'
import { wireError } from '../wire.ts'
import { type AppOptions, appOf, failure } from './app.ts'

/** Within these a request has to have come: its head, and all of it. */
const HEAD_LIMIT_MS = 10_000
const REQUEST_LIMIT_MS = 60_000
const KEEP_ALIVE_MS = 60_000

/** Requests under way, so that the last answers are out before the process leaves. */
export class Traffic {
  #open = 0
  #quiet: (() => void)[] = []

  begin(): void {
    this.#open += 1
  }

  end(): void {
    this.#open -= 1
    if (this.#open === 0) for (const resolve of this.#quiet.splice(0)) resolve()
  }

  quiet(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#quiet.push(resolve))
  }
}

export function listener(options: AppOptions, traffic: Traffic): Server {
  const serve = getRequestListener(appOf(options).fetch, {
    hostname: 'localhost',
    overrideGlobalObjects: false,
    errorHandler: (error) => failure(notHttp(error), options.fault),
  })
  const server = createServer(
    {
      headersTimeout: HEAD_LIMIT_MS,
      requestTimeout: REQUEST_LIMIT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAlive: true,
    },
    (incoming, outgoing) => {
      traffic.begin()
      outgoing.once('close', () => traffic.end())
      // Streams have a measure of their own; any other answer waits in memory, whole, for whoever asked.
      outgoing.setTimeout(options.served.slowAfterMs, () => {
        if (incoming.socket.writableLength > 0) incoming.socket.destroy()
      })
      void serve(incoming, outgoing)
    },
  )
  server.on('clientError', (error, socket) => {
    if (!socket.writable) {
      socket.destroy()
      return
    }
    const body = `${JSON.stringify(wireError(notHttp(error)))}\n`
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`
    socket.end(head + body, () => socket.destroy())
  })
  return server
}

/** What fails before a route is found is the request's own fault. */
const notHttp = (error: unknown): unknown =>
  error instanceof ReeveError
    ? error
    : new ReeveError('invalid_spec', `this is no request that can be read: ${String(error)}`, {
        cause: error,
      })

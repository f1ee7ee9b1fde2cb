/** MCP over stdin and stdout, for as long as the client keeps stdin open. Nothing but protocol is written to stdout. */
import type { Readable, Writable } from 'node:stream'
import type { JSONRPCMessage, McpServer, Transport } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { hostOf, type McpHost } from './host.ts'
import { cancelledId, listenedTo } from './listened.ts'
import { mcpServer } from './server.ts'
import { Updates } from './updates.ts'

export interface StdioStreams {
  readonly stdin: Readable
  readonly stdout: Writable
}

export interface StdioServer {
  /** Resolves when stdin is closed, or stdout is. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

/** A supervisor, or a daemon's client, for the MCP client that started this process; by default on its own stdin and stdout. */
export function serveMcpStdio(of: McpHost, { stdin, stdout }: StdioStreams = process): StdioServer {
  const host = hostOf(of)
  let server: McpServer | undefined
  // Who is gone hears nothing more: the transport ends by itself.
  const updates = new Updates(host, {
    updated: (uri) => void server?.server.sendResourceUpdated({ uri }).catch(() => {}),
    listChanged: () => server?.sendResourceListChanged(),
  })
  const wire = new StdioServerTransport(stdin, stdout)
  const end: { resolve: () => void } = { resolve: () => {} }
  const ended = new Promise<void>((resolve) => {
    end.resolve = resolve
  })
  const heard = new Listened(updates)
  const transport = tapped(
    wire,
    (message) => heard.take(message),
    () => {
      updates.close()
      end.resolve()
    },
  )
  const { close } = serveStdio(
    () => {
      server = mcpServer(host, updates)
      return server
    },
    { transport, onerror: host.fault },
  )
  return { ended, close }
}

/** The subscriptions of the newer protocol are kept by the SDK, which tells nobody of them. */
class Listened {
  readonly #updates: Updates
  readonly #byRequest = new Map<unknown, readonly string[]>()

  constructor(updates: Updates) {
    this.#updates = updates
  }

  take(message: JSONRPCMessage): void {
    const uris = listenedTo(message)
    if (uris) {
      const { id } = message as { id?: unknown }
      this.#drop(id)
      this.#byRequest.set(id, uris)
      this.#updates.begin()
      for (const uri of uris) this.#updates.watch(uri)
    } else this.#drop(cancelledId(message))
  }

  #drop(id: unknown): void {
    for (const uri of this.#byRequest.get(id) ?? []) this.#updates.drop(uri)
    this.#byRequest.delete(id)
  }
}

/** The transport, with what comes in seen first. */
function tapped(wire: Transport, see: (message: JSONRPCMessage) => void, ended: () => void): Transport {
  const outer: Transport = {
    async start() {
      wire.onmessage = (message, extra) => {
        try {
          see(message)
        } catch (error) {
          outer.onerror?.(error as Error)
        }
        outer.onmessage?.(message, extra)
      }
      wire.onerror = (error) => outer.onerror?.(error)
      wire.onclose = () => {
        ended()
        outer.onclose?.()
      }
      await wire.start()
    },
    send: (message, options) => wire.send(message, options),
    close: () => wire.close(),
  }
  return outer
}

/**
 * The older protocol over HTTP: a session begins with `initialize`, and says who asks. There are so many at most, and
 * one that is not used is forgotten; a client that comes back to it hears 404, and begins another, as the protocol has it.
 */
import { randomUUID } from 'node:crypto'
import {
  isInitializeRequest,
  type McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { realClock, type Timer } from '../clock.ts'
import type { Host, McpAsked } from './host.ts'
import { mcpServer } from './server.ts'
import { Updates } from './updates.ts'

export const MAX_SESSIONS = 100
const IDLE_MS = 60 * 60 * 1000
const LOOK_EVERY_MS = 60 * 1000

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport
  readonly server: McpServer
  readonly agent: string | undefined
  /** Requests and streams under way. */
  open: number
  usedMs: number
}

const refused = (status: number, message: string): Response =>
  Response.json({ jsonrpc: '2.0', id: null, error: { code: -32_000, message } }, { status })

export class Sessions {
  readonly #host: Host
  readonly #byId = new Map<string, Session>()
  #sweep: Timer

  constructor(host: Host) {
    this.#host = host
  }

  async fetch(request: Request, { body, agent }: McpAsked): Promise<Response> {
    const id = request.headers.get('mcp-session-id')
    const known = id === null ? undefined : this.#byId.get(id)
    // A session is its own agent's: another's token does not open it.
    if (id !== null && (!known || known.agent !== agent))
      return refused(404, 'this session is not known any more: begin another with initialize')
    if (!known && !isInitializeRequest(body))
      return refused(400, 'a session begins with initialize, and is named by Mcp-Session-Id from then on')
    const session = known ?? (await this.#begin(agent))
    session.usedMs = realClock.now()
    session.open += 1
    request.signal.addEventListener('abort', () => this.#left(session), { once: true })
    return session.transport.handleRequest(request, { ...(body !== undefined && { parsedBody: body }) })
  }

  async close(): Promise<void> {
    realClock.clearTimeout(this.#sweep)
    await Promise.all([...this.#byId.values()].map(({ server }) => server.close()))
    this.#byId.clear()
  }

  async #begin(agent: string | undefined): Promise<Session> {
    this.#makeRoom()
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        this.#byId.set(id, session)
      },
    })
    // Who is gone hears nothing more: the transport ends by itself.
    const updates = new Updates(this.#host, {
      updated: (uri) => void server.server.sendResourceUpdated({ uri }).catch(() => {}),
      listChanged: () => server.sendResourceListChanged(),
    })
    const server = mcpServer({ ...this.#host, agent }, updates)
    const session: Session = { transport, server, agent, open: 0, usedMs: realClock.now() }
    server.server.onclose = () => {
      updates.close()
      const { sessionId } = transport
      if (sessionId !== undefined) this.#byId.delete(sessionId)
    }
    await server.connect(transport)
    this.#look()
    return session
  }

  #left(session: Session): void {
    session.open -= 1
    session.usedMs = realClock.now()
  }

  /** The one that was used least lately gives way, streams or not: who still is there begins anew. */
  #makeRoom(): void {
    if (this.#byId.size < MAX_SESSIONS) return
    const [oldest] = [...this.#byId.values()].sort(
      (a, b) => Number(a.open > 0) - Number(b.open > 0) || a.usedMs - b.usedMs,
    )
    void oldest?.server.close()
  }

  #look(): void {
    realClock.clearTimeout(this.#sweep)
    this.#sweep = realClock.setTimeout(() => {
      const sinceMs = realClock.now() - IDLE_MS
      for (const { open, usedMs, server } of [...this.#byId.values()])
        if (open === 0 && usedMs < sinceMs) void server.close()
      if (this.#byId.size > 0) this.#look()
    }, LOOK_EVERY_MS)
  }
}

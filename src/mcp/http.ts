/** MCP over HTTP: the newer protocol, each request for itself; the older one in sessions. */
import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server'
import { bodyOf } from './body.ts'
import { hostOf, type McpAsked, type McpHost } from './host.ts'
import { listenedTo } from './listened.ts'
import { mcpServer } from './server.ts'
import { Sessions } from './sessions.ts'
import { Updates } from './updates.ts'

/** Streams of the newer protocol that listen at once. */
const MAX_LISTENING = 100

export interface McpHttp {
  /** Who may ask is decided before. The request's signal has to say when who asked is gone. */
  fetch(request: Request, asked?: McpAsked): Promise<Response>
  close(): Promise<void>
}

/**
 * A supervisor, or a daemon's client, for MCP clients over HTTP, behind any server that speaks in `Request` and `Response`.
 * A page in a browser reaches every port of its machine: check Host, Origin and a token of yours before.
 */
export function mcpHttp(of: McpHost): McpHttp {
  const host = hostOf(of)
  const updates = new Updates(host, {
    updated: (uri) => modern.notify.resourceUpdated(uri),
    listChanged: () => modern.notify.resourcesChanged(),
  })
  const modern = createMcpHandler(
    ({ authInfo }) => mcpServer({ ...host, agent: authInfo?.extra?.agent as string | undefined }, updates),
    { legacy: 'reject', maxSubscriptions: MAX_LISTENING },
  )
  const sessions = new Sessions(host)

  return {
    async fetch(request, { body: given, agent } = {}) {
      const body = given ?? (await bodyOf(request))
      if (body instanceof Response) return body
      if (await isLegacyRequest(request, body)) return sessions.fetch(request, { body, agent })
      const uris = listenedTo(body)
      if (uris) watchWhile(request.signal, uris)
      const authInfo = { token: '', clientId: agent ?? '', scopes: [], extra: { agent } }
      return modern.fetch(request, { authInfo, ...(body !== undefined && { parsedBody: body }) })
    },
    async close() {
      updates.close()
      await Promise.all([sessions.close(), modern.close()])
    },
  }

  function watchWhile(signal: AbortSignal, uris: readonly string[]): void {
    if (signal.aborted) return
    const watched: string[] = []
    const drop = () => {
      for (const uri of watched) updates.drop(uri)
    }
    signal.addEventListener('abort', drop, { once: true })
    updates.begin()
    for (const uri of uris) {
      updates.watch(uri)
      watched.push(uri)
    }
  }
}

/** MCP over HTTP: the newer protocol, each request for itself; the older one in sessions. Who may ask is not decided here. */
import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server'
import type { McpAsked, McpHost } from './host.ts'
import { listenedTo } from './listened.ts'
import { mcpServer } from './server.ts'
import { Sessions } from './sessions.ts'
import { Updates } from './updates.ts'

/** Streams of the newer protocol that listen at once. */
const MAX_LISTENING = 100

export interface McpHttp {
  /** The request's signal has to say when who asked is gone. */
  fetch(request: Request, asked: McpAsked): Promise<Response>
  close(): Promise<void>
}

export function mcpHttp(host: McpHost): McpHttp {
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
    async fetch(request, { body, agent }) {
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

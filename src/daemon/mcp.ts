/** `/mcp`: the daemon's own supervisor for MCP clients, by the same doors and tokens as every other request. */
import { realClock } from '../clock.ts'
import type { McpHttp } from '../mcp/index.ts'
import { readLog } from '../process/logs.ts'
import { VERSION } from '../version.ts'
import { cwdOf } from './agents.ts'
import { jsonBody } from './body.ts'
import type { Requester } from './requester.ts'
import type { Served } from './route.ts'

export const MCP_PATH = '/mcp'

export type McpDoor = (request: Request, requester: Requester, signal: AbortSignal) => Promise<Response>

/** What serves it is loaded when it is first asked for. */
export function mcpDoor({ reeve }: Pick<Served, 'reeve'>, fault: (cause: unknown) => void): McpDoor {
  let serving: Promise<McpHttp> | undefined
  const begin = async (): Promise<McpHttp> => {
    const { mcpHttp } = await import('../mcp/index.ts')
    const http = mcpHttp({
      reeve: () => reeve,
      cwdOf,
      logsOf: ({ logFile }, { signal }) =>
        readLog(logFile, { from: 'start', clock: realClock, ...(signal && { signal }) }),
      fault,
    })
    const close = () => void http.close().catch(fault)
    reeve.actor.subscribe({ complete: close, error: close })
    return http
  }
  return async (request, { agent }, signal) => {
    serving ??= begin()
    const http = await serving
    const body = request.method === 'POST' ? await jsonBody(request) : undefined
    const { url, method, headers } = request
    const response = await http.fetch(new Request(url, { method, headers, signal }), { body, agent })
    response.headers.set('reeve-version', VERSION)
    return response
  }
}

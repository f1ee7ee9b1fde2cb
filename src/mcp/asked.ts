/** One call of a tool: what was asked, by whom, and how who asked is kept informed. */
import {
  CLIENT_INFO_META_KEY,
  type Implementation,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { Reeve } from '../reeve.ts'
import { plain } from '../terminal/plain.ts'
import type { Host } from './host.ts'

export interface Asked<Arguments> {
  readonly args: Arguments
  readonly host: Host
  readonly reeve: Reeve
  /** Who asks: the agent, else the client's name and version. */
  readonly by: string
  /** Aborted when who asked does not wait any more. */
  readonly signal: AbortSignal
  /** Told to who asked, where they want to hear of progress. */
  tell(message: string): void
}

const MAX_NAME = 100

const named = (text: unknown): string =>
  typeof text === 'string' ? plain(text).slice(0, MAX_NAME).trim() : ''

/** `claude-code 2.1.0`: from the request itself in the newer protocol, from `initialize` in the older. */
export function requesterOf(server: McpServer, { mcpReq }: ServerContext, { agent }: Host): string {
  if (agent !== undefined) return agent
  const envelope = mcpReq.envelope as Readonly<Record<string, Partial<Implementation>>> | undefined
  const client = envelope?.[CLIENT_INFO_META_KEY] ?? server.server.getClientVersion()
  return [named(client?.name), named(client?.version)].filter((each) => each !== '').join(' ') || 'mcp'
}

/** Notifications of progress; nothing where nobody asked for them. */
export function progressTo({ mcpReq }: ServerContext): (message: string) => void {
  const progressToken = mcpReq._meta?.progressToken
  if (progressToken === undefined) return () => {}
  let progress = 0
  return (message) => {
    progress += 1
    const params = { progressToken, progress, message: plain(message) }
    // Who is gone hears nothing more; the call itself ends by its signal.
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
  }
}

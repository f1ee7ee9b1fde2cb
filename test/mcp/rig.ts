/** MCP clients as their users have them: the SDK's own, over stdio from another directory, or over HTTP. */

import { join } from 'node:path'
import {
  type CallToolResult,
  Client,
  type ClientOptions,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { Test } from 'tap'
import { DIST, temporaryFolder } from '../support.ts'

const REEVE = join(DIST, 'src', 'cli', 'main.js')

/** Both eras of the protocol: how a client asks for each. */
export const ERAS = { '2025': 'legacy', '2026': { pin: '2026-07-28' } } as const
export type Era = keyof typeof ERAS
export const BOTH = Object.keys(ERAS) as Era[]

export interface Answer {
  readonly text: string
  readonly failed: boolean
  readonly json: Record<string, unknown>
}

export interface Progressed {
  readonly progress: number
  readonly message?: string | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly onprogress?: (progress: Progressed) => void
}

export class McpClient extends Client {
  /** What the server said to stderr. */
  said = ''

  async call(name: string, args: object = {}, options: CallOptions = {}): Promise<Answer> {
    const asked = { name, arguments: args as Record<string, unknown> }
    const result = (await this.callTool(asked, options)) as CallToolResult
    const texts = result.content.map((each) => (each.type === 'text' ? each.text : ''))
    return {
      text: texts.join('\n'),
      failed: result.isError === true,
      json: result.structuredContent as Record<string, unknown>,
    }
  }
}

function clientOf(t: Test, era: Era, name: string, options: ClientOptions): McpClient {
  const client = new McpClient(
    { name, version: '1.2.3' },
    { ...options, versionNegotiation: { mode: ERAS[era] } },
  )
  t.teardown(() => client.close())
  return client
}

export interface StdioOptions {
  readonly era: Era
  readonly home: string
  readonly name?: string
  readonly env?: Record<string, string>
}

export interface StdioClient {
  readonly client: McpClient
  /** Where its server was started. */
  readonly cwd: string
}

/** Through `reeve mcp`, started in a directory that is nothing to the daemon. */
export async function overStdio(
  t: Test,
  { era, home, name = 'tester', env = {} }: StdioOptions,
): Promise<StdioClient> {
  const cwd = temporaryFolder(t)
  const client = clientOf(t, era, name, {})
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [REEVE, 'mcp'],
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, REEVE_HOME: home, ...env },
    stderr: 'pipe',
  })
  transport.stderr?.on('data', (chunk: Buffer) => {
    client.said += chunk.toString()
  })
  await client.connect(transport)
  return { client, cwd }
}

/** Over HTTP as a program of one's own serves it: no daemon, no socket. */
export async function embedded(
  t: Test,
  era: Era,
  fetch: (request: Request) => Promise<Response>,
): Promise<McpClient> {
  const client = clientOf(t, era, 'tester', {})
  const transport = new StreamableHTTPClientTransport(new URL('http://embedded.example/mcp'), {
    fetch: (url, init) => fetch(new Request(url, init)),
  })
  await client.connect(transport)
  return client
}

export interface HttpOptions {
  readonly era: Era
  readonly url: string
  readonly token?: string
  readonly name?: string
}

export async function overHttp(
  t: Test,
  { era, url, token, name = 'tester' }: HttpOptions,
): Promise<McpClient> {
  const client = clientOf(t, era, name, {})
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url), { requestInit: { headers } }))
  return client
}

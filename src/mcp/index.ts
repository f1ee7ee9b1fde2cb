/** `reeve/mcp`: a supervisor, or a daemon's client, as an MCP server. */
export type { McpAsked, McpHost } from './host.ts'
export { type McpHttp, mcpHttp } from './http.ts'
export { TOOLS } from './server.ts'
export { type StdioServer, type StdioStreams, serveMcpStdio } from './stdio.ts'

/** One MCP server: the tools and the resources, over whatever it is connected to, in either era of the protocol. */
import { McpServer } from '@modelcontextprotocol/server'
import { readWire } from '../read-wire.ts'
import { VERSION } from '../version.ts'
import { actingTools } from './acting.ts'
import { progressTo, requesterOf } from './asked.ts'
import type { Host } from './host.ts'
import { readingTools } from './reading.ts'
import { RESOURCE_CAPABILITIES, serveResources } from './resources.ts'
import { answer, failure } from './said.ts'
import { advertised } from './schema.ts'
import type { Tool } from './tool.ts'
import type { Updates } from './updates.ts'

export const TOOLS: readonly Tool[] = [...readingTools, ...actingTools]

const INSTRUCTIONS = `Reeve supervises agents: long-running processes, each with everything that it starts. An agent is named by its id or its name.
spawn_agent starts one and tells when it runs. wait_agent waits for its end, or for its next change. A silent agent becomes "stalling", which its next sign of life undoes.
To end one: cancel_agent lets it finish its step, stop_agent walks its stop ladder, kill_agent is at once. agent_history tells why it ended; agent_logs what it wrote.`

export function mcpServer(host: Host, updates: Updates): McpServer {
  const server = new McpServer(
    { name: 'reeve', title: 'Reeve', version: VERSION },
    { capabilities: { tools: { listChanged: false }, ...RESOURCE_CAPABILITIES }, instructions: INSTRUCTIONS },
  )
  for (const tool of TOOLS) register(server, tool, host, updates)
  serveResources(server, host, updates)
  return server
}

function register(server: McpServer, tool: Tool, host: Host, updates: Updates): void {
  const { name, title, description, hints } = tool
  server.registerTool(
    name,
    {
      title,
      description,
      annotations: { title, ...hints },
      inputSchema: advertised(tool.input, 'input'),
      outputSchema: advertised(tool.output, 'output'),
    },
    async (args, context) => {
      try {
        const { signal } = context.mcpReq
        const said = await tool.handle({
          args: readWire(tool.input, args ?? {}, name),
          host,
          reeve: await host.reeve(),
          by: requesterOf(server, context, host),
          signal,
          tell: progressTo(context),
        })
        if (name === 'remove_agent') updates.listChanged()
        return answer(said)
      } catch (thrown) {
        return failure(thrown, context.mcpReq.signal.aborted ? () => {} : host.fault)
      }
    },
  )
}

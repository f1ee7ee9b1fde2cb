/** The daemon for MCP clients, on stdin and stdout. */
import path from 'node:path'
import type { Command } from 'commander'
import type { ReeveClient } from '../../client/index.ts'
import { messageOf, ReeveError } from '../../errors.ts'
import type { Desk } from '../desk.ts'

export const mcp = (program: Command, desk: Desk): Command =>
  program
    .command('mcp')
    .summary('an MCP server on stdin and stdout')
    .description(
      'Serves the daemon to an MCP client, from any directory. At a call the daemon is started when none runs. Ends when stdin is closed; the agents run on.',
    )
    .addHelpText(
      'after',
      '\nIn the configuration of an MCP client:\n  {"mcpServers": {"reeve": {"command": "reeve", "args": ["mcp"]}}}',
    )
    .action(async () => {
      const { serveMcpStdio } = await import('../../mcp/index.ts')
      const { ended } = serveMcpStdio(
        {
          reeve: () => present(desk),
          cwdOf: (cwd = '.') => path.resolve(cwd),
          agent: askingAgent(process.env),
          fault: (cause) =>
            desk.remark(`reeve mcp: ${cause instanceof Error ? cause.stack : messageOf(cause)}`),
        },
        // The desk's own are wider than what MCP needs of them.
        process,
      )
      await ended
      desk.close()
      // What is still asked of the daemon goes on there; nobody is left to hear of it.
      process.exit(0)
    })

/** Within an agent: it asks, whatever its client is called. */
const askingAgent = ({ REEVE_TOKEN, REEVE_AGENT_NAME }: NodeJS.ProcessEnv): string | undefined =>
  REEVE_TOKEN === undefined ? undefined : REEVE_AGENT_NAME

/** The daemon may have gone since the last call; it is looked for anew, and started where there is none. */
async function present(desk: Desk): Promise<ReeveClient> {
  const client = await desk.reeveStarted()
  try {
    await client.status()
  } catch (error) {
    const absent = error instanceof ReeveError && error.code === 'daemon_not_running'
    if (!absent || desk.options.url !== undefined) throw error
    const { startDaemon } = await import('../../daemon/start.ts')
    await startDaemon(desk.daemonOptions())
  }
  return client
}

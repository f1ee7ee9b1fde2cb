import type { Command } from 'commander'
import type { Desk } from '../desk.ts'
import { portNumber } from '../port-number.ts'

export const inspect = (program: Command, desk: Desk): Command =>
  program
    .command('inspect')
    .summary('the machines at work, in a browser')
    .description(
      "Prints an address on this machine, with a token, and serves there until Ctrl-C: with --local Reeve's own page (the agents, and of the chosen one its machine with its present state lit, live, and its entries); else Stately's inspector (every actor of the daemon with its machine, events with their sources, snapshots).",
    )
    .option('--local', "Reeve's own page, which loads nothing from anywhere else")
    .option('--port <port>', 'on 127.0.0.1; default: any that is free', portNumber)
    .addHelpText(
      'after',
      `
Both look, and touch nothing. Stately's own interface is loaded from https://stately.ai, and shown in your browser what the actors do: names and reasons
are in it, environments and output are not. With --json the answer has the address of a WebSocket for other viewers.

Exit status: 0 when it is ended by Ctrl-C or SIGTERM, 5 when no daemon runs.

Examples:
  reeve inspect --local
  reeve inspect
  reeve inspect --port 7411`,
    )
    .action(async ({ port, local = false }: { port?: number; local?: boolean }) => {
      const { openInspector } = await import('../../observe/inspector/index.ts')
      const reeve = await desk.reeve()
      const asked = stopAsked()
      const inspector = await openInspector(reeve, { local, ...(port !== undefined && { port }) })
      inspector.ref()
      desk.one({ url: inspector.url, socketUrl: inspector.socketUrl }, inspector.url)
      if (desk.watched) desk.remark('Open it in a browser. Ctrl-C ends it.')
      await asked
      await inspector.close()
    })

/** Resolves at the first Ctrl-C, or what else asks a program to end. */
function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}

import type { Command } from 'commander'
import type { Desk } from '../desk.ts'
import { portNumber } from '../port-number.ts'

export const inspect = (program: Command, desk: Desk): Command =>
  program
    .command('inspect')
    .summary("the machines at work, in Stately's inspector")
    .description(
      "Prints an address on this machine, with a token, and serves Stately's inspector there until Ctrl-C: every actor of the daemon with its machine, events with their sources, snapshots.",
    )
    .option('--port <port>', 'on 127.0.0.1; default: any that is free', portNumber)
    .addHelpText(
      'after',
      `
Stately's own interface is loaded from https://stately.ai, and shown in your browser what the actors do: names and reasons
are in it, environments and output are not. With --json the answer has the address of a WebSocket for other viewers.

Exit status: 0 when it is ended by Ctrl-C or SIGTERM, 5 when no daemon runs.

Examples:
  reeve inspect
  reeve inspect --port 7411`,
    )
    .action(async ({ port }: { port?: number }) => {
      const { openInspector } = await import('../../observe/inspector/index.ts')
      const reeve = await desk.reeve()
      const asked = stopAsked()
      const inspector = await openInspector(reeve, port === undefined ? {} : { port })
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

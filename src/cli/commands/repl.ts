import path from 'node:path'
import type { Command } from 'commander'
import { VERSION } from '../../version.ts'
import type { Desk } from '../desk.ts'

export const repl = (program: Command, desk: Desk): Command =>
  program
    .command('repl')
    .summary('a prompt: JavaScript, agents by name, dot-commands')
    .description(
      'Opens a prompt on the daemon, which is started when none runs. Through a pipe it runs line after line, up to the first that fails.',
    )
    .addHelpText('after', '\nExamples:\n  reeve repl\n  echo \'await stop("coder")\' | reeve repl')
    .action(async () => {
      const reeve = await desk.reeveStarted()
      const { home, pid } = await reeve.status()
      const { startRepl } = await import('../../repl/repl.ts')
      const { ended } = await startRepl(reeve, {
        input: desk.streams.stdin,
        output: desk.streams.stdout,
        history: path.join(home, 'repl-history'),
        greeting: `Reeve ${VERSION} · daemon ${pid} · .help lists the commands`,
      })
      if ((await ended).failed) desk.status = 1
    })

import type { Command } from 'commander'
import type { Desk } from '../desk.ts'

export const send = (program: Command, desk: Desk): Command =>
  program
    .command('send <agent> <text...>')
    .summary('write to its stdin')
    .description('Writes a line to the stdin of an agent that was spawned with --stdin open.')
    .option('-n, --no-newline', 'without the line break at the end')
    .addHelpText('after', '\nExample:\n  reeve send coder yes, go on')
    .action(async (name: string, words: string[], { newline }: { newline: boolean }) => {
      const input = `${words.join(' ')}${newline ? '\n' : ''}`
      await (await desk.reeve()).send(name, input)
      desk.answer({ success: true, agentName: name }, '')
    })

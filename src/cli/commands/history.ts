import type { Command } from 'commander'
import { entryLine } from '../../terminal/entry-line.ts'
import type { Desk } from '../desk.ts'

export const history = (program: Command, desk: Desk): Command =>
  program
    .command('history <agent>')
    .summary('what happened to an agent, and who asked')
    .description('Prints every entry of one agent, oldest first; also of one that has ended.')
    .action(async (name: string) => {
      const entries = await (await desk.reeve()).history(name)
      desk.answer(entries, entries.map((entry) => `${entry.at}  ${entryLine(entry, desk.screen)}`).join('\n'))
    })

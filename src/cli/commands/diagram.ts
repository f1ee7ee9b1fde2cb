import { type Command, Option } from 'commander'
import { keepDiagram } from '../../diagram/keep.ts'
import {
  type DiagramFormat,
  FORMATS,
  formatOf,
  MACHINES,
  needsReeve,
  SYSTEM,
} from '../../diagram/what-there-is.ts'
import type { Desk } from '../desk.ts'

interface Given {
  readonly format?: DiagramFormat
  readonly output?: string
}

export const diagram = (program: Command, desk: Desk): Command =>
  program
    .command('diagram')
    .summary('a machine, an agent as it stands, or all that runs, as a picture')
    .description(
      'Draws a machine (agent, agent-detail, supervisor); what runs now, the tree of root, groups and agents (system); or, by id or name, the machine of one agent with its present state lit and the arrow by which it came there.',
    )
    .argument('[what]', `${[...MACHINES, SYSTEM].join(', ')}, or an agent`, 'agent')
    .addOption(
      new Option('--format <format>', 'default: by the ending of the file, else mermaid').choices(FORMATS),
    )
    .option('-o, --output <file>', 'where to write it, in place of stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  reeve diagram system -o system.svg\n  reeve diagram coder --format svg > coder.svg\n  reeve diagram agent',
    )
    .action(async (what: string, given: Given) => {
      const { output } = given
      const format = given.format ?? (output === undefined ? undefined : formatOf(output)) ?? 'mermaid'
      const { diagram: draw } = await import('../../diagram/index.ts')
      const text = await draw(what, { format, ...(needsReeve(what) && { reeve: await desk.reeve() }) })
      const said = { name: what, format }
      if (output === undefined) return desk.answer({ ...said, text }, text.trimEnd())
      await keepDiagram(output, text)
      desk.answer({ ...said, file: output }, '')
    })

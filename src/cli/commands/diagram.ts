import { Argument, type Command, Option } from 'commander'
import { diagrams } from '../../observe/diagram.ts'
import type { Desk } from '../desk.ts'

export const diagram = (program: Command, desk: Desk): Command =>
  program
    .command('diagram')
    .summary('the machines as a picture')
    .description(
      'Prints a machine as a picture in text: of an agent, of an agent in detail, or of a supervisor.',
    )
    .addArgument(
      new Argument('[machine]', 'which').choices(diagrams().map(({ name }) => name)).default('agent'),
    )
    .addOption(
      new Option('--format <format>', 'of the picture').choices(['mermaid', 'dot']).default('mermaid'),
    )
    .addHelpText('after', '\nExample:\n  reeve diagram agent --format dot | dot -Tsvg > agent.svg')
    .action((name: string, { format }: { format: 'mermaid' | 'dot' }) => {
      const found = diagrams().find((each) => each.name === name)
      if (found) desk.answer({ name, format, text: found[format] }, found[format].trimEnd())
    })

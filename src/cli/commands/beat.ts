import { Argument, type Command } from 'commander'
import { ReeveError } from '../../errors.ts'
import type { Desk } from '../desk.ts'

const SELF = 'REEVE_AGENT_ID'

export const beat = (program: Command, desk: Desk): Command =>
  program
    .command('beat')
    .summary('a sign of life, or another report')
    .description(
      'Reports on behalf of an agent: a word (beat, ready, working, idle …) or a JSON object, as in $REEVE_REPORT. Within an agent it means that agent.',
    )
    .addArgument(new Argument('[agent]', 'by name or id').default(process.env[SELF], `$${SELF}`))
    .addArgument(new Argument('[report]', 'a word, or a JSON object').default(undefined, 'beat'))
    .addHelpText(
      'after',
      '\nExamples:\n  reeve beat coder\n  reeve beat coder \'{"type":"waiting","on":"permission"}\'\n  reeve beat coder --extend 5m',
    )
    .option('--extend <duration>', 'ask for time, like 5m: to become ready, or until it stalls')
    .action(async (name: string | undefined, word: string | undefined, { extend }: { extend?: string }) => {
      if (word !== undefined && extend !== undefined)
        throw new ReeveError('invalid_spec', 'report: one of them: a report, or --extend.', {
          field: 'report',
        })
      const report = extend === undefined ? (word ?? 'beat') : JSON.stringify({ type: 'extend', by: extend })
      if (name === undefined)
        throw new ReeveError(
          'invalid_spec',
          `agent: which one? Name it, or call this within an agent, where $${SELF} says it.`,
          { field: 'agent' },
        )
      const counted = await (await desk.reeve()).heartbeat(name, report)
      desk.answer({ success: true, counted }, counted ? '' : 'it has ended: nothing was counted')
    })

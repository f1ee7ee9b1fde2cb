import { type Command, InvalidArgumentError } from 'commander'
import { plainLine } from '../../terminal/plain.ts'
import type { Desk } from '../desk.ts'
import { agentOf } from './show.ts'

interface Given {
  follow?: boolean
  tail?: number
  since?: string
  raw?: boolean
}

const lines = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.')
  return Number(text)
}

/** A line for a person is plain; one through a pipe, or with `--raw`, is what the agent wrote. */
export const shownLine = (desk: Desk, raw: boolean | undefined, line: string): string =>
  raw || desk.screen.width === undefined ? line : plainLine(line)

export const logs = (program: Command, desk: Desk): Command =>
  program
    .command('logs <agent>')
    .summary('what an agent wrote')
    .description('Prints the log of an agent, all its lives and what rotation kept of it.')
    .option('-f, --follow', 'go on until it has ended, or Ctrl-C')
    .option('-n, --tail <lines>', 'only the last lines', lines)
    .option('--since <offset>', 'from this offset in bytes on; "end": only what comes')
    .option('--raw', 'control sequences too, on a terminal')
    .addHelpText('after', '\nExamples:\n  reeve logs coder\n  reeve logs -f -n 20 coder')
    .action(async (name: string, given: Given) => {
      const agent = await agentOf(desk, name)
      const print = (line: string): void => desk.one({ line }, shownLine(desk, given.raw, line))
      const since =
        given.since === undefined || given.since === 'start' || given.since === 'end'
          ? given.since
          : Number(given.since)
      if (given.tail === undefined) {
        for await (const line of agent.logs({
          ...(since !== undefined && { since }),
          follow: given.follow ?? false,
        }))
          print(line)
        return
      }
      await tail(agent.logs({ since: since ?? 'start' }), given.tail, print)
      if (given.follow) for await (const line of agent.logs({ since: 'end', follow: true })) print(line)
    })

/** Holds no more than is asked for. */
async function tail(
  all: AsyncIterable<string>,
  wanted: number,
  print: (line: string) => void,
): Promise<void> {
  const last: string[] = []
  for await (const line of all) {
    last.push(line)
    if (last.length > wanted) last.shift()
  }
  last.forEach(print)
}

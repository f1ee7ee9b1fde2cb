import os from 'node:os'
import type { Command } from 'commander'
import type { RemoteAgent } from '../../client/index.ts'
import { ERRORS, type ErrorCode, ReeveError } from '../../errors.ts'
import type { AgentRecord } from '../../registry/record.ts'
import { entryLine } from '../../terminal/entry-line.ts'
import type { Desk } from '../desk.ts'
import { shownLine } from './logs.ts'
import { askedSpec, specified } from './spawn.ts'

const EXAMPLES = `
Ctrl-C lets it finish its present step (reeve cancel); a second one ends its tree at once. SIGTERM and a terminal that hangs up
walk its stop ladder.

Examples:
  reeve run -- npm test
  reeve run --ttl 10m --restart transient -- ./agent.sh`

export const run = (program: Command, desk: Desk): Command =>
  specified(
    program
      .command('run <command...>')
      .summary('one command in the foreground, supervised')
      .description(
        'Runs one command under the daemon, prints what it writes, and leaves with its exit code. Its whole tree is gone by then.',
      )
      .usage('[options] -- COMMAND [ARGUMENTS...]')
      .option('--name <name>', 'its name; default: the program, and a part of its id')
      .option('--raw', 'control sequences too, on a terminal'),
  )
    .addHelpText('after', EXAMPLES)
    .action(async (argv: string[], given: Record<string, unknown>) => {
      const spec = await askedSpec(given, given.name as string | undefined, argv)
      const reeve = await desk.reeveStarted()
      const agent = await reeve.spawn(spec)
      const quiet = desk.watched
        ? agent.on('transition', (entry) => {
            if (entry.to === 'stalling' || entry.to === 'restarting')
              desk.remark(entryLine(entry, desk.errorScreen))
          })
        : undefined
      const unforward = forwarded(agent, desk)
      for await (const line of agent.logs({ follow: true }))
        desk.one({ line }, shownLine(desk, given.raw as boolean | undefined, line))
      const record = await agent.ended
      unforward()
      quiet?.()
      if (record.error && record.exit === null) await desk.failed(failure(record))
      desk.status = statusOf(record)
    })

/** The agent hears of what this process is told. Returns what takes the handlers out again. */
function forwarded(agent: RemoteAgent, desk: Desk): () => void {
  let asked = false
  const ask = (signal: NodeJS.Signals): void => {
    const by = `run, ${signal}`
    const ending = asked
      ? agent.kill({ by })
      : signal === 'SIGINT'
        ? agent.cancel({ by })
        : agent.stop({ by })
    asked = true
    // That it ended meanwhile is what was wanted; what could not be ended stands in its record.
    ending.catch((error: Error) => desk.watched && desk.remark(`reeve: ${error.message}`))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, ask)
  return () => {
    for (const signal of signals) process.off(signal, ask)
  }
}

const failure = ({ error, name, id }: AgentRecord): Error =>
  new ReeveError(
    error && error.code in ERRORS ? (error.code as ErrorCode) : 'internal',
    `${error?.message ?? `${name} did not start`}`,
    { agentId: id },
  )

/** As a shell has it: 127 for a command that there is not, 126 for one that cannot be run, 128 + N after signal N. */
function statusOf({ exit, error }: AgentRecord): number {
  if (exit?.signal) return 128 + os.constants.signals[exit.signal]
  if (exit?.code !== null && exit?.code !== undefined) return exit.code
  if (error?.errno === 'ENOENT') return 127
  return error?.errno === 'EACCES' || error?.errno === 'ENOTDIR' ? 126 : 1
}

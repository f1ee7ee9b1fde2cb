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
walk its stop ladder, and so does a pipe that nobody reads any more.

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
      // From here on nothing ends this process and leaves its agent running.
      const forwarding = new Forwarding(desk)
      let unread: number | undefined
      desk.whenUnread = (status) => {
        unread = status
        forwarding.ask('SIGPIPE')
      }
      const agent = await reeve.spawn(spec)
      forwarding.to(agent)
      const quiet = desk.watched
        ? agent.on('transition', (entry) => {
            if (entry.to === 'stalling' || entry.to === 'restarting')
              desk.remark(entryLine(entry, desk.errorScreen))
          })
        : undefined
      for await (const line of agent.logs({ follow: true })) {
        if (unread !== undefined) break
        desk.one({ line }, shownLine(desk, given.raw as boolean | undefined, line))
      }
      const record = await agent.ended
      forwarding.end()
      quiet?.()
      if (record.error && record.exit === null) await desk.failed(failure(record))
      desk.status = unread ?? statusOf(record)
    })

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The agent hears of what this process is told; of what was told before there was one, as soon as there is. */
class Forwarding {
  readonly #desk: Desk
  readonly #early: NodeJS.Signals[] = []
  #agent: RemoteAgent | undefined
  #asked = false

  constructor(desk: Desk) {
    this.#desk = desk
    for (const signal of SIGNALS) process.on(signal, this.ask)
  }

  to(agent: RemoteAgent): void {
    this.#agent = agent
    for (const signal of this.#early) this.ask(signal)
  }

  readonly ask = (signal: NodeJS.Signals): void => {
    const agent = this.#agent
    if (!agent) {
      this.#early.push(signal)
      return
    }
    const by = `run, ${signal}`
    const ending = this.#asked
      ? agent.kill({ by })
      : signal === 'SIGINT'
        ? agent.cancel({ by })
        : agent.stop({ by })
    this.#asked = true
    // That it ended meanwhile is what was wanted; what could not be ended stands in its record.
    ending.catch((error: Error) => this.#desk.watched && this.#desk.remark(`reeve: ${error.message}`))
  }

  end(): void {
    for (const signal of SIGNALS) process.off(signal, this.ask)
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

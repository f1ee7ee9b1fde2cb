/** Ending agents, one or many, and what follows an end. */
import type { Command } from 'commander'
import { ReeveError } from '../../errors.ts'
import type { KillResult } from '../../kill.ts'
import type { Selection } from '../../reeve.ts'
import { plain } from '../../terminal/plain.ts'
import type { Desk } from '../desk.ts'
import { filtered, filterFrom } from './ls.ts'
import { agentOf } from './show.ts'
import { showing } from './showing.ts'

interface Given {
  task?: string
  lane?: string
  all?: boolean
  reason?: string
  by?: string
  grace?: string
  within?: string
  cleanup: boolean
}

const many = (command: Command): Command =>
  command
    .option('--task <task>', 'those of this task')
    .option('--lane <lane>', 'those in this lane')
    .option('--all', 'every one')
    .option('--reason <text>', 'why; it stands in the record')
    .option('--by <who>', 'who asks; it stands in the record')
    .option('--no-cleanup', 'leave its clean-up out, for a look afterwards')

/** One by name, or those of a task, of a lane, or all: one of them, and said. */
function whom(name: string | undefined, { task, lane, all }: Given): string | Selection {
  const said = [name, task, lane, all].filter((each) => each !== undefined)
  if (said.length !== 1)
    throw new ReeveError(
      'invalid_spec',
      'agent: name one, or write --task TASK, --lane LANE or --all; one of them',
      { field: 'agent' },
    )
  if (name !== undefined) return name
  if (task !== undefined) return { task }
  return lane !== undefined ? { lane } : { all: true }
}

const optionsOf = ({ reason, by, grace, within, cleanup }: Given) => ({
  ...(reason !== undefined && { reason }),
  ...(by !== undefined && { by }),
  ...(grace !== undefined && { grace }),
  ...(within !== undefined && { within }),
  ...(cleanup === false && { cleanup }),
})

/** Which overload it is, the target says. */
type End = (whom: string | Selection, options: object) => Promise<KillResult | KillResult[]>

function told(desk: Desk, name: string | undefined, result: KillResult | KillResult[]): void {
  if (!Array.isArray(result)) desk.answer(result, `${plain(name ?? result.agentId)}: ${result.message}`)
  else desk.answer(result, result.map(({ agentId, message }) => `${agentId}: ${message}`).join('\n'))
  if ([result].flat().some(({ escaped }) => escaped.length > 0)) desk.status = 7
}

function ending(
  program: Command,
  desk: Desk,
  how: 'stop' | 'cancel' | 'kill',
  words: { summary: string; description: string },
): Command {
  return many(program.command(`${how} [agent]`).summary(words.summary).description(words.description)).action(
    async (name: string | undefined, given: Given) => {
      const target = whom(name, given)
      const reeve = await desk.reeve()
      const end = reeve[how].bind(reeve) as End
      const result = await showing(desk, () => end(target, optionsOf(given)))
      told(desk, name, result)
    },
  )
}

export const stop = (program: Command, desk: Desk): Command =>
  ending(program, desk, 'stop', {
    summary: 'end an agent by its stop ladder',
    description:
      'Walks the stop ladder over the whole tree, and returns when all of it is gone. It does not come back.',
  })
    .option('--grace <duration>', 'the total before SIGKILL')
    .addHelpText(
      'after',
      '\nExamples:\n  reeve stop coder --grace 5s --reason "no longer needed"\n  reeve stop --task TASK-31',
    )

export const cancel = (program: Command, desk: Desk): Command =>
  ending(program, desk, 'cancel', {
    summary: 'let an agent finish its present step and begin no other',
    description:
      'Asks the agent to end after its present step; then a deadline, then the stop ladder. It does not come back, and its task is cancelled.',
  }).option('--within <duration>', 'how long it has for it (default: 30s)')

export const kill = (program: Command, desk: Desk): Command =>
  ending(program, desk, 'kill', {
    summary: 'SIGKILL to its whole tree',
    description: 'Ends the whole tree at once, without the stop ladder, and returns when all of it is gone.',
  })

export const restart = (program: Command, desk: Desk): Command =>
  program
    .command('restart <agent>')
    .summary('end this life, begin the next')
    .description(
      'Walks the stop ladder, starts the agent again under its id and name, and waits until it runs. Starts one that has ended, too.',
    )
    .option('--grace <duration>', 'the total before SIGKILL')
    .option('--reason <text>', 'why; it stands in the record')
    .option('--by <who>', 'who asks; it stands in the record')
    .action(async (name: string, given: Given) => {
      const reeve = await desk.reeve()
      const record = await showing(desk, () => reeve.restart(name, optionsOf(given)))
      desk.answer(
        record,
        `${plain(record.name)} ${record.state} · pid ${record.pid} · life ${record.incarnation}`,
      )
    })

export const rm = (program: Command, desk: Desk): Command =>
  program
    .command('rm <agent>')
    .summary('take an ended agent out of the registry')
    .description(
      'Takes an agent that has ended out of the registry; with --history its entries and its log too.',
    )
    .option('--history', 'its entries and its log too')
    .action(async (name: string, { history = false }: { history?: boolean }) => {
      const { id } = await agentOf(desk, name)
      await (await desk.reeve()).remove(id, { history })
      desk.answer({ success: true, agentId: id }, '')
    })

export const killStalled = (program: Command, desk: Desk): Command =>
  filtered(
    program
      .command('kill-stalled')
      .summary('end every agent that is silent')
      .description(
        'Ends the agents that have been silent for too long, never those that are idle or waiting. Their restart policies apply.',
      )
      .option('--heartbeat-timeout <duration>', 'silent for longer than this; default: those in stalling')
      .option('--grace <duration>', 'the total before SIGKILL')
      .option('--force', 'SIGKILL at once')
      .option('--no-cleanup', 'leave their clean-up out, for a look afterwards'),
  )
    .addHelpText('after', '\nExample:\n  reeve kill-stalled --heartbeat-timeout 120s')
    .action(async (given: Given & { heartbeatTimeout?: string; force?: boolean }) => {
      const { heartbeatTimeout, grace, force, cleanup } = given
      const filter = filterFrom(given as Parameters<typeof filterFrom>[0])
      const reeve = await desk.reeve()
      const result = await showing(desk, () =>
        reeve.killStalled({
          ...(heartbeatTimeout !== undefined && { heartbeatTimeout }),
          ...(grace !== undefined && { grace }),
          ...(force && { force }),
          ...(cleanup === false && { cleanup }),
          ...(Object.keys(filter).length > 0 && { filter }),
        }),
      )
      const lines = result.killedAgents.map(
        ({ agentId, secondsSinceHeartbeat, killedGracefully }) =>
          `${agentId}: silent for ${Math.round(secondsSinceHeartbeat)}s, ${killedGracefully ? 'ended by itself' : 'killed'}`,
      )
      desk.answer(result, lines.length === 0 ? 'No agent is silent.' : lines.join('\n'))
      if (!result.success) desk.status = 7
    })

import { type Command, Option } from 'commander'
import type { ReeveClient } from '../../client/index.ts'
import { realClock } from '../../clock.ts'
import type { AgentRecord, RecordFilter } from '../../registry/record.ts'
import { listing, type Measured } from '../../terminal/listing.ts'
import type { Desk } from '../desk.ts'

interface Given {
  all?: boolean
  state?: string[]
  task?: string
  lane?: string
  group?: string
  spawner?: string
  label?: string[]
}

export const filtered = (command: Command): Command =>
  command
    .addOption(new Option('--state <states...>', 'only those in one of these states'))
    .option('--task <task>', 'only those of this task')
    .option('--lane <lane>', 'only those in this lane')
    .option('--group <group>', 'only those of this group')
    .option('--spawner <spawner>', 'only those that this one asked for')
    .option('--label <KEY=VALUE...>', 'only those with this label')

export function filterFrom({ state, task, lane, group, spawner, label }: Given): RecordFilter {
  return {
    ...(state && { state: state as NonNullable<RecordFilter['state']> }),
    ...(task !== undefined && { task }),
    ...(lane !== undefined && { lane }),
    ...(group !== undefined && { group }),
    ...(spawner !== undefined && { spawner }),
    ...(label && {
      labels: Object.fromEntries(
        label.map((each) => [each.split('=')[0] ?? '', each.slice(each.indexOf('=') + 1)]),
      ),
    }),
  }
}

export const ls = (program: Command, desk: Desk): Command =>
  filtered(
    program
      .command('ls')
      .alias('list')
      .summary('the agents, their states, and why')
      .description('Lists the agents that have not ended; with --all every one that is known, newest first.')
      .option('-a, --all', 'the ended ones too'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  reeve ls\n  reeve ls --all --task TASK-31\n  reeve ls --json | jq ".[].name"',
    )
    .action(async (given: Given) => {
      const reeve = await desk.reeve()
      const filter = filterFrom(given)
      const records = given.all ? await reeve.records(filter) : await reeve.list(filter)
      desk.answer(records, await table(desk, reeve, records, filter, given.all === true))
    })

async function table(
  desk: Desk,
  reeve: ReeveClient,
  records: readonly AgentRecord[],
  filter: RecordFilter,
  all: boolean,
): Promise<string> {
  if (desk.options.json) return ''
  if (records.length === 0)
    return Object.keys(filter).length > 0
      ? 'No agents match.'
      : all
        ? 'No agents are known. Start one: reeve spawn NAME -- COMMAND'
        : 'No agents. Start one: reeve spawn NAME -- COMMAND'
  const measured = new Map<string, Measured>()
  for (const { agentId, cpuPercent, memoryMb } of await reeve.health(filter))
    measured.set(agentId, { cpuPercent, memoryMb })
  return listing(records, { screen: desk.screen, now: realClock.wallNow(), measured })
}

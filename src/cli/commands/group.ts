/** Groups: opened, seen, stopped. Agents become members by `reeve spawn --group`. */
import Table from 'cli-table3'
import type { Command } from 'commander'
import type { GroupOptions, StopGroupOptions } from '../../group-options.ts'
import type { GroupRecord } from '../../group-record.ts'
import { span } from '../../observe/sentence.ts'
import type { GroupHandle } from '../../reeve.ts'
import { BORDERLESS, drawn } from '../../terminal/borderless.ts'
import { plain } from '../../terminal/plain.ts'
import { paint, type Screen } from '../../terminal/screen.ts'
import type { Desk } from '../desk.ts'
import { noSuchGroup } from '../guess.ts'
import { readIntensity } from '../spec-options.ts'
import { showing } from './showing.ts'

/** @throws ReeveError `group_not_found` */
async function groupOf(desk: Desk, path: string): Promise<GroupHandle> {
  const handle = await (await desk.reeve()).findGroup(path)
  if (handle) return handle
  throw noSuchGroup(path)
}

interface OpenGiven {
  strategy?: GroupOptions['strategy']
  intensity?: string
  autoShutdown?: GroupOptions['autoShutdown']
  restart?: GroupOptions['restart']
  significant?: boolean
}

const optionsOf = ({ strategy, intensity, autoShutdown, restart, significant }: OpenGiven): GroupOptions => ({
  ...(strategy !== undefined && { strategy }),
  ...(autoShutdown !== undefined && { autoShutdown }),
  ...(restart !== undefined && { restart }),
  ...(significant !== undefined && { significant }),
  ...(intensity !== undefined && { intensity: readIntensity(intensity, '--intensity') }),
})

function open(command: Command, desk: Desk): void {
  command
    .command('open <path>')
    .summary('open a group, or one that is over anew')
    .description(
      'Opens a group: its members fail and come back together, and share one intensity. crew/inner opens one within crew. One that is open is left as it is.',
    )
    .option(
      '--strategy <strategy>',
      'who restarts with one that failed: one_for_one (nobody, the default), one_for_all, or rest_for_one (those spawned after it)',
    )
    .option(
      '--intensity <n/within|off>',
      'more restarts of all its members within that time, and it gives up (default: 5/1m)',
    )
    .option(
      '--auto-shutdown <when>',
      'end it when a significant member has ended by itself: any_significant or all_significant',
    )
    .option('--restart <policy>', 'what becomes of the group itself when it is over')
    .option('--significant', 'the group around it may end with it')
    .addHelpText(
      'after',
      '\nExamples:\n  reeve group open crew --strategy rest_for_one --intensity 3/1m\n  reeve spawn planner --group crew -- node planner.js',
    )
    .action(async (path: string, given: OpenGiven) => {
      const reeve = await desk.reeveStarted()
      const before = await reeve.findGroup(path)
      const isOpen = before !== undefined && before.record.cause === null
      const { record } = await reeve.group(path, optionsOf(given))
      desk.answer(
        record,
        `group ${plain(record.path)} ${isOpen ? 'is open already' : 'opened'} · ${howOf(record)}`,
      )
    })
}

function ls(command: Command, desk: Desk): void {
  command
    .command('ls')
    .alias('list')
    .summary('the groups, and how they stand')
    .description('Lists the groups that are not over; with --all those that are, too.')
    .option('-a, --all', 'those that are over, too')
    .action(async ({ all }: { all?: boolean }) => {
      const known = await (await desk.reeve()).groups()
      const groups = known.filter(({ path, cause }) => path !== '' && (all || cause === null))
      desk.answer(
        groups,
        groups.length === 0 ? 'No groups. Open one: reeve group open NAME' : table(groups, desk.screen),
      )
    })
}

function show(command: Command, desk: Desk): void {
  command
    .command('show <path>')
    .summary('all that is known of one group')
    .description('Shows one group; also one that is over.')
    .action(async (path: string) => {
      const { record } = await groupOf(desk, path)
      desk.answer(record, table([record], desk.screen))
    })
}

function stop(command: Command, desk: Desk): void {
  command
    .command('stop <path>')
    .summary('end its members in reverse order, then the group')
    .description('Ends the members from the last to the first, then the group. Nobody starts it again.')
    .option('--timeout <duration>', 'for all of them together; then SIGKILL (default: 30s)')
    .option('--reason <text>', 'why; it stands in the records')
    .option('--by <who>', 'who asks; it stands in the records')
    .action(async (path: string, { timeout, reason, by }: Partial<StopGroupOptions>) => {
      const group = await groupOf(desk, path)
      const result = await showing(desk, () =>
        group.stop({
          ...(timeout !== undefined && { timeout }),
          ...(reason !== undefined && { reason }),
          ...(by !== undefined && { by }),
        }),
      )
      const { ended, escaped, timedOut } = result
      desk.answer(
        result,
        `group ${plain(path)} stopped: ${ended} agent${ended === 1 ? '' : 's'} ended${escaped.length > 0 ? ` · still there: pid ${escaped.join(', ')}` : ''}${timedOut ? ' · the time ran out' : ''}`,
      )
      if (escaped.length > 0) desk.status = 7
    })
}

export function group(program: Command, desk: Desk): Command {
  const command = program
    .command('group')
    .summary('agents that fail and come back together: open, ls, show, stop')
    .description(
      'A group is a supervisor of its own, with a strategy and an intensity. reeve spawn NAME --group PATH makes an agent a member, reeve ls --group PATH lists them.',
    )
    .helpCommand('help [command]', 'tell more of one of these')
  for (const add of [open, ls, show, stop]) add(command, desk)
  return command
}

const intensityText = ({ intensity }: GroupRecord): string =>
  intensity === false ? 'off' : `${intensity.restarts}/${span(intensity.withinMs)}`

const howOf = (record: GroupRecord): string => `${record.strategy} · intensity ${intensityText(record)}`

const HEAD = ['GROUP', 'STATE', 'AGENTS', 'STRATEGY', 'INTENSITY', 'WHY']

function table(groups: readonly GroupRecord[], screen: Screen): string {
  const rows = groups.map((each) => [
    plain(each.path),
    each.state,
    String(each.agents),
    each.strategy,
    intensityText(each),
    plain(each.cause ?? ''),
  ])
  if (screen.width === undefined) return [HEAD, ...rows].map((row) => row.join('\t')).join('\n')
  const made = new Table({ ...BORDERLESS, head: HEAD.map((head) => paint(screen, 'dim', head)) })
  made.push(...rows)
  return drawn(made)
}

import Table from 'cli-table3'
import type { Command } from 'commander'
import type { AgentHealth } from '../../agent-health.ts'
import { span } from '../../observe/sentence.ts'
import { BORDERLESS, drawn } from '../../terminal/borderless.ts'
import { plain } from '../../terminal/plain.ts'
import { paint, type Screen } from '../../terminal/screen.ts'
import type { Desk } from '../desk.ts'
import { filtered, filterFrom } from './ls.ts'

export const health = (program: Command, desk: Desk): Command =>
  filtered(
    program
      .command('health [agent]')
      .summary('what agents use, and whether they are well')
      .description(
        'Measures CPU, memory and processes of whole trees: of one agent, or of all that have not ended.',
      ),
  ).action(async (name: string | undefined, given: Record<string, unknown>) => {
    const reeve = await desk.reeve()
    if (name === undefined) {
      const all = await reeve.health(filterFrom(given))
      desk.answer(all, all.length === 0 ? 'No agents.' : table(all, desk.screen))
      return
    }
    const one = await reeve.health(name)
    desk.answer(one, table([one], desk.screen))
  })

const HEAD = ['NAME', 'HEALTH', 'PID', 'CPU', 'MEMORY', 'PROCESSES', 'BEAT']
const figure = (value: number | null, unit = ''): string =>
  value === null ? '–' : `${Math.round(value)}${unit}`
const COLOURS = { healthy: 'green', stalled: 'yellow', failed: 'red', dead: 'magenta' } as const

function table(all: readonly AgentHealth[], screen: Screen): string {
  const rows = all.map((each) => [
    plain(each.name),
    each.health in COLOURS
      ? paint(screen, COLOURS[each.health as keyof typeof COLOURS], each.health)
      : each.health,
    figure(each.pid),
    figure(each.cpuPercent, ' %'),
    figure(each.memoryMb, ' MB'),
    figure(each.processes),
    each.secondsSinceHeartbeat === null ? '–' : span(each.secondsSinceHeartbeat * 1_000),
  ])
  if (screen.width === undefined) return [HEAD, ...rows].map((row) => row.join('\t')).join('\n')
  const made = new Table({ ...BORDERLESS, head: HEAD.map((head) => paint(screen, 'dim', head)) })
  made.push(...rows)
  return drawn(made)
}

/** All that is known of one agent, for a person: a line for each thing that there is something to say of. */
import type { AgentRecord } from '../registry/record.ts'
import { plain } from './plain.ts'
import { colourOf, paint, type Screen } from './screen.ts'
import { whyOf } from './why.ts'

type Line = readonly [what: string, text: string | number | null | undefined | false]

function lines(record: AgentRecord): readonly Line[] {
  const { usage, activity, cleanupErrors, labels } = record
  return [
    ['id', record.id],
    ['activity', activity?.kind],
    ['why', whyOf(record)],
    ['pid', record.pid],
    ['group', record.group],
    ['lane', record.lane],
    ['task', record.task],
    ['spawner', record.spawner],
    [
      'labels',
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(', '),
    ],
    ['life', `${record.incarnation}${record.restarts > 0 ? `, restarted ${record.restarts} times` : ''}`],
    ['created', record.createdAt],
    ['started', record.startedAt],
    ['ended', record.endedAt],
    ['last heartbeat', record.lastHeartbeatAt],
    ['exit', record.exit && (record.exit.signal ?? record.exit.code ?? 'not seen')],
    ['usage', usage && `${usage.turns} turns, ${usage.tokens} tokens, $${usage.usd}`],
    ['still there', record.escaped.length > 0 && `pid ${record.escaped.join(', ')}`],
    ['clean-up', cleanupErrors.map(({ code, message }) => `${code}: ${message}`).join(' · ')],
    [
      'command',
      record.command.map((each) => (/^[\w@%+=:,./-]+$/.test(each) ? each : JSON.stringify(each))).join(' '),
    ],
    ['in', record.cwd],
    ['log', record.logFile],
  ]
}

export function account(record: AgentRecord, screen: Screen): string {
  const said = lines(record).filter(
    ([, text]) => text !== null && text !== undefined && text !== false && text !== '',
  )
  const width = Math.max(...said.map(([what]) => what.length))
  return [
    `${plain(record.name)}  ${paint(screen, colourOf(record.state), record.state)}`,
    ...said.map(([what, text]) => `  ${paint(screen, 'dim', what.padEnd(width))}  ${plain(String(text))}`),
  ].join('\n')
}

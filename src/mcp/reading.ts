/** The tools that look, and change nothing. */
import * as z from 'zod'
import type { Entry } from '../../machines/events.ts'
import type { AgentHealth } from '../agent-health.ts'
import { awaited } from '../awaited.ts'
import { filterSchema } from '../options.ts'
import type { AgentHandle, Reeve } from '../reeve.ts'
import type { RecordFilter } from '../registry/record.ts'
import { entrySchema, healthSchema, recordSchema } from '../shapes.ts'
import { plain } from '../terminal/plain.ts'
import { found } from './found.ts'
import { endOf, logText } from './log-text.ts'
import { entryText, recordText, some } from './said.ts'
import { agent, oneRecord, READS, timeout, tool } from './tool.ts'
import { inTime, timeoutMsOf } from './waiting.ts'

const most = (max: number, standard: number, what: string) =>
  z
    .int()
    .min(1)
    .max(max)
    .optional()
    .meta({ description: `at most so many ${what}. Default: ${standard}` })

/** What was left out does not narrow. */
const given = (filter: object): RecordFilter =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))

const listAgents = tool({
  name: 'list_agents',
  title: 'List agents',
  description:
    'The agents that have not ended, oldest first; with "all": true every one that is known, newest first. For each its state, why it is in it, and its last sign of life.',
  hints: READS,
  input: filterSchema.extend({
    all: z.boolean().optional().meta({ description: 'those that have ended, too' }),
    limit: most(500, 50, 'agents'),
  }),
  output: z.object({
    agents: z.array(recordSchema),
    more: z.int().meta({ description: 'how many matched beyond these' }),
  }),
  async handle({ reeve, args: { all = false, limit = 50, ...filter } }) {
    const narrow = given(filter)
    const records = all ? await reeve.records(narrow) : await reeve.list(narrow)
    const agents = records.slice(0, limit)
    const more = records.length - agents.length
    const lines = [
      `${some(records.length, 'agent')}${all ? '' : ' not ended'}`,
      ...agents.map(recordText),
      ...(more > 0 ? [`and ${more} more: narrow it, or raise "limit"`] : []),
    ]
    return { value: { agents, more }, text: lines.join('\n') }
  },
})

const getAgent = tool({
  name: 'get_agent',
  title: 'Get an agent',
  description: 'One agent: its state and why, pid, exit, reason, last sign of life, what it used.',
  hints: READS,
  input: z.strictObject({ agent }),
  output: recordSchema,
  handle: async ({ reeve, args }) => oneRecord((await found(reeve, args.agent)).record),
})

const UNTIL = ['ended', 'ready', 'stalled', 'change'] as const

const waitAgent = tool({
  name: 'wait_agent',
  title: 'Wait for an agent',
  description:
    'Waits until the agent has ended for good, is ready, has stalled, or changes its state. When the time is over first, "reached" is false and the agent is told as it is: ask again. It fails when the agent cannot become ready any more.',
  hints: READS,
  input: z.strictObject({
    agent,
    for: z.enum(UNTIL).optional().meta({ description: 'what is waited for. Default: ended' }),
    timeout,
  }),
  output: z.object({ reached: z.boolean(), agent: recordSchema }),
  async handle(asked) {
    const { reeve, args } = asked
    const { for: until = 'ended', timeout } = args
    const limitMs = timeoutMsOf(timeout)
    const { handle, record } = await found(reeve, args.agent)
    const reached = handle
      ? ((await inTime(asked, handle, limitMs, (signal) => cameTo(until, reeve, handle, signal))) ?? false)
      : until === 'ended'
    const now = handle ? (await found(reeve, record.id)).record : record
    const text = `${reached ? '' : `not ${until === 'change' ? 'changed' : until}${handle ? ' yet' : ''}; `}${recordText(now)}`
    return { value: { reached, agent: now }, text }
  },
})

async function cameTo(
  what: (typeof UNTIL)[number],
  reeve: Reeve,
  handle: AgentHandle,
  signal: AbortSignal,
): Promise<boolean> {
  if (what === 'ended') return awaited(handle.ended, signal).then(() => true)
  if (what === 'ready') return awaited(handle.ready, signal).then(() => true)
  const { state, incarnation } = handle.record
  let off = () => {}
  const changed = new Promise<boolean>((resolve) => {
    off = handle.on('transition', ({ to }) => {
      if (what === 'change' || to === 'stalling') resolve(true)
    })
  })
  try {
    // From here on changes are heard; what changed before that is seen now.
    const { record } = await found(reeve, handle.id)
    if (what === 'stalled' && record.state === 'stalling') return true
    if (what === 'change' && (record.state !== state || record.incarnation !== incarnation)) return true
    return await Promise.race([changed, awaited(handle.ended, signal).then(() => what === 'change')])
  } finally {
    off()
  }
}

const agentLogs = tool({
  name: 'agent_logs',
  title: 'Read the log of an agent',
  description:
    'The last lines that the agent wrote, to stdout and stderr, over all its lives; at most 64 KB. Control sequences are taken out.',
  hints: READS,
  input: z.strictObject({
    agent,
    lines: most(2_000, 100, 'lines, from the end'),
    raw: z.boolean().optional().meta({ description: 'with control sequences' }),
  }),
  output: z.object({
    agentId: z.string(),
    lines: z.array(z.string()),
    omitted: z.int().meta({ description: 'how many lines before these are not told' }),
  }),
  async handle({ reeve, host, args, signal }) {
    const { handle, record } = await found(reeve, args.agent)
    const { lines = 100, raw = false } = args
    const log = !handle && host.logsOf ? host.logsOf(record, { signal }) : reeve.logs(record.id, { signal })
    const end = await endOf(log, { lines, raw })
    const text = end.lines.length > 0 ? logText(end) : `${recordText(record)}; it has written nothing`
    return { value: { agentId: record.id, ...end }, text, whole: true }
  },
})

const agentHistory = tool({
  name: 'agent_history',
  title: 'Read the history of an agent',
  description:
    'What happened to the agent, oldest first: every change of its state with what was seen, why, and by whom. Also of one that was removed, by its id.',
  hints: READS,
  input: z.strictObject({ agent, limit: most(1_000, 100, 'entries, from the end') }),
  output: z.object({
    entries: z.array(entrySchema),
    omitted: z.int().meta({ description: 'how many before these are not told' }),
  }),
  async handle({ reeve, args: { agent, limit = 100 } }) {
    const all = await historyOf(reeve, agent)
    const entries = all.slice(-limit)
    const omitted = all.length - entries.length
    const lines = entries.map((entry) => `${entry.at} ${entryText(entry)}`)
    const head = `${plain(entries[0]?.name ?? agent)}: ${all.length} entries`
    return { value: { entries, omitted }, text: [head, ...lines].join('\n') }
  },
})

/** One that was removed without its history has entries and no record. */
export async function historyOf(reeve: Reeve, agent: string): Promise<Entry[]> {
  try {
    return await reeve.history((await found(reeve, agent)).record.id)
  } catch (unknown) {
    const entries = await reeve.history(agent).catch(() => [])
    if (entries.length === 0) throw unknown
    return entries
  }
}

const healthText = ({
  name,
  agentId,
  health,
  state,
  cpuPercent,
  memoryMb,
  secondsSinceHeartbeat,
}: AgentHealth) =>
  plain(
    [
      `${name} (${agentId}) ${health}, ${state}`,
      cpuPercent === null ? '' : `cpu ${cpuPercent} %`,
      memoryMb === null ? '' : `memory ${memoryMb} MB`,
      secondsSinceHeartbeat === null ? '' : `last sign of life ${secondsSinceHeartbeat} s ago`,
    ]
      .filter((each) => each !== '')
      .join(' · '),
  )

const health = tool({
  name: 'health',
  title: 'Check on agents',
  description:
    'A check-up of one agent, or of all that have not ended: CPU, memory and processes of the whole tree, seconds since the last sign of life, and how it is.',
  hints: READS,
  input: filterSchema.extend({ agent: agent.optional() }),
  output: z.object({ agents: z.array(healthSchema) }),
  async handle({ reeve, args: { agent, ...filter } }) {
    const agents =
      agent === undefined
        ? await reeve.health(given(filter))
        : [await reeve.health((await found(reeve, agent)).record.id)]
    return {
      value: { agents },
      text: agents.length === 0 ? 'no agents' : agents.map(healthText).join('\n'),
    }
  },
})

export const readingTools = [listAgents, getAgent, waitAgent, agentLogs, agentHistory, health]

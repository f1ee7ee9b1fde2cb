/** Why an agent is in the state it is in, from its record alone, in one short line: what, why, and by whom. */
import { type Exit, isEnd } from '../../machines/events.ts'
import { span } from '../observe/sentence.ts'
import type { AgentRecord } from '../registry/record.ts'

const exitText = ({ code, signal }: Exit): string =>
  signal ?? (code === null ? 'exit not seen' : `exit ${code}`)

const joined = (parts: readonly (string | null | undefined | false)[]): string =>
  parts.filter(Boolean).join(' · ')

function activityText({ activity }: AgentRecord): string | null {
  if (activity?.kind !== 'waiting') return null
  return `${activity.on}${activity.message ? `: ${activity.message}` : ''}${activity.until ? ` until ${activity.until}` : ''}`
}

function silence({ evidence }: AgentRecord): string | null {
  if (evidence?.silentMs === undefined) return null
  return `silent ${span(evidence.silentMs)}${evidence.limitMs === undefined ? '' : ` (limit ${span(evidence.limitMs)})`}`
}

const reasonText = ({ reason }: AgentRecord): string | null =>
  reason && `${reason.kind}, by ${reason.by}${reason.message ? `: ${reason.message}` : ''}`

/** An end that nobody had asked for: the exit says it. One that was asked for: who, and whether it had to be forced. */
export function whyOf(record: AgentRecord): string {
  const { state, error, exit, evidence } = record
  if (state === 'running') return activityText(record) ?? ''
  if (state === 'stalling') return silence(record) ?? ''
  if (state === 'restarting')
    return joined([
      exit ? exitText(exit) : error?.code,
      evidence?.attempt !== undefined &&
        `try ${evidence.attempt}${evidence.attempts === undefined ? '' : ` of ${evidence.attempts}`}`,
    ])
  if (!isEnd(state)) return joined([reasonText(record), error && `${error.code}: ${error.message}`])
  return joined([
    reasonText(record),
    error && `${error.code}: ${error.message}`,
    exit && state !== 'completed' && exitText(exit),
    record.escaped.length > 0 && `still there: pid ${record.escaped.join(', ')}`,
  ])
}

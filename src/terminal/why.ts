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

/** The time it asked for, where it is known how late it is and that time is not over. */
function extension({ evidence, state }: AgentRecord, now: number | undefined): string | null {
  const until = evidence?.extendedUntil
  if (until === undefined || now === undefined || (state !== 'running' && state !== 'pre_starting'))
    return null
  const leftMs = Date.parse(until) - now
  return leftMs > 0 ? `asked for ${span(leftMs)} more` : null
}

const reasonText = ({ reason }: AgentRecord): string | null =>
  reason && `${reason.kind}, by ${reason.by}${reason.message ? `: ${reason.message}` : ''}`

/** `now`: wall clock, in milliseconds. An end that nobody had asked for: the exit says it. One that was asked for: who, and whether it had to be forced. */
export function whyOf(record: AgentRecord, now?: number): string {
  const { state, error, exit, evidence } = record
  const asked = extension(record, now)
  if (state === 'running') return joined([activityText(record), asked])
  if (state === 'stalling') return silence(record) ?? ''
  if (state === 'restarting')
    return joined([
      exit ? exitText(exit) : error?.code,
      evidence?.attempt !== undefined &&
        `try ${evidence.attempt}${evidence.attempts === undefined ? '' : ` of ${evidence.attempts}`}`,
    ])
  if (!isEnd(state)) return joined([asked, reasonText(record), error && `${error.code}: ${error.message}`])
  return joined([
    reasonText(record),
    error && `${error.code}: ${error.message}`,
    exit && state !== 'completed' && exitText(exit),
    record.escaped.length > 0 && `still there: pid ${record.escaped.join(', ')}`,
  ])
}

/** An entry as a person reads it: what was seen, why, and by whom, in one short line without the name and the state. */
import { type Entry, type Evidence, type Exit, isEnd, isNote } from '../../machines/events.ts'

/** `0.4s`, `12s`, `3m 20s`, `2h 5m`: as much as one wants to know. */
export function span(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)}s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? both(minutes, 'm', seconds % 60, 's')
    : both(Math.floor(minutes / 60), 'h', minutes % 60, 'm')
}

const both = (large: number, unit: string, small: number, smallUnit: string): string =>
  `${large}${unit}${small === 0 ? '' : ` ${small}${smallUnit}`}`

/** `10,200`; `0.35`: as a person reads it. */
const count = (amount: number): string => amount.toLocaleString('en-US', { maximumFractionDigits: 2 })

const exitText = (exit: Exit): string =>
  exit.signal ?? (exit.code === null ? 'exit not seen' : `exit ${exit.code}`)

function evidenceText(seen: Evidence): (string | undefined)[] {
  return [
    seen.silentMs !== undefined
      ? `silent ${span(seen.silentMs)}${seen.limitMs === undefined ? '' : ` (limit ${span(seen.limitMs)})`}`
      : undefined,
    seen.logQuietMs !== undefined ? `log quiet ${span(seen.logQuietMs)}` : undefined,
    seen.cpuMs !== undefined ? `cpu ${(seen.cpuMs / 1000).toFixed(2)}s` : undefined,
    seen.processes !== undefined ? `${seen.processes} process${seen.processes === 1 ? '' : 'es'}` : undefined,
  ]
}

const ASKED = {
  control: 'asked through its control file',
  stdin: 'asked through its stdin',
  signal: 'asked by SIGINT',
} as const

function rungText({ evidence = {} }: Entry): (string | undefined)[] {
  const { signalled = [], waitMs, asked, through, refused } = evidence
  if (asked !== undefined)
    return [
      through === undefined ? `could not be asked: ${refused}` : ASKED[through],
      waitMs === undefined ? undefined : `${span(waitMs)} to end by itself`,
    ]
  const pids = signalled.map(({ pid, where }) =>
    where === 'own_session' ? `${pid} (own session)` : `${pid}`,
  )
  return [
    pids.length === 0 ? 'reached nobody' : `to pid ${pids.join(', ')}`,
    waitMs === undefined ? undefined : `${span(waitMs)} of grace`,
  ]
}

const reasonText = ({ reason }: Entry): string | undefined =>
  reason && `${reason.kind}, by ${reason.by}${reason.message ? `: ${reason.message}` : ''}`

const errorText = ({ error }: Entry): string | undefined => error && `${error.code}: ${error.message}`

function noteText(entry: Entry): (string | undefined)[] {
  const { evidence, activity, usage } = entry
  switch (entry.event) {
    case 'rung':
      return rungText(entry)
    case 'activity':
      return activity?.kind === 'waiting'
        ? [`waiting on ${activity.on}`, activity.message, activity.until && `until ${activity.until}`]
        : [activity?.kind]
    case 'extend':
      return [`asked for ${span(evidence?.extendMs ?? 0)}`]
    case 'usage':
      return [
        usage && `${usage.turns} turns`,
        usage && `${usage.tokens} tokens`,
        usage && `$${Number(usage.usd.toFixed(6))}`,
      ]
    case 'swept':
      return [
        evidence?.swept && `ended pid ${evidence.swept.join(', ')}, which outlived it`,
        entry.escaped && `still there: pid ${entry.escaped.join(', ')}`,
      ]
    case 'result':
    case 'stopping':
      return [JSON.stringify(evidence?.said)]
    case 'report_rejected':
      return [evidence?.rejected]
    case 'stop':
    case 'kill':
      return [reasonText(entry)]
    case 'budget_warning':
      if (evidence?.budget !== undefined)
        return [`${count(evidence.used ?? 0)} of ${count(evidence.allowed ?? 0)} ${evidence.budget}`]
      return [`${span(evidence?.elapsedMs ?? 0)} of ${span(evidence?.limitMs ?? 0)}`]
    default:
      return [errorText(entry)]
  }
}

function transitionText(entry: Entry): (string | undefined)[] {
  const { evidence = {}, exit, from } = entry
  switch (entry.to) {
    case 'spawning':
      return [
        evidence.waitsFor &&
          `waits for its turn in lane ${JSON.stringify(entry.lane)}, after ${evidence.waitsFor}`,
      ]
    case 'pre_starting':
      return [`pid ${entry.pid}`]
    case 'running':
      if (from === 'stalling')
        return [`${entry.event}${evidence.silentMs === undefined ? '' : ` after ${span(evidence.silentMs)}`}`]
      return [
        evidence.ready === undefined || evidence.ready === 'spawned' ? undefined : `ready: ${evidence.ready}`,
      ]
    case 'stalling':
      return evidenceText(evidence)
    case 'terminating':
      return [reasonText(entry)]
    case 'restarting':
      if (entry.event === 'regroup') return ['with its group']
      if (evidence.delayMs === undefined) return ['asked to']
      return [
        `try ${evidence.attempt}${evidence.attempts === undefined ? '' : ` of ${evidence.attempts}`} in ${span(evidence.delayMs)}`,
      ]
    case 'reaping':
      return [exit && exitText(exit), exit ? undefined : errorText(entry)]
    default:
      break
  }
  if (!isEnd(entry.to)) return []
  return [
    reasonText(entry),
    errorText(entry),
    exit && exitText(exit),
    evidence.elapsedMs === undefined ? undefined : `after ${span(evidence.elapsedMs)}`,
    evidence.unverified && 'nobody verified that nothing is left',
    evidence.notRestarted && `not retried: ${evidence.notRestarted}`,
    entry.escaped && `still there: pid ${entry.escaped.join(', ')}`,
  ]
}

/** `silent 1.5s (limit 1.5s) · cpu 0.00s · 1 process`; empty where the state says it all. */
export function sentenceOf(entry: Entry): string {
  const parts = isNote(entry) ? noteText(entry) : transitionText(entry)
  return parts.filter((part) => part !== undefined && part !== '').join(' · ')
}

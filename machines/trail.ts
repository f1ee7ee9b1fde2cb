/**
 * What the log of one agent tells a successor of its supervisor, beyond its record: where its present life stands, what
 * was asked of it, and what its restart policy remembers. A fold, like the record; dates are as the entries have them.
 */
import {
  type Activity,
  type AgentState,
  type Entry,
  type ErrorInfo,
  type Evidence,
  type Exit,
  isEnd,
  isNote,
  type ProcessIdentity,
  type Reason,
  type Usage,
} from './events.ts'
import type { RestartPolicy } from './restart.ts'

export interface Trail {
  readonly state: AgentState
  readonly incarnation: number
  /** Of the present life, the last one named. */
  readonly process: ProcessIdentity | null
  readonly runningAt: string | null
  readonly exitedAt: string | null
  readonly exit: Exit | null
  readonly reason: Reason | null
  readonly error: ErrorInfo | null
  /** What was seen when its end was decided. */
  readonly evidence: Evidence | null
  readonly activity: Activity | null
  /** ISO 8601: until when it asked for time. */
  readonly extendedUntil: string | null
  readonly escaped: readonly number[]
  readonly unverified: boolean
  /** Rungs of its ladder that were taken. */
  readonly rungsTaken: number
  readonly lastRung: { readonly at: string; readonly waitMs: number | null } | null
  /** It was asked first to end by itself, and had this long: a rung before those of its spec. */
  readonly withinMs: number | null
  /** The total before SIGKILL, where that was asked for. */
  readonly graceMs: number | null
  /** Why its end was asked for when it had exited already. */
  readonly late: Reason | null
  /** A further life was asked for. */
  readonly again: boolean
  /** SIGKILL was sent. */
  readonly forced: boolean
  readonly reportOffset: number
  readonly logOffset: number
  /** It was ready once, in this life or an earlier one since it was last begun. */
  readonly wasReady: boolean
  /** Its turn in its lane had not come: it was never begun. */
  readonly waiting: boolean
  /** When its lifetime began, and whether it was warned of its end. */
  readonly lifetimeFrom: string
  readonly warned: boolean
  /** Shares of its budget whose end it was warned of, in any life. */
  readonly warnedOf: readonly (keyof Usage)[]
  /** The pause that it stands in. `event`: after its own failure (`backoff`), with others, or because someone asked. */
  readonly backoff: { readonly at: string; readonly delayMs: number; readonly event: Entry['event'] } | null
  /** Dates of the automatic restarts, oldest first, and failures in a row. */
  readonly restartsAt: readonly string[]
  readonly streak: number
  /** It was said why no further life follows. */
  readonly over: boolean
  /** Of its last entry. */
  readonly lastAt: string
}

/** What a further life does not inherit. */
const NEW_LIFE = {
  process: null,
  runningAt: null,
  exitedAt: null,
  exit: null,
  reason: null,
  error: null,
  evidence: null,
  activity: null,
  extendedUntil: null,
  escaped: [],
  unverified: false,
  rungsTaken: 0,
  lastRung: null,
  withinMs: null,
  graceMs: null,
  late: null,
  again: false,
  forced: false,
  over: false,
  reportOffset: 0,
  logOffset: 0,
  backoff: null,
} as const

/** @param entries all of one agent, oldest first; its first entry among them. `null` when there are none. */
export function trailOf(entries: readonly Entry[], policy: RestartPolicy): Trail | null {
  let trail: Trail | null = null
  for (const entry of entries) trail = further(trail, entry, policy)
  return trail
}

function further(before: Trail | null, entry: Entry, policy: RestartPolicy): Trail {
  const base = begun(before, entry)
  if (isNote(entry)) return { ...base, ...noted(base, entry), lastAt: entry.at }
  return { ...base, ...changed(base, entry, policy), state: entry.to, lastAt: entry.at }
}

/** What it stands on: a new agent, one that was started anew, a further life, or the same life. */
function begun(before: Trail | null, entry: Entry): Trail {
  const { incarnation, at } = entry
  const fresh = {
    waiting: false,
    wasReady: false,
    lifetimeFrom: at,
    warned: false,
    restartsAt: [],
    streak: 0,
    lastAt: at,
  }
  if (!before || entry.from === null)
    return { ...NEW_LIFE, ...fresh, warnedOf: [], state: entry.to, incarnation }
  if (incarnation === before.incarnation) return before
  if (isEnd(entry.from)) return { ...before, ...NEW_LIFE, ...fresh, incarnation }
  return { ...before, ...NEW_LIFE, incarnation }
}

function noted(base: Trail, entry: Entry): Partial<Trail> {
  const { event, at, activity, reportOffset, evidence, reason } = entry
  const rung = { rungsTaken: base.rungsTaken + 1, lastRung: { at, waitMs: evidence?.waitMs ?? null } }
  return {
    ...identityIn(entry),
    ...(reportOffset !== undefined && { reportOffset: Math.max(base.reportOffset, reportOffset) }),
    ...(activity && { activity }),
    ...(evidence?.extendedUntil !== undefined && {
      extendedUntil: later(base.extendedUntil, evidence.extendedUntil),
    }),
    // Its turn has come.
    ...(event === 'spawn' && { waiting: false, lifetimeFrom: at }),
    ...(event === 'rung' && (evidence?.signal === 'SIGKILL' ? { forced: true } : rung)),
    ...(event === 'kill' && { forced: true }),
    ...(event === 'budget_warning' && warnedOf(base, evidence)),
    // The later request is the one that counts.
    ...(event === 'stop' && { again: false }),
    ...(reason && (base.state === 'reaping' ? { late: reason } : { reason })),
    ...(entry.escaped && { escaped: entry.escaped }),
  }
}

function changed(base: Trail, entry: Entry, policy: RestartPolicy): Partial<Trail> {
  const { to, at, event, evidence, exit, reason, error, reportOffset } = entry
  const said = {
    ...identityIn(entry),
    ...(exit && { exit }),
    ...(reason && { reason }),
    ...(error && { error }),
    ...(entry.escaped && { escaped: entry.escaped }),
    ...(reportOffset !== undefined && { reportOffset: Math.max(base.reportOffset, reportOffset) }),
    ...(evidence?.again && { again: true }),
    ...(evidence?.unverified && { unverified: true }),
    ...(evidence?.notRestarted && { over: true }),
  }
  switch (to) {
    case 'pre_starting':
      return { ...said, logOffset: evidence?.logOffset ?? 0 }
    case 'running':
      return {
        ...said,
        runningAt: base.runningAt ?? at,
        wasReady: true,
        // Ready, it has had what it asked for.
        ...(entry.from === 'pre_starting' && { extendedUntil: null }),
        activity: entry.activity ?? { kind: 'working' },
      }
    case 'terminating':
      return {
        ...said,
        activity: null,
        evidence: evidence ?? null,
        withinMs: evidence?.withinMs ?? null,
        graceMs: evidence?.graceMs ?? null,
        forced: event === 'kill',
      }
    case 'reaping':
      return { ...said, activity: null, exitedAt: at }
    case 'restarting':
      return { ...said, ...paused(base, entry, policy) }
    case 'spawning':
      return { ...said, waiting: event === 'queued' }
    default: {
      // The end itself says whether a further life was still asked for.
      const ended = { ...said, again: evidence?.again === true, ...(base.waiting && NEVER_BEGUN) }
      return event === 'spawn_failed' ? { ...ended, exitedAt: at } : ended
    }
  }
}

/** Of a share of its budget, or of its lifetime. */
const warnedOf = (base: Trail, evidence: Evidence | undefined): Partial<Trail> =>
  evidence?.budget ? { warnedOf: [...base.warnedOf, evidence.budget] } : { warned: true }

/** An end in the line of a lane: there was no life that a policy could repeat. */
const NEVER_BEGUN = { waiting: false, over: true } as const

/** A pause by policy counts as an automatic restart, a further life that was asked for does not. */
function paused(base: Trail, entry: Entry, { backoff }: RestartPolicy): Partial<Trail> {
  const { at, event } = entry
  if (event !== 'backoff') {
    const expired = base.reason?.kind === 'ttl'
    return {
      backoff: { at, event, delayMs: 0 },
      ...(expired && { lifetimeFrom: entry.at, warned: false }),
    }
  }
  const ranMs =
    base.runningAt === null ? 0 : Date.parse(base.exitedAt ?? entry.at) - Date.parse(base.runningAt)
  return {
    backoff: { at, event, delayMs: entry.evidence?.delayMs ?? 0 },
    restartsAt: [...base.restartsAt, entry.at].slice(-1000),
    streak: (ranMs >= backoff.resetAfterMs ? 0 : base.streak) + 1,
  }
}

/** Of two dates in ISO 8601, UTC. */
const later = (a: string | null, b: string): string => (a !== null && a > b ? a : b)

const identityIn = ({ pid, startTime, bootId }: Entry): { process: ProcessIdentity } | undefined =>
  pid !== undefined && startTime !== undefined && bootId !== undefined
    ? { process: { pid, startTime, bootId } }
    : undefined

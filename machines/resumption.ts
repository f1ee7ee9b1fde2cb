/**
 * What becomes of an agent whose supervisor is gone: from its log and from what is left of it. A total function; the
 * successor does what it says.
 */
import type { Adoption } from './context.ts'
import { type ErrorInfo, type Exit, isEnd, type ProcessIdentity, type Reason } from './events.ts'
import type { Intent } from './members.ts'
import {
  decideRestart,
  isPassing,
  type RestartDecision,
  type RestartHistory,
  type RestartPolicy,
} from './restart.ts'
import type { Trail } from './trail.ts'

/** Why a launcher, or the supervisor before, had begun to end it. */
export type EndedBy = 'asked' | 'supervisor_gone' | 'not_adopted'

/** What is left of the life that the log tells of last. */
export type Left =
  /** It is being started: the launcher will say what came of it. */
  | { readonly kind: 'launching' }
  /** It was never started, or nobody knows of it. */
  | { readonly kind: 'failed'; readonly error: ErrorInfo; readonly at: string }
  /** Its leader lives: verified. `endedBy`: it is on its ladder. */
  | {
      readonly kind: 'alive'
      readonly process: ProcessIdentity
      readonly endedBy: EndedBy | null
      readonly rungsTaken: number
    }
  /** Its leader is gone. `at`: ISO 8601, when, as well as that is known. */
  | {
      readonly kind: 'gone'
      readonly process: ProcessIdentity | null
      readonly exit: Exit
      readonly at: string
      readonly endedBy: EndedBy | null
    }

/** Told to the life once it stands where the log has it, as if it happened now; in this order. */
export type Tiding =
  | { readonly type: 'SPAWNED'; readonly process: ProcessIdentity }
  | { readonly type: 'SPAWN_FAILED'; readonly error: ErrorInfo }
  | { readonly type: 'STOP'; readonly reason: Reason }
  | { readonly type: 'EXITED'; readonly exit: Exit; readonly at: string }

export interface Resumption {
  readonly life: Omit<Adoption, 'runningSinceMs' | 'rungLeftMs' | 'readyLeftMs'> | null
  /** The log is told that it was adopted. */
  readonly told: boolean
  readonly intent: Intent
  readonly tidings: readonly Tiding[]
}

export const WITHOUT_SUPERVISOR: Reason = {
  kind: 'shutdown',
  by: 'supervisor',
  message: "its supervisor died (onSupervisorDeath: 'end')",
}
const REASONS: Readonly<Record<EndedBy, Reason>> = {
  asked: { kind: 'shutdown', by: 'supervisor', message: 'it was being ended when its supervisor died' },
  supervisor_gone: { ...WITHOUT_SUPERVISOR, by: 'launcher' },
  not_adopted: {
    kind: 'shutdown',
    by: 'launcher',
    message: 'no supervisor came for it in time (adoptFor)',
  },
}

/** Between the end of a life and what follows from it the supervisor may have died: what its policy says then. */
export function afterEnd(
  trail: Trail,
  policy: RestartPolicy,
  {
    nowMs,
    dice,
    msOf,
  }: { readonly nowMs: number; readonly dice: number; readonly msOf: (at: string) => number },
): RestartDecision {
  const { state, exit, reason, error, escaped, unverified, runningAt, exitedAt, lastAt } = trail
  if (!isEnd(state) || trail.over) return { restart: false, why: 'asked' }
  if (trail.again) return { restart: true, delayMs: 0, attempt: 1, history: historyOf(trail, msOf) }
  const ranMs = runningAt === null ? 0 : msOf(exitedAt ?? lastAt) - msOf(runningAt)
  const end = { end: state, exit, reason, error, escaped, unverified, ranMs }
  return decideRestart(policy, end, historyOf(trail, msOf), nowMs, dice)
}

/** What the restart policy remembers, in the time of this process. */
export const historyOf = (trail: Trail, msOf: (at: string) => number): RestartHistory => ({
  restartsMs: trail.restartsAt.map(msOf),
  streak: trail.streak,
})

/** With what supervisor it lives on, or ends. `adopt`: its spec says that it outlives its supervisor. */
export function resume(trail: Trail, left: Left, adopt: boolean): Resumption {
  const { state, reason } = trail
  const intent: Intent = intentOf(trail, adopt)
  if (state === 'restarting') {
    const tidings: Tiding[] = adopt ? [] : [{ type: 'STOP', reason: WITHOUT_SUPERVISOR }]
    return { life: null, told: false, intent: 'by_policy', tidings }
  }
  const tidings = tidingsFor(trail, left, adopt)
  const alive = left.kind === 'alive'
  return {
    life: {
      door: 'recovered',
      process: hadProcess(trail) && alive ? left.process : trail.process,
      exit: trail.exit,
      reason,
      error: trail.error,
      activity: trail.activity,
      evidence: trail.evidence,
      forced: trail.forced,
      withinMs: trail.withinMs,
      graceMs: trail.graceMs,
      late: trail.late,
      rungsTaken: Math.max(trail.rungsTaken, alive ? left.rungsTaken : 0),
    },
    told: (alive || left.kind === 'launching') && !tidings.some(({ type }) => type === 'STOP'),
    intent,
    tidings,
  }
}

/** A stall, a missed readiness, an end with its group leave the policy to decide; whatever else was asked is final. */
function intentOf({ again, reason, late }: Trail, adopt: boolean): Intent {
  if (!adopt) return 'end'
  if (again) return 'again'
  const asked = late ?? reason
  return asked !== null && !isPassing(asked) ? 'end' : 'by_policy'
}

function tidingsFor(trail: Trail, left: Left, adopt: boolean): Tiding[] {
  const { state } = trail
  // Nothing but the rest of its tree is of interest, and clean-up.
  if (state === 'reaping') return []
  const tidings: Tiding[] = []
  const before = hadProcess(trail)
  if (left.kind === 'failed') {
    if (before) return [{ type: 'EXITED', exit: { code: null, signal: null }, at: left.at }]
    return [{ type: 'SPAWN_FAILED', error: left.error }]
  }
  if (!before && left.kind !== 'launching' && left.process)
    tidings.push({ type: 'SPAWNED', process: left.process })
  if (state !== 'terminating') {
    const endedBy = left.kind === 'launching' ? null : left.endedBy
    if (endedBy) tidings.push({ type: 'STOP', reason: REASONS[endedBy] })
    else if (!adopt && left.kind !== 'gone') tidings.push({ type: 'STOP', reason: WITHOUT_SUPERVISOR })
  }
  if (left.kind === 'gone') tidings.push({ type: 'EXITED', exit: left.exit, at: left.at })
  return tidings
}

const hadProcess = ({ state, process }: Trail): boolean => state !== 'spawning' && process !== null

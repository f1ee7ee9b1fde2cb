/**
 * Whether a further life follows an end, and when. Total functions; the time and the dice are passed in.
 *
 * `permanent`, `transient`, `temporary` and the intensity window mean what they mean in OTP's `supervisor`.
 */
import type { EndState, ErrorInfo, Exit, Reason, ReasonKind } from './events.ts'

export type RestartType = 'permanent' | 'transient' | 'temporary'

export interface Backoff {
  readonly initialMs: number
  readonly factor: number
  readonly maxMs: number
  /** Share of the delay by which it may be longer or shorter: 0.2 is ±20 %. Never past `maxMs`. */
  readonly jitter: number
  /** A life that ran this long, in milliseconds, begins the backoff anew. */
  readonly resetAfterMs: number
}

/** More than `restarts` automatic restarts within any `withinMs` exceed it. */
export interface Intensity {
  readonly restarts: number
  readonly withinMs: number
}

export interface RestartPolicy {
  readonly type: RestartType
  readonly backoff: Backoff
  /** `false`: no limit. */
  readonly intensity: Intensity | false
  /** Exit codes after which no retry follows. */
  readonly noRetry: readonly number[]
}

/** What is remembered between the lives of one agent. */
export interface RestartHistory {
  /** Monotonic milliseconds of the automatic restarts that the window still holds. */
  readonly restartsMs: readonly number[]
  /** Failures in a row, by which the backoff grows. */
  readonly streak: number
}

export const NO_HISTORY: RestartHistory = { restartsMs: [], streak: 0 }

/** How a life ended. */
export interface LifeEnd {
  readonly end: EndState
  readonly exit: Exit | null
  readonly reason: Reason | null
  readonly error: ErrorInfo | null
  readonly escaped: readonly number[]
  /** Nobody could say whether anything of it is left. */
  readonly unverified: boolean
  /** How long it was `running` or later, in milliseconds; 0 when it never was. */
  readonly ranMs: number
}

export type RestartDecision =
  | {
      readonly restart: true
      readonly delayMs: number
      readonly attempt: number
      readonly history: RestartHistory
    }
  | { readonly restart: false; readonly why: NoRestart }

/** Why no life follows. `escaped`: something of the old life still lives, and two lives at a time are never had. */
export type NoRestart = 'policy' | 'asked' | 'unretryable' | 'no_retry_code' | 'intensity' | 'escaped'

/** Ends asked for by Reeve itself that count as crashes. All other reasons are intent, and final. */
const CRASHLIKE: readonly ReasonKind[] = ['stall', 'ready_timeout', 'liveness', 'memory']
export const isCrashlike = (reason: Reason): boolean => CRASHLIKE.includes(reason.kind)

/** What Reeve asks for on its own, and takes back by itself: it says nothing of what is wanted of the agent. */
export const isPassing = (reason: Reason): boolean => isCrashlike(reason) || reason.kind === 'strategy'

/**
 * Intent outlives what Reeve asked for on its own: a user's stop replaces a stall as the reason, never the reverse.
 * A cancellation is of the task and not of the process alone: it replaces all others, and none replaces it.
 */
export const strongerReason = (old: Reason | null, asked: Reason): Reason => {
  if (old === null || (isPassing(old) && !isPassing(asked))) return asked
  return asked.kind === 'cancelled' && old.kind !== 'cancelled' ? asked : old
}
/** Failures to start that no retry mends. */
const UNRETRYABLE: readonly string[] = [
  'ENOENT',
  'EACCES',
  'EPERM',
  'ENOTDIR',
  'EISDIR',
  'ENOEXEC',
  'ELOOP',
  'ENAMETOOLONG',
  'E2BIG',
  'EINVAL',
]

/** Something of the old life lives, or nobody could say that nothing does. */
export const mayHaveEscaped = (end: Pick<LifeEnd, 'escaped' | 'unverified'>): boolean =>
  end.escaped.length > 0 || end.unverified

/** The growth of the delay alone, before jitter. */
export const backoffMs = (backoff: Backoff, streak: number): number =>
  Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** streak)

const jittered = (backoff: Backoff, streak: number, dice: number): number =>
  Math.min(backoff.maxMs, backoffMs(backoff, streak) * (1 + backoff.jitter * (2 * dice - 1)))

/** Why no life follows, whatever the intensity; `null`: one does. What a strategy ended comes back with its group. */
export function refusalOf(policy: RestartPolicy, end: LifeEnd): Exclude<NoRestart, 'intensity'> | null {
  if (end.reason !== null && !isPassing(end.reason)) return 'asked'
  if (policy.type === 'temporary') return 'policy'
  if (policy.type === 'transient' && end.end === 'completed') return 'policy'
  if (mayHaveEscaped(end)) return 'escaped'
  if (end.error?.code === 'spawn_failed' && UNRETRYABLE.includes(end.error.errno ?? '')) return 'unretryable'
  if (end.exit?.code != null && policy.noRetry.includes(end.exit.code)) return 'no_retry_code'
  return null
}

/**
 * Decides after an end.
 *
 * @param dice in [0, 1): where in the range of jitter the delay falls.
 */
export function decideRestart(
  policy: RestartPolicy,
  end: LifeEnd,
  history: RestartHistory,
  nowMs: number,
  dice: number,
): RestartDecision {
  const refused = refusalOf(policy, end)
  if (refused !== null) return { restart: false, why: refused }

  const { intensity } = policy
  const within = intensity === false ? [] : history.restartsMs.filter((at) => nowMs - at < intensity.withinMs)
  if (intensity !== false && within.length >= intensity.restarts) return { restart: false, why: 'intensity' }

  const streak = end.ranMs >= policy.backoff.resetAfterMs ? 0 : history.streak
  return {
    restart: true,
    delayMs: jittered(policy.backoff, streak, dice),
    attempt: within.length + 1,
    history: { restartsMs: intensity === false ? [] : [...within, nowMs], streak: streak + 1 },
  }
}

/**
 * Whether the backoff spaces failures so far apart that the intensity is never exceeded, and a broken agent is
 * restarted for ever. Judged by the quickest failures there can be: each life ends the moment it begins, each
 * delay is as short as jitter makes it. Delays only grow, so the first window is the fullest.
 */
export function intensityUnreachable(policy: RestartPolicy): boolean {
  const { intensity, backoff } = policy
  if (intensity === false || policy.type === 'temporary') return false
  let elapsedMs = 0
  for (let streak = 0; streak < intensity.restarts && elapsedMs < intensity.withinMs; streak += 1)
    elapsedMs += backoffMs(backoff, streak) * (1 - backoff.jitter)
  return elapsedMs >= intensity.withinMs
}

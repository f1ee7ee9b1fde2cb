/** What one life is given, what it knows, and what it leaves behind. */
import { cancelFirst, type Ladder, type Rung, scaleTo, startLadder } from './escalation.ts'
import type {
  Activity,
  AgentState,
  EntryDraft,
  ErrorInfo,
  Evidence,
  Exit,
  LifeAddress,
  ProcessIdentity,
  Reason,
} from './events.ts'
import type { LifeEnd } from './restart.ts'

/** The limits and choices of a spec that one life runs by. All in milliseconds. */
export interface LifePolicy {
  readonly spawnTimeoutMs: number
  /** `true`: running as soon as the process is there. */
  readonly readyAtSpawn: boolean
  readonly readyTimeoutMs: number
  /** What a stall leads to after `graceMs`: nothing, or the ladder. */
  readonly onStall: 'report' | 'terminate'
  readonly stallGraceMs: number
  readonly rungs: readonly Rung[]
  readonly killWaitMs: number
  /** Bounds all clean-up hooks together; `null`: there are none. */
  readonly cleanupLimitMs: number | null
  readonly exitCodes: readonly number[]
}

export interface LifeInput extends LifeAddress {
  readonly name: string
  /** The agent's state before this life: `null` for its first, `restarting` for a further one. */
  readonly from: AgentState | null
  readonly policy: LifePolicy
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** The adoption door: a life whose process is there already enters by it, and not through `spawning`. */
  readonly adopt?: Adoption
}

/**
 * Whose life it was before: `faulted`, that of a first actor, and the second one ends what the first had begun;
 * `recovered`, that of a supervisor which is gone, and it goes on in the state that the log has it in.
 */
export type Door = 'faulted' | 'recovered'

/** What is known of a life that goes on. */
export interface Adoption {
  readonly door: Door
  readonly process: ProcessIdentity | null
  readonly exit: Exit | null
  readonly reason: Reason | null
  readonly error: ErrorInfo | null
  /** Monotonic milliseconds. */
  readonly runningSinceMs: number | null
  /** What is left of the time that it asked for to become ready. */
  readonly readyLeftMs?: number | null
  readonly activity?: Activity | null
  readonly evidence?: Evidence | null
  /** Rungs of its ladder that were taken already, and what the last of them has still to wait. */
  readonly rungsTaken?: number
  readonly rungLeftMs?: number
  /** Its ladder begins with a cancellation, which had this long. */
  readonly withinMs?: number | null
  /** The total before SIGKILL, where that was asked for. */
  readonly graceMs?: number | null
  /** Why its end was asked for when it had exited already. */
  readonly late?: Reason | null
  /** SIGKILL was sent. */
  readonly forced?: boolean
}

/** When it came to be so, in monotonic milliseconds; `null`: it has not. */
export interface LifeTimes {
  /** Its process was there. */
  readonly spawned: number | null
  /** When it has to be ready, where it asked for more time. */
  readonly readyBy: number | null
  readonly running: number | null
  readonly terminating: number | null
  readonly exited: number | null
  /** The first rung that reached it: before that, its end was asked for in words alone. */
  readonly reached: number | null
  /** ISO 8601, UTC: of an exit that was learned of only afterwards. */
  readonly exitedAt: string | null
}

/**
 * Kept below 20 fields: `assign` builds a new one by `Object.assign`, and V8 turns an object of 20 into a dictionary,
 * at twenty times the cost.
 */
export interface LifeContext extends LifeAddress {
  readonly name: string
  readonly policy: LifePolicy
  readonly now: () => number
  readonly door: Door | null
  /** The state last told, as the log has it. */
  readonly state: AgentState | null
  readonly process: ProcessIdentity | null
  readonly activity: Activity | null
  readonly ladder: Ladder
  /** Why its end was asked for, as long as it had not exited by itself. */
  readonly reason: Reason | null
  readonly exit: Exit | null
  readonly error: ErrorInfo | null
  readonly escaped: readonly number[]
  /** Nobody said in time whether anything of its tree is left. */
  readonly unverified: boolean
  /** What was seen when its end was decided: it stays beside the reason until the end. */
  readonly evidence: Evidence | null
  readonly cleanup: boolean
  /** SIGKILL was sent to the leader's tree. */
  readonly forced: boolean
  readonly times: LifeTimes
}

/** Told to the parent when a life is over: how it ended, and the entry of it, which the parent tells. */
export interface LifeOutput extends LifeEnd, LifeAddress {
  readonly entry: EntryDraft
}

/** What a life begins with. */
export function contextOf({ adopt, ...input }: LifeInput): LifeContext {
  return {
    agentId: input.agentId,
    incarnation: input.incarnation,
    name: input.name,
    policy: input.policy,
    now: input.now,
    door: adopt?.door ?? null,
    state: input.from,
    process: adopt?.process ?? null,
    activity: adopt?.activity ?? null,
    ladder: ladderOf(input.policy.rungs, input.now(), adopt),
    reason: adopt?.reason ?? null,
    exit: adopt?.exit ?? null,
    error: adopt?.error ?? null,
    escaped: [],
    unverified: false,
    evidence: adopt?.evidence ?? null,
    cleanup: true,
    forced: adopt?.forced ?? false,
    times: {
      spawned: adopt ? input.now() : null,
      readyBy: adopt?.readyLeftMs == null ? null : input.now() + adopt.readyLeftMs,
      running: adopt?.runningSinceMs ?? null,
      terminating: null,
      exited: adopt?.exit ? input.now() : null,
      exitedAt: null,
      reached: adopt?.rungsTaken ? input.now() : null,
    },
  }
}

/** The ladder from where it was left: no signal is sent twice. */
function ladderOf(own: readonly Rung[], nowMs: number, adopt: Adoption | undefined): Ladder {
  const scaled = adopt?.graceMs == null ? own : scaleTo(own, adopt.graceMs)
  const rungs = adopt?.withinMs == null ? scaled : cancelFirst(scaled, adopt.withinMs)
  const taken = Math.min(adopt?.rungsTaken ?? 0, rungs.length)
  const last = rungs[taken - 1]
  if (!last) return startLadder(rungs, nowMs)
  return { rungs, at: taken - 1, taken, deadlineMs: nowMs + (adopt?.rungLeftMs ?? last.waitMs) }
}

/** Whether `reaping` has nothing to run at its end. */
export const nothingToClean = (context: LifeContext): boolean =>
  !context.cleanup || context.policy.cleanupLimitMs === null

/** What one life is given, what it knows, and what it leaves behind. */
import { type Ladder, type Rung, startLadder } from './escalation.ts'
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

/** What is known of a life whose first actor faulted: the second one ends what the first had begun. */
export interface Adoption {
  readonly process: ProcessIdentity | null
  readonly exit: Exit | null
  readonly reason: Reason | null
  readonly error: ErrorInfo
  readonly runningSinceMs: number | null
}

/** When it came to be so, in monotonic milliseconds; `null`: it has not. */
export interface LifeTimes {
  readonly running: number | null
  readonly terminating: number | null
  readonly exited: number | null
}

/**
 * Kept below 20 fields: `assign` builds a new one by `Object.assign`, and V8 turns an object of 20 into a dictionary,
 * at twenty times the cost.
 */
export interface LifeContext extends LifeAddress {
  readonly name: string
  readonly policy: LifePolicy
  readonly now: () => number
  readonly adopted: boolean
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
    adopted: adopt !== undefined,
    state: input.from,
    process: adopt?.process ?? null,
    activity: null,
    ladder: startLadder(input.policy.rungs, input.now()),
    reason: adopt?.reason ?? null,
    exit: adopt?.exit ?? null,
    error: adopt?.error ?? null,
    escaped: [],
    unverified: false,
    evidence: null,
    cleanup: true,
    forced: false,
    times: {
      running: adopt?.runningSinceMs ?? null,
      terminating: null,
      exited: adopt?.exit ? input.now() : null,
    },
  }
}

/** Whether `reaping` has nothing to run at its end. */
export const nothingToClean = (context: LifeContext): boolean =>
  !context.cleanup || context.policy.cleanupLimitMs === null

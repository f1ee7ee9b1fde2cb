/**
 * What one life knows, takes and does: the setup of `agentMachine`, whose chart is in `agent.ts`.
 *
 * Effects are actions that the outside provides (`provideEffects`); what becomes of them comes back as events.
 */
import { assign, emit, setup } from 'xstate'
import {
  climb,
  currentRung,
  hasten,
  isDue,
  type Ladder,
  type Rung,
  remainingMs,
  scaleTo,
  startLadder,
  take,
} from './escalation.ts'
import type {
  Activity,
  AgentState,
  EndState,
  EntryDraft,
  EntryEvent,
  ErrorInfo,
  Evidence,
  Exit,
  LifeAddress,
  LifeEvent,
  ProcessIdentity,
  Reason,
  StopRequest,
} from './events.ts'
import { isCrashlike, type LifeEnd } from './restart.ts'

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
  /** Bounds all clean-up hooks together; 0: there are none. */
  readonly cleanupLimitMs: number
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
  /** What was seen when its end was decided: it stays beside the reason until the end. */
  readonly evidence: Evidence | null
  readonly cleanup: boolean
  /** SIGKILL was sent to the leader's tree. */
  readonly forced: boolean
  readonly terminatingSinceMs: number | null
  readonly runningSinceMs: number | null
  readonly exitedAtMs: number | null
}

/** Told to the parent when a life is over: how it ended, and the entry of it, which the parent tells. */
export interface LifeOutput extends LifeEnd, LifeAddress {
  readonly entry: EntryDraft
}

export type LifeEmitted = { readonly type: 'entry'; readonly entry: EntryDraft }

/** What the outside does for a life. Each returns at once. */
export interface LifeEffects {
  launch(life: LifeContext): void
  withdrawLaunch(life: LifeContext): void
  takeRung(life: LifeContext, signal: NodeJS.Signals): void
  killTree(life: LifeContext): void
  sweepTree(life: LifeContext, options: { readonly gentle: boolean }): void
  cleanUp(life: LifeContext): void
}

/** How long the sweep of what a leader left may take beyond `killWait`: 1 s of SIGTERM, the passes, the launcher's answer. */
const SWEEP_SLACK_MS = 5_000

const draft = (
  life: LifeContext,
  to: AgentState,
  event: EntryEvent,
  more: Partial<EntryDraft> = {},
): EntryDraft => ({
  agentId: life.agentId,
  incarnation: life.incarnation,
  name: life.name,
  from: life.state,
  to,
  event,
  ...(life.process && { process: life.process }),
  ...more,
})

const endOf = (life: LifeContext): EndState => {
  if (life.reason !== null && life.error?.code !== 'internal') return 'killed'
  const well =
    life.error === null && life.exit?.code != null && life.policy.exitCodes.includes(life.exit.code)
  return well ? 'completed' : 'crashed'
}

/** How a life ended, once it stands in an end. */
export function outputOf(life: LifeContext): LifeOutput {
  const end = endOf(life)
  const elapsedMs = life.terminatingSinceMs === null ? undefined : life.now() - life.terminatingSinceMs
  return {
    agentId: life.agentId,
    incarnation: life.incarnation,
    end,
    exit: life.exit,
    reason: life.reason,
    error: life.error,
    escaped: life.escaped,
    ranMs: life.runningSinceMs === null ? 0 : (life.exitedAtMs ?? life.now()) - life.runningSinceMs,
    entry: draft(life, end, 'end', {
      ...(life.exit && { exit: life.exit }),
      ...(life.reason && { reason: life.reason }),
      ...(life.error && { error: life.error }),
      ...(life.escaped.length > 0 && { escaped: life.escaped }),
      ...((life.evidence || elapsedMs !== undefined) && {
        evidence: { ...(life.reason && life.evidence), ...(elapsedMs !== undefined && { elapsedMs }) },
      }),
    }),
  }
}

const stopRequest = (event: LifeEvent): StopRequest | undefined =>
  event.type === 'STOP' || event.type === 'KILL' ? event : undefined

/** Intent outlives what Reeve asked for on its own: a user's stop replaces a stall as the reason, never the reverse. */
const strongerReason = (old: Reason | null, asked: Reason): Reason =>
  old === null || (isCrashlike(old) && !isCrashlike(asked)) ? asked : old

export const life = setup({
  types: {
    context: {} as LifeContext,
    events: {} as LifeEvent,
    input: {} as LifeInput,
    emitted: {} as LifeEmitted,
    output: {} as LifeOutput,
  },

  delays: {
    spawnTimeout: ({ context }) => clamp(context.policy.spawnTimeoutMs),
    readyTimeout: ({ context }) => clamp(context.policy.readyTimeoutMs),
    stallGrace: ({ context }) => clamp(context.policy.stallGraceMs),
    rungWait: ({ context }) => clamp(remainingMs(context.ladder, context.now())),
    killWait: ({ context }) => clamp(context.policy.killWaitMs),
    sweepLimit: ({ context }) => clamp(context.policy.killWaitMs + SWEEP_SLACK_MS),
    cleanupLimit: ({ context }) => clamp(context.policy.cleanupLimitMs + SWEEP_SLACK_MS),
  },

  guards: {
    adoptedAfterExit: ({ context }) => context.adopted && context.exit !== null,
    adoptedWithProcess: ({ context }) => context.adopted && context.process !== null,
    adoptedWithoutProcess: ({ context }) => context.adopted,
    readyAtSpawn: ({ context }) => context.policy.readyAtSpawn,
    stallTerminates: ({ context }) => context.policy.onStall === 'terminate',
    rungsLeft: ({ context }) => context.ladder.at + 1 < context.ladder.rungs.length,
    noRungs: ({ context }) => context.ladder.rungs.length === 0,
    nothingToClean: ({ context }) => nothingToClean(context),
    endedByRequest: ({ context }) => endOf(context) === 'killed',
    endedWell: ({ context }) => endOf(context) === 'completed',
    isForced: ({ context }) => context.forced,
    foundSurvivors: ({ event }) => event.type === 'SWEPT' && event.swept.length + event.escaped.length > 0,
    saysWorking: ({ context, event }) => says(context, event, 'working'),
    saysIdle: ({ context, event }) => says(context, event, 'idle'),
    saysWaiting: ({ context, event }) => says(context, event, 'waiting'),
  },

  actions: {
    // What the log hears.
    enter: emit(({ context, event }, params: { to: AgentState; event: EntryEvent }) => ({
      type: 'entry' as const,
      entry: draft(context, params.to, params.event, tellingOf(context, event, params.to)),
    })),
    entered: assign((_, params: { to: AgentState }) => ({ state: params.to })),
    note: emit(({ context, event }, params: { event: EntryEvent }) => ({
      type: 'entry' as const,
      entry: draft(
        context,
        context.state ?? 'spawning',
        params.event,
        tellingOf(context, event, context.state),
      ),
    })),
    noteAsAsked: emit(({ context, event }) => ({
      type: 'entry' as const,
      entry: draft(
        context,
        context.state ?? 'spawning',
        event.type === 'NOTE' ? event.event : 'fault',
        tellingOf(context, event, context.state),
      ),
    })),
    noteKillFailed: emit(({ context }) => ({
      type: 'entry' as const,
      entry: draft(context, context.state ?? 'terminating', 'kill_failed', {
        error: {
          code: 'kill_failed',
          message: `pid ${context.process?.pid ?? '?'} is still there ${context.policy.killWaitMs} ms after SIGKILL`,
        },
      }),
    })),
    noteUnverified: assign({
      error: ({ context }) =>
        context.error ?? {
          code: 'kill_failed',
          message: 'the launcher did not say in time whether anything of the tree is left',
        },
    }),
    noteCleanupOverdue: emit(({ context }) => ({
      type: 'entry' as const,
      entry: draft(context, 'reaping', 'cleanup_failed', {
        error: { code: 'cleanup_failed', message: 'the clean-up hooks did not come to an end in time' },
      }),
    })),

    // What the life remembers.
    setProcess: assign(({ event }) => (event.type === 'SPAWNED' ? { process: event.process } : {})),
    setActivity: assign(({ event }) => (event.type === 'ACTIVITY' ? { activity: event.activity } : {})),
    setWorking: assign(({ context }) => ({
      activity: { kind: 'working' as const },
      runningSinceMs: context.runningSinceMs ?? context.now(),
    })),
    setEvidence: assign(({ event }) => (event.type === 'STALLED' ? { evidence: event.evidence } : {})),
    clearEvidence: assign({ evidence: null }),
    clearActivity: assign({ activity: null }),
    setExit: assign(({ context, event }) =>
      event.type === 'EXITED' ? { exit: event.exit, exitedAtMs: context.now() } : {},
    ),
    setSpawnError: assign(({ context, event }) => ({
      error:
        event.type === 'SPAWN_FAILED'
          ? event.error
          : {
              code: 'spawn_failed',
              message: `no process within ${context.policy.spawnTimeoutMs} ms (spawnTimeout)`,
            },
    })),
    setEscaped: assign(({ event }) => (event.type === 'SWEPT' ? { escaped: event.escaped } : {})),
    asked: assign(({ context, event }) => {
      const request = stopRequest(event)
      if (!request) return {}
      return {
        reason: strongerReason(context.reason, request.reason),
        evidence: request.evidence ?? context.evidence,
        cleanup: context.cleanup && request.cleanup !== false,
        forced: context.forced || event.type === 'KILL',
      }
    }),
    noCleanup: assign(({ context, event }) => ({
      cleanup: context.cleanup && stopRequest(event)?.cleanup !== false,
    })),
    blameReadiness: assign(({ context }) => ({
      reason: {
        kind: 'ready_timeout' as const,
        by: 'supervisor',
        message: `not ready within ${context.policy.readyTimeoutMs} ms`,
      },
      error: {
        code: 'ready_timeout',
        message: `it was not ready within ${context.policy.readyTimeoutMs} ms (ready.timeout)`,
      },
    })),
    blameStall: assign(({ context }) => ({
      reason: {
        kind: 'stall' as const,
        by: 'supervisor',
        message: `no heartbeat came in the ${context.policy.stallGraceMs} ms of grace (heartbeat.grace)`,
      },
    })),

    // The ladder.
    startLadder: assign(({ context, event }) => {
      const graceMs = stopRequest(event)?.graceMs
      const rungs = graceMs === undefined ? context.policy.rungs : scaleTo(context.policy.rungs, graceMs)
      return {
        ladder: startLadder(rungs, context.now()),
        terminatingSinceMs: context.terminatingSinceMs ?? context.now(),
      }
    }),
    climb: assign(({ context }) => ({ ladder: climb(context.ladder, context.now()) })),
    restartLadder: assign(({ context }) => ({ ladder: startLadder(context.ladder.rungs, context.now()) })),
    hasten: assign(({ context, event }) => {
      const graceMs = stopRequest(event)?.graceMs
      return graceMs === undefined ? {} : { ladder: hasten(context.ladder, graceMs, context.now()) }
    }),
    rungTaken: assign(({ context }) => ({ ladder: take(context.ladder) })),
    markForced: assign({ forced: true }),

    // What the outside does: provided by `provideEffects`, silent otherwise (in a diagram, in a path computation).
    launch: () => {},
    withdrawLaunch: () => {},
    takeRung: () => {},
    killTree: () => {},
    sweepGently: () => {},
    sweepAtOnce: () => {},
    cleanUp: () => {},
  },
})

/** Whether it says something new of what it does; the same again is a heartbeat, and no entry. */
const says = (context: LifeContext, event: LifeEvent, kind: Activity['kind']): boolean =>
  event.type === 'ACTIVITY' &&
  event.activity.kind === kind &&
  (context.state === 'stalling' || JSON.stringify(event.activity) !== JSON.stringify(context.activity))

const nothingToClean = (context: LifeContext): boolean =>
  !context.cleanup || context.policy.cleanupLimitMs === 0

const clamp = (ms: number): number => Math.min(Math.max(0, ms), 2 ** 31 - 1)

/** What an entry says beside its states: taken from the event that made it. */
function tellingOf(context: LifeContext, event: LifeEvent, to: AgentState | null): Partial<EntryDraft> {
  const activity = to === 'running' && context.activity ? { activity: context.activity } : {}
  const ending =
    context.reason && to === 'terminating'
      ? { reason: context.reason, ...(context.evidence && { evidence: context.evidence }) }
      : {}
  const failed = context.error ? { error: context.error } : {}
  switch (event.type) {
    case 'SPAWNED':
      return { process: event.process }
    case 'SPAWN_FAILED':
      return { error: event.error }
    case 'READY':
    case 'STALLED':
      return { ...activity, evidence: event.evidence }
    case 'HEARTBEAT':
      return { ...activity, ...(event.evidence && { evidence: event.evidence }) }
    case 'ACTIVITY':
      return { activity: event.activity }
    case 'SIGNALLED':
      return {
        evidence: { signal: event.signal, signalled: event.signalled, ...graceNow(context, event.signal) },
      }
    case 'EXITED':
      return { exit: event.exit, ...(context.reason && { reason: context.reason }) }
    case 'SWEPT':
      return {
        ...(event.swept.length > 0 && { evidence: { swept: event.swept } }),
        ...(event.escaped.length > 0 && { escaped: event.escaped }),
      }
    case 'NOTE':
      return {
        ...(event.evidence && { evidence: event.evidence }),
        ...(event.usage && { usage: event.usage }),
        ...(event.reportOffset !== undefined && { reportOffset: event.reportOffset }),
        ...(event.error && { error: event.error }),
      }
    case 'STOP':
    case 'KILL':
      return ending
    case 'CLEANED':
      return {}
    default:
      // A delay or the start of the actor: what it did stands in the context.
      return { ...activity, ...ending, ...failed }
  }
}

/** The grace that follows a rung's signal, while the life still stands on that rung. */
function graceNow(context: LifeContext, signal: NodeJS.Signals): Partial<Evidence> {
  const rung = currentRung(context.ladder)
  return rung?.signal === signal && !context.forced ? { waitMs: rung.waitMs } : {}
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
    evidence: null,
    cleanup: true,
    forced: false,
    terminatingSinceMs: null,
    runningSinceMs: adopt?.runningSinceMs ?? null,
    exitedAtMs: adopt?.exit ? input.now() : null,
  }
}

/** `agentMachine` bound to the outside. An effect that throws is told to `fault`, and harms no life. */
export function effectActions(effects: LifeEffects, fault: (cause: unknown, life: LifeContext) => void) {
  const contained =
    (effect: (life: LifeContext) => void) =>
    ({ context }: { context: LifeContext }): void => {
      try {
        effect(context)
      } catch (cause) {
        fault(cause, context)
      }
    }
  return {
    launch: contained((life) => effects.launch(life)),
    withdrawLaunch: contained((life) => effects.withdrawLaunch(life)),
    takeRung: contained((life) => {
      const rung = currentRung(life.ladder)
      if (rung && isDue(life.ladder)) effects.takeRung(life, rung.signal)
    }),
    killTree: contained((life) => effects.killTree(life)),
    sweepGently: contained((life) => effects.sweepTree(life, { gentle: true })),
    sweepAtOnce: contained((life) => effects.sweepTree(life, { gentle: false })),
    cleanUp: contained((life) => {
      if (!nothingToClean(life)) effects.cleanUp(life)
    }),
  }
}

/**
 * What one life knows, takes and does: the setup of `agentMachine`, whose chart is in `agent.ts`.
 *
 * Effects are actions that the outside provides (`effectActions`); what becomes of them comes back as events.
 */
import { assign, emit, setup } from 'xstate'
import { type LifeContext, type LifeInput, type LifeOutput, nothingToClean } from './context.ts'
import {
  askAgain,
  cancelFirst,
  climb,
  hasSignalled,
  remainingMs,
  scaleTo,
  startLadder,
  take,
} from './escalation.ts'
import type { Activity, AgentState, EntryDraft, EntryEvent, LifeEvent, StopRequest } from './events.ts'
import { strongerReason } from './restart.ts'
import { draft, endOf, tellingOf } from './telling.ts'

export type LifeEmitted = { readonly type: 'entry'; readonly entry: EntryDraft }

/** How long the sweep of what a leader left may take beyond `killWait`: 1 s of SIGTERM, the passes, the launcher's answer. */
const SWEEP_SLACK_MS = 5_000

const stopRequest = (event: LifeEvent): StopRequest | undefined =>
  event.type === 'STOP' || event.type === 'KILL' ? event : undefined

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
    readyTimeout: ({ context }) => clamp(readyDeadlineMs(context) - context.now()),
    stallGrace: ({ context }) => clamp(context.policy.stallGraceMs),
    rungWait: ({ context }) => clamp(remainingMs(context.ladder, context.now())),
    killWait: ({ context }) => clamp(context.policy.killWaitMs),
    sweepLimit: ({ context }) => clamp(context.policy.killWaitMs + SWEEP_SLACK_MS),
    cleanupLimit: ({ context }) => clamp((context.policy.cleanupLimitMs ?? 0) + SWEEP_SLACK_MS),
  },

  guards: {
    faultedAfterExit: ({ context }) => context.door === 'faulted' && context.exit !== null,
    faultedWithProcess: ({ context }) => context.door === 'faulted' && context.process !== null,
    faultedWithoutProcess: ({ context }) => context.door === 'faulted',
    wasSpawning: ({ context }) => was(context, 'spawning'),
    wasPreStarting: ({ context }) => was(context, 'pre_starting'),
    wasIdle: ({ context }) => was(context, 'running') && context.activity?.kind === 'idle',
    wasWaiting: ({ context }) => was(context, 'running') && context.activity?.kind === 'waiting',
    wasRunning: ({ context }) => was(context, 'running'),
    wasStalling: ({ context }) => was(context, 'stalling'),
    wasAwaitingPid: ({ context }) => was(context, 'terminating') && context.process === null,
    wasKilling: ({ context }) => was(context, 'terminating') && context.forced,
    wasClimbing: ({ context }) => was(context, 'terminating'),
    wasReapingGently: ({ context }) => was(context, 'reaping') && context.reason === null,
    wasReaping: ({ context }) => was(context, 'reaping'),
    readyAtSpawn: ({ context }) => context.policy.readyAtSpawn,
    stallTerminates: ({ context }) => context.policy.onStall === 'terminate',
    rungsLeft: ({ context }) => context.ladder.at + 1 < context.ladder.rungs.length,
    noRungs: ({ context }) => context.ladder.rungs.length === 0,
    nothingToClean: ({ context }) => nothingToClean(context),
    endedByRequest: ({ context }) => endOf(context) === 'killed',
    endedWell: ({ context }) => endOf(context) === 'completed',
    isForced: ({ context }) => context.forced,
    endedBefore: ({ context: { reason, times } }) =>
      (reason?.kind === 'budget' || reason?.kind === 'ttl') && times.reached === null,
    treeSignalled: ({ context }) => context.forced || hasSignalled(context.ladder),
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
    // Whatever went wrong before: nobody knows whether anything of it lives, and that has to be said.
    setUnverified: assign({
      unverified: true,
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
    setProcess: assign(({ context, event }) =>
      event.type === 'SPAWNED'
        ? { process: event.process, times: { ...context.times, spawned: context.now() } }
        : {},
    ),
    setReadyBy: assign(({ context, event }) =>
      event.type === 'EXTENDED'
        ? {
            times: {
              ...context.times,
              readyBy: Math.max(context.times.readyBy ?? 0, context.now() + event.byMs),
            },
          }
        : {},
    ),
    setActivity: assign(({ event }) => (event.type === 'ACTIVITY' ? { activity: event.activity } : {})),
    setWorking: assign(({ context }) => ({
      activity: { kind: 'working' as const },
      times: { ...context.times, running: context.times.running ?? context.now() },
    })),
    setEvidence: assign(({ event }) =>
      event.type === 'STALLED' || event.type === 'PROBED' ? { evidence: event.evidence } : {},
    ),
    clearEvidence: assign({ evidence: null }),
    clearActivity: assign({ activity: null }),
    setExit: assign(({ context, event }) =>
      event.type === 'EXITED'
        ? {
            exit: event.exit,
            times: { ...context.times, exited: context.now(), exitedAt: event.at ?? null },
          }
        : {},
    ),
    setReached: assign(({ context, event }) => {
      const reached = event.type === 'SIGNALLED' ? event.signalled.length > 0 : 'through' in event
      if (!reached || context.times.reached !== null) return {}
      return { times: { ...context.times, reached: context.now() } }
    }),
    withdrawReason: assign({ reason: null, evidence: null }),
    setSpawnError: assign(({ context, event }) => ({
      error:
        event.type === 'SPAWN_FAILED'
          ? event.error
          : {
              code: 'spawn_failed',
              message: `no process within ${context.policy.spawnTimeoutMs} ms (spawnTimeout)`,
            },
    })),
    setEscaped: assign(({ event }) =>
      event.type === 'SWEPT' || event.type === 'SPAWN_FAILED' ? { escaped: event.escaped ?? [] } : {},
    ),
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
        message: `not ready within ${context.policy.readyTimeoutMs} ms${extension(context)}`,
      },
      error: {
        code: 'ready_timeout',
        message:
          `it was not ready within ${context.policy.readyTimeoutMs} ms (ready.timeout)${extension(context)}` +
          (context.evidence?.probe === undefined ? '' : `; last: ${context.evidence.probe}`),
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
      const { graceMs, cancelMs } = stopRequest(event) ?? {}
      const own = context.policy.rungs
      const rungs = graceMs === undefined ? own : scaleTo(own, graceMs)
      const isOwn = graceMs === undefined && cancelMs === undefined
      return {
        // Its launcher may have been on it already, while it had no supervisor.
        ladder:
          isOwn && context.ladder.taken > 0
            ? context.ladder
            : startLadder(cancelMs === undefined ? rungs : cancelFirst(rungs, cancelMs), context.now()),
        times: { ...context.times, terminating: context.times.terminating ?? context.now() },
      }
    }),
    climb: assign(({ context }) => ({ ladder: climb(context.ladder, context.now()) })),
    restartLadder: assign(({ context }) => ({ ladder: startLadder(context.ladder.rungs, context.now()) })),
    hasten: assign(({ context, event }) => {
      const { ladder, policy, now } = context
      const request = stopRequest(event)
      return request ? { ladder: askAgain(ladder, policy.rungs, request, now()) } : {}
    }),
    rungTaken: assign(({ context }) => ({ ladder: take(context.ladder) })),
    markForced: assign({ forced: true }),

    // What the outside does: provided by `effectActions`, silent otherwise (in a diagram, in a path computation).
    launch: () => {},
    withdrawLaunch: () => {},
    takeRung: () => {},
    killTree: () => {},
    sweepGently: () => {},
    sweepAtOnce: () => {},
    cleanUp: () => {},
  },
})

/** Where a life that another supervisor began goes on. */
const was = (context: LifeContext, state: AgentState): boolean =>
  context.door === 'recovered' && context.state === state

/** Whether it says something new of what it does; the same again is a heartbeat, and no entry. */
const says = (context: LifeContext, event: LifeEvent, kind: Activity['kind']): boolean =>
  event.type === 'ACTIVITY' &&
  event.activity.kind === kind &&
  (context.state === 'stalling' || JSON.stringify(event.activity) !== JSON.stringify(context.activity))

/** When it has to be ready: by its spec, or by what it asked for, whichever is later. */
const readyDeadlineMs = ({ times, policy, now }: LifeContext): number =>
  Math.max((times.spawned ?? now()) + policy.readyTimeoutMs, times.readyBy ?? 0)

const extension = ({ times }: LifeContext): string =>
  times.readyBy === null ? '' : ', nor in the time that it asked for (extend)'

const clamp = (ms: number): number => Math.min(Math.max(0, ms), 2 ** 31 - 1)

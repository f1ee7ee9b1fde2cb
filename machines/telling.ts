/** What the log hears of a life: the drafts of its entries, and how it ended. */
import type { LifeContext, LifeOutput } from './context.ts'
import { type Asked, askedBy, asks, currentRung } from './escalation.ts'
import type { AgentState, EndState, EntryDraft, EntryEvent, Evidence, LifeEvent } from './events.ts'

/** An entry of this life, from the state last told. */
export const draft = (
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

/** Which end it is, once it is one. */
export const endOf = (life: LifeContext): EndState => {
  if (life.reason !== null && life.error?.code !== 'internal') return 'killed'
  const well =
    life.error === null && life.exit?.code != null && life.policy.exitCodes.includes(life.exit.code)
  return well ? 'completed' : 'crashed'
}

/** How a life ended, once it stands in an end. */
export function outputOf(life: LifeContext): LifeOutput {
  const end = endOf(life)
  const { running, terminating, exited } = life.times
  const elapsedMs = terminating === null ? undefined : life.now() - terminating
  return {
    agentId: life.agentId,
    incarnation: life.incarnation,
    end,
    exit: life.exit,
    reason: life.reason,
    error: life.error,
    escaped: life.escaped,
    unverified: life.unverified,
    ranMs: running === null ? 0 : (exited ?? life.now()) - running,
    entry: draft(life, end, 'end', {
      ...(life.exit && { exit: life.exit }),
      ...(life.reason && { reason: life.reason }),
      ...(life.error && { error: life.error }),
      ...(life.times.exitedAt !== null && { at: life.times.exitedAt }),
      ...(life.escaped.length > 0 && { escaped: life.escaped }),
      ...((life.evidence || life.unverified || elapsedMs !== undefined) && {
        evidence: {
          ...(life.reason && life.evidence),
          ...(elapsedMs !== undefined && { elapsedMs }),
          ...(life.unverified && { unverified: true as const }),
        },
      }),
    }),
  }
}

/** What an entry says beside its states: taken from the event that made it. */
export function tellingOf(
  context: LifeContext,
  event: LifeEvent,
  to: AgentState | null,
): Partial<EntryDraft> {
  const activity = to === 'running' && context.activity ? { activity: context.activity } : {}
  const ending =
    context.reason && to === 'terminating'
      ? { reason: context.reason, ...(context.evidence && { evidence: context.evidence }) }
      : {}
  const failed = context.error ? { error: context.error } : {}
  switch (event.type) {
    case 'SPAWNED':
      return { process: event.process, ...(event.evidence && { evidence: event.evidence }) }
    case 'SPAWN_FAILED':
      // Withdrawn because its end was asked for: that is no failure of its own.
      return {
        ...(!context.reason && { error: event.error }),
        ...(event.escaped && event.escaped.length > 0 && { escaped: event.escaped }),
      }
    case 'READY':
      return { ...activity, evidence: event.evidence, ...upTo(event) }
    case 'STALLED':
      return { ...activity, evidence: event.evidence }
    case 'HEARTBEAT':
      return { ...activity, ...(event.evidence && { evidence: event.evidence }), ...upTo(event) }
    case 'ACTIVITY':
      return { activity: event.activity, ...upTo(event) }
    case 'EXTENDED':
      return { evidence: event.evidence, ...upTo(event) }
    case 'SIGNALLED':
      return {
        evidence: { signal: event.signal, signalled: event.signalled, ...graceNow(context, event.signal) },
      }
    case 'ASKED': {
      const { asked, through, signal, signalled, refused } = event
      return {
        evidence: {
          asked,
          ...(through !== undefined && { through }),
          ...(signal !== undefined && { signal }),
          ...(signalled && { signalled }),
          ...(refused !== undefined && { refused }),
          ...graceNow(context, asked),
        },
      }
    }
    case 'EXITED':
      return {
        exit: event.exit,
        ...(event.at !== undefined && { at: event.at }),
        ...(context.reason && { reason: context.reason }),
      }
    case 'SWEPT':
      return {
        ...(event.swept.length > 0 && { evidence: { swept: event.swept } }),
        ...(event.escaped.length > 0 && { escaped: event.escaped }),
      }
    case 'NOTE':
      return {
        ...(event.evidence && { evidence: event.evidence }),
        ...(event.usage && { usage: event.usage }),
        ...upTo(event),
        ...(event.error && { error: event.error }),
      }
    case 'STOP':
    case 'KILL': {
      const { cancelMs, graceMs } = event
      if ((cancelMs ?? graceMs) === undefined || to !== 'terminating') return ending
      const given = {
        ...(cancelMs !== undefined && { withinMs: cancelMs }),
        ...(graceMs !== undefined && { graceMs }),
      }
      return { ...ending, evidence: { ...context.evidence, ...given } }
    }
    case 'PROBED':
    case 'CLEANED':
      return {}
    default:
      // A delay or the start of the actor: what it did stands in the context.
      return { ...activity, ...ending, ...failed }
  }
}

/** Committed with what a report led to: a successor reads on from there. */
const upTo = ({ reportOffset }: { readonly reportOffset?: number }) =>
  reportOffset === undefined ? {} : { reportOffset }

/** The grace that follows what a rung did, while the life still stands on that rung. */
function graceNow({ ladder, forced }: LifeContext, did: NodeJS.Signals | Asked): Partial<Evidence> {
  const rung = currentRung(ladder)
  if (rung === undefined || forced) return {}
  return (asks(rung) ? askedBy(rung) : rung.signal) === did ? { waitMs: rung.waitMs } : {}
}

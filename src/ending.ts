/** Asking for ends and new beginnings of single agents: stop, cancel, kill, restart, by handle or by selection. */
import { cancelFirst, cancelWaitOf, graceOf } from '../machines/escalation.ts'
import type { ReasonKind, StopRequest } from '../machines/events.ts'
import { childOf } from '../machines/members.ts'
import { Deferred } from './deferred.ts'
import { durationMs } from './duration.ts'
import { ReeveError } from './errors.ts'
import type { CancelOptions, KillResult, StopOptions } from './kill.ts'
import { cancelOptionsSchema, killOptionsSchema, selectionSchema, stopOptionsSchema } from './options.ts'
import { notFound } from './queries.ts'
import type { Selection } from './reeve.ts'
import type { AgentRecord } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import type { Seat } from './seat.ts'
import { refuseExhausted } from './spending.ts'
import { parseStrictly } from './strict.ts'

/** A reason other than a user's, and what was seen. */
export type Why = Pick<StopRequest, 'reason' | 'evidence'>

/** How an end is asked for. */
export type Ending = 'STOP' | 'CANCEL' | 'KILL'
type EndingOptions = StopOptions & CancelOptions

const WAYS = {
  STOP: { what: 'stop', schema: stopOptionsSchema, action: 'graceful_kill', kind: 'user' },
  CANCEL: { what: 'cancel', schema: cancelOptionsSchema, action: 'cancel', kind: 'cancelled' },
  KILL: { what: 'kill', schema: killOptionsSchema, action: 'force_kill', kind: 'user' },
} as const

/** What a caller of stop, cancel, kill or restart said, as the machines take it. */
function requestOf(options: EndingOptions, kind: ReasonKind = 'user'): StopRequest {
  const { grace, reason, by = 'user', cleanup } = options
  return {
    reason: { kind, by, ...(reason !== undefined && { message: reason }) },
    ...(grace !== undefined && { graceMs: durationMs(grace, 'grace') }),
    ...(cleanup !== undefined && { cleanup }),
  }
}

/** Resolves when the present life's tree is gone and the journal has it. */
export async function endAgent(
  runtime: Runtime,
  seat: Seat,
  ending: Ending,
  options: EndingOptions = {},
  why?: Why,
): Promise<KillResult> {
  const { what, schema, action, kind } = WAYS[ending]
  parseStrictly(schema, options, what)
  const { id: agentId, name, life } = seat.plan
  if (seat.ended) {
    const message = `${name} has ended already (${seat.record.state})`
    throw new ReeveError('process_not_found', message, { agentId, record: seat.record })
  }
  const { rungs } = life
  const { within } = options
  const cancelMs = within === undefined ? cancelWaitOf(rungs) : durationMs(within, 'within')
  const request = { ...requestOf(options, kind), ...(ending === 'CANCEL' && { cancelMs }), ...why }
  const graceMs = request.graceMs ?? graceOf(ending === 'CANCEL' ? cancelFirst(rungs, cancelMs) : rungs)
  const deferred = new Deferred<KillResult>()
  seat.endWaiters.push({ action, graceMs, deferred })
  const { reason, evidence } = request
  if (request.cleanup === false && !seat.waiting) runtime.launcher.leave(seat.life)
  if (seat.waiting)
    runtime.turns.end(seat, {
      event: ending === 'KILL' ? 'kill' : 'stop',
      reason,
      ...(evidence && { evidence }),
    })
  else runtime.send({ type: ending === 'KILL' ? 'KILL' : 'STOP', agentId, ...request })
  return deferred.promise
}

/** Side by side, the last spawned first. Nothing that could mean "all" by mistake is taken for it. */
export async function endSelected(
  runtime: Runtime,
  selection: Selection,
  ending: Ending,
  options: EndingOptions = {},
): Promise<KillResult[]> {
  const which = parseStrictly(selectionSchema, selection, 'selection')
  const seats = selected(runtime, which)
  if (!('all' in which) && seats.length === 0) {
    const [[label = '', value] = []] = Object.entries(which)
    const message = `no agent that has not ended has the ${label} ${JSON.stringify(value)}`
    throw new ReeveError('agent_not_found', message)
  }
  return Promise.all(seats.map((seat) => endAgent(runtime, seat, ending, options)))
}

function selected({ roster }: Runtime, which: Selection): Seat[] {
  const live = roster.live().reverse()
  if ('all' in which) return live
  return live.filter(({ plan }) => ('task' in which ? plan.task === which.task : plan.lane === which.lane))
}

/** Resolves when the next life is `running`. Concurrent calls share one. */
export async function restartAgent(runtime: Runtime, seat: Seat, options: StopOptions): Promise<AgentRecord> {
  parseStrictly(stopOptionsSchema, options, 'restart')
  if (runtime.roster.removing.has(seat.plan.id)) throw notFound(seat.plan.id)
  runtime.turns.refuseAgain(seat)
  if (seat.restart && !isToEnd(runtime, seat)) return seat.restart.deferred.promise
  refuseExhausted(seat)
  const deferred = seat.restart?.deferred ?? new Deferred<AgentRecord>()
  if (seat.ended) {
    runtime.roster.refuseTaken({ id: '', name: seat.plan.name })
    if (seat.plan.group !== undefined) runtime.groups.refuseOver(seat.plan.group)
    runtime.admission.admit(seat.plan.name)
  }
  const { incarnation } = seat.record
  // Of one that waits for its turn, the next life is its first.
  seat.restart = { deferred, beyond: seat.waiting ? incarnation - 1 : incarnation }
  if (seat.ended) {
    seat.reopen()
    runtime.take(seat)
    runtime.turns.hold(seat)
    runtime.begin(seat, seat.record.state)
  } else if (!seat.waiting) {
    if (seat.expired) runtime.vigil.begin(seat)
    const request = requestOf({ reason: 'restart', ...options })
    if (request.cleanup === false) runtime.launcher.leave(seat.life)
    runtime.send({ type: 'RESTART', agentId: seat.plan.id, ...request })
  }
  return deferred.promise
}

/** An end was asked for since its restart was, of the old life or of the new one: the last word holds. */
const isToEnd = ({ root }: Runtime, { plan }: Seat): boolean =>
  childOf(root.getSnapshot().context.children, plan.id)?.intent === 'end'

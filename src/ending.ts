/** Asking for ends and new beginnings of single agents: stop, kill, restart, by handle or by selection. */
import { graceOf } from '../machines/escalation.ts'
import type { Reason, StopRequest } from '../machines/events.ts'
import { Deferred } from './deferred.ts'
import { ReeveError } from './errors.ts'
import type { KillOptions, KillResult, StopOptions } from './kill.ts'
import { killOptionsSchema, selectionSchema, stopOptionsSchema } from './options.ts'
import { notFound } from './queries.ts'
import type { Selection } from './reeve.ts'
import type { AgentRecord } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import type { Seat } from './seat.ts'
import { durationMs, parseStrictly } from './strict.ts'

/** A reason other than a user's, and what was seen. */
export type Why = Pick<StopRequest, 'reason' | 'evidence'>

/** What a caller of stop, kill or restart said, as the machines take it. */
function requestOf(options: StopOptions): StopRequest {
  const { grace, reason, by = 'user', cleanup } = options
  const asked: Reason = { kind: 'user', by, ...(reason !== undefined && { message: reason }) }
  return {
    reason: asked,
    ...(grace !== undefined && { graceMs: durationMs(grace, 'grace') }),
    ...(cleanup !== undefined && { cleanup }),
  }
}

/** Resolves when the present life's tree is gone and the journal has it. */
export async function endAgent(
  runtime: Runtime,
  seat: Seat,
  type: 'STOP' | 'KILL',
  options: StopOptions | KillOptions,
  why?: Why,
): Promise<KillResult> {
  if (type === 'STOP') parseStrictly(stopOptionsSchema, options, 'stop')
  else parseStrictly(killOptionsSchema, options, 'kill')
  const { id: agentId, name, life } = seat.plan
  if (seat.ended) {
    const message = `${name} has ended already (${seat.record.state})`
    throw new ReeveError('process_not_found', message, { agentId, record: seat.record })
  }
  const request = { ...requestOf(options), ...why }
  const deferred = new Deferred<KillResult>()
  const action = type === 'KILL' ? 'force_kill' : 'graceful_kill'
  seat.endWaiters.push({ action, graceMs: request.graceMs ?? graceOf(life.rungs), deferred })
  runtime.send({ type, agentId, ...request })
  return deferred.promise
}

/** Side by side, the last spawned first. Nothing that could mean "all" by mistake is taken for it. */
export async function endSelected(
  runtime: Runtime,
  selection: Selection,
  type: 'STOP' | 'KILL',
  options: StopOptions,
): Promise<KillResult[]> {
  const which = parseStrictly(selectionSchema, selection, 'selection')
  const live = runtime.roster.live().reverse()
  const seats = 'task' in which ? live.filter((seat) => seat.plan.task === which.task) : live
  if ('task' in which && seats.length === 0) {
    const task = JSON.stringify(which.task)
    throw new ReeveError('agent_not_found', `no agent that has not ended works on task ${task}`)
  }
  return Promise.all(seats.map((seat) => endAgent(runtime, seat, type, options)))
}

/** Resolves when the next life is `running`. Concurrent calls share one. */
export async function restartAgent(runtime: Runtime, seat: Seat, options: StopOptions): Promise<AgentRecord> {
  parseStrictly(stopOptionsSchema, options, 'restart')
  if (seat.removing) throw notFound(seat.plan.id)
  if (seat.restart) return seat.restart.deferred.promise
  const deferred = new Deferred<AgentRecord>()
  if (seat.ended) runtime.roster.refuseTaken({ id: '', name: seat.plan.name })
  seat.restart = { deferred, beyond: seat.record.incarnation }
  if (seat.ended) {
    seat.reopen()
    runtime.take(seat)
    runtime.begin(seat, seat.record.incarnation + 1)
  } else {
    if (seat.expired) runtime.vigil.begin(seat)
    const request = requestOf({ reason: 'restart', ...options })
    runtime.send({ type: 'RESTART', agentId: seat.plan.id, ...request })
  }
  return deferred.promise
}

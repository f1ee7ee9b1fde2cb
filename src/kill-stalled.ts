/** Ending every agent that is silent. */
import { lifeKey, type StopRequest } from '../machines/events.ts'
import { timestamp } from './clock.ts'
import { messageOf, ReeveError } from './errors.ts'
import type { KillResult, KillStalledOptions, KillStalledResult, StopOptions } from './kill.ts'
import { matches } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import type { Seat } from './seat.ts'
import { durationMs } from './spec.ts'

/** A reason other than a user's, and what was seen. */
export type Why = Pick<StopRequest, 'reason' | 'evidence'>
type End = (seat: Seat, force: boolean, options: StopOptions, why: Why) => Promise<KillResult>

export async function killStalled(
  runtime: Runtime,
  end: End,
  { heartbeatTimeout, force = false, filter = {}, ...options }: KillStalledOptions,
): Promise<KillStalledResult> {
  const limitMs =
    heartbeatTimeout === undefined ? undefined : durationMs(heartbeatTimeout, 'heartbeatTimeout')
  const silentMsOf = (seat: Seat) => runtime.deadlines.silentMs(lifeKey(seat.life)) ?? 0
  const isSilent = (seat: Seat) => {
    if (limitMs === undefined || seat.record.state === 'stalling') return seat.record.state === 'stalling'
    return seat.record.activity?.kind === 'working' && silentMsOf(seat) > limitMs
  }

  const killedAgents: KillStalledResult['killedAgents'][number][] = []
  const failedAgents: NonNullable<KillStalledResult['failedAgents']>[number][] = []
  const endOne = async (seat: Seat) => {
    const silentMs = silentMsOf(seat)
    const evidence = seat.record.evidence ?? { silentMs, ...(limitMs !== undefined && { limitMs }) }
    const secondsSinceHeartbeat = Math.round(silentMs / 1000)
    try {
      const why: Why = { reason: { kind: 'stall', by: 'killStalled' }, evidence }
      const { agentId, pid, killedGracefully, taskId } = await end(seat, force, options, why)
      killedAgents.push({ agentId, pid, secondsSinceHeartbeat, killedGracefully, taskId })
    } catch (error) {
      const code = error instanceof ReeveError ? error.code : 'internal'
      failedAgents.push({ agentId: seat.plan.id, code, message: messageOf(error) })
    }
  }
  const live = [...runtime.byName.values()]
  await Promise.all(live.filter((seat) => matches(seat.record, filter) && isSilent(seat)).map(endOne))

  return {
    success: failedAgents.length === 0,
    action: 'kill_stalled',
    agentsKilled: killedAgents.length,
    killedAgents,
    ...(failedAgents.length > 0 && { failedAgents }),
    timestamp: timestamp(runtime.clock),
  }
}

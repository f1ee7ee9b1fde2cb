/** Ending every agent that is silent. */
import { timestamp } from './clock.ts'
import { durationMs } from './duration.ts'
import { endAgent, type Why } from './ending.ts'
import { messageOf, ReeveError } from './errors.ts'
import type { KillStalledOptions, KillStalledResult } from './kill.ts'
import { matches } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import type { Seat } from './seat.ts'

export async function killStalled(
  runtime: Runtime,
  { heartbeatTimeout, force = false, filter = {}, ...options }: KillStalledOptions,
): Promise<KillStalledResult> {
  const limitMs =
    heartbeatTimeout === undefined ? undefined : durationMs(heartbeatTimeout, 'heartbeatTimeout')
  const silentMsOf = (seat: Seat) => runtime.vigil.silentMs(seat.life) ?? 0
  const isSilent = (seat: Seat) => {
    if (limitMs === undefined || seat.record.state === 'stalling') return seat.record.state === 'stalling'
    if (runtime.vigil.hasTime(seat.life)) return false
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
      const { agentId, pid, killedGracefully, taskId } = await endAgent(
        runtime,
        seat,
        force ? 'KILL' : 'STOP',
        options,
        why,
      )
      killedAgents.push({ agentId, pid, secondsSinceHeartbeat, killedGracefully, taskId })
    } catch (error) {
      const code = error instanceof ReeveError ? error.code : 'internal'
      failedAgents.push({ agentId: seat.plan.id, code, message: messageOf(error) })
    }
  }
  const live = runtime.roster.live()
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

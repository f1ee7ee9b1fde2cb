/** Looks at agents: what they use, how long they have been silent, how they are. One pass for all of them. */
import { lifeKey } from '../machines/events.ts'
import { type AgentHealth, healthOf } from './agent-health.ts'
import { timestamp } from './clock.ts'
import type { Reading } from './health/vitals.ts'
import type { Runtime } from './runtime.ts'
import type { Seat } from './seat.ts'

const MIB = 2 ** 20

export async function checkUp(runtime: Runtime, seats: readonly Seat[]): Promise<AgentHealth[]> {
  const alive = seats.filter(({ record }) => record.alive)
  const readings = await runtime.vitals.read(alive.map(({ life }) => life))
  return seats.map((seat) => healthIn(runtime, seat, readings))
}

/** What was read of a life that has ended meanwhile is of no interest. */
function healthIn(runtime: Runtime, seat: Seat, readings: ReadonlyMap<string, Reading>): AgentHealth {
  const { record } = seat
  const seen = record.alive ? readings.get(lifeKey(seat.life)) : undefined
  return {
    agentId: record.id,
    name: record.name,
    health: healthOf(record.state),
    state: record.state,
    pid: record.pid,
    alive: record.alive,
    cpuPercent: seen?.cpuPercent ?? null,
    memoryMb: seen === undefined ? null : Math.round((seen.memoryBytes / MIB) * 10) / 10,
    processes: seen?.processes ?? (record.alive ? null : 0),
    secondsSinceHeartbeat: silentSeconds(runtime, seat),
    taskId: record.task,
    timestamp: timestamp(runtime.clock),
  }
}

function silentSeconds({ vigil, clock }: Runtime, { life, record }: Seat): number | null {
  const silentMs = vigil.silentMs(life)
  if (silentMs !== undefined) return Math.round(silentMs / 100) / 10
  if (record.lastHeartbeatAt === null) return null
  return Math.max(0, Math.round((clock.wallNow() - Date.parse(record.lastHeartbeatAt)) / 100) / 10)
}

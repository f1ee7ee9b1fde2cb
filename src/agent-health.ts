/** What a check-up of an agent says. */
import type { AgentState } from '../machines/events.ts'

/**
 * An agent's state as a monitor words it. `healthy`: it runs. `stalled`: it fell silent. `dead`: its process is gone, or
 * its end was asked for and is there. `completed`, `failed`: it ended by itself, well or badly. Besides, on the way:
 * `starting`, `stopping`, `restarting`.
 */
export const HEALTHS = [
  'starting',
  'healthy',
  'stalled',
  'stopping',
  'dead',
  'restarting',
  'completed',
  'failed',
] as const
export type Health = (typeof HEALTHS)[number]

export interface AgentHealth {
  readonly agentId: string
  readonly name: string
  readonly health: Health
  readonly state: AgentState
  /** `null` unless it is alive. */
  readonly pid: number | null
  readonly alive: boolean
  /**
   * CPU that its tree used since the last check-up (at least half a second of it; at a first one, over its whole life): 100
   * is one core. `null`: not alive, or it could not be read.
   */
  readonly cpuPercent: number | null
  /**
   * Resident memory of its tree, in MiB. What processes share counts in each of them: never less than what is used, and
   * more for a tree of forks. `null`: not alive, or it could not be read.
   */
  readonly memoryMb: number | null
  /** Live processes of its tree. `null`: it could not be read. */
  readonly processes: number | null
  /** `null`: it never gave a sign of life, or nobody watches for one (`heartbeat: false`). */
  readonly secondsSinceHeartbeat: number | null
  readonly taskId: string | null
  /** When it was looked at: ISO 8601, UTC. */
  readonly timestamp: string
}

const WORDS: Readonly<Record<AgentState, Health>> = {
  spawning: 'starting',
  pre_starting: 'starting',
  running: 'healthy',
  stalling: 'stalled',
  terminating: 'stopping',
  reaping: 'dead',
  restarting: 'restarting',
  killed: 'dead',
  crashed: 'failed',
  completed: 'completed',
}

export const healthOf = (state: AgentState): Health => WORDS[state]

/** Entries as a supervisor makes them, for a registry to be tried with. */
import type { Entry } from '../../../machines/events.ts'
import { type AgentRecord, fold } from '../record.ts'

export const SUPERVISOR = 'supervisor-1'

type Step = Partial<Entry> & Pick<Entry, 'from' | 'to' | 'event'>

/** Numbers the entries of one supervisor: from 1, without gaps. */
export class Writer {
  readonly supervisorId: string
  #seq = 0

  constructor(supervisorId = SUPERVISOR) {
    this.supervisorId = supervisorId
  }

  entry(agentId: string, step: Step): Entry {
    this.#seq += 1
    return {
      seq: this.#seq,
      at: new Date(Date.UTC(2026, 0, 1) + this.#seq).toISOString(),
      supervisorId: this.supervisorId,
      host: 'host-1',
      agentId,
      name: `name of ${agentId}`,
      incarnation: 1,
      ...step,
    }
  }

  /** From the spawn to `running`. `more` goes with each, as task and labels do. */
  start(agentId: string, more: Partial<Entry> = {}): Entry[] {
    const process = { pid: 4_000 + this.#seq, startTime: 77, bootId: 'boot-1' }
    return [
      this.entry(agentId, { ...SPAWN, ...more }),
      this.entry(agentId, { from: 'spawning', to: 'pre_starting', event: 'spawned', ...process, ...more }),
      this.entry(agentId, { from: 'pre_starting', to: 'running', event: 'ready', ...process, ...more }),
    ]
  }

  /** A life from its beginning to its end, asked for. */
  killed(agentId: string, more: Partial<Entry> = {}): Entry[] {
    const reason = { kind: 'user', by: 'tester', message: 'enough' } as const
    const exit = { code: null, signal: 'SIGTERM' } as const
    const sent = { signal: 'SIGTERM', waitMs: 500, signalled: [{ pid: 4_000, where: 'leader' }] } as const
    return [
      ...this.start(agentId, more),
      this.entry(agentId, { from: 'running', to: 'terminating', event: 'stop', reason, ...more }),
      this.entry(agentId, { from: 'terminating', to: 'terminating', event: 'rung', evidence: sent, ...more }),
      this.entry(agentId, { from: 'terminating', to: 'reaping', event: 'exit', exit, reason, ...more }),
      this.entry(agentId, { from: 'reaping', to: 'killed', event: 'end', exit, reason, ...more }),
    ]
  }

  /** It ended by itself, badly, and waits to come back. */
  crashed(agentId: string, more: Partial<Entry> = {}): Entry[] {
    const exit = { code: 3, signal: null }
    return [
      ...this.start(agentId, more),
      this.entry(agentId, { from: 'running', to: 'reaping', event: 'exit', exit, ...more }),
      this.entry(agentId, { from: 'reaping', to: 'crashed', event: 'end', exit, ...more }),
      this.entry(agentId, {
        from: 'crashed',
        to: 'restarting',
        event: 'backoff',
        evidence: { delayMs: 5 },
        ...more,
      }),
    ]
  }

  /** Notes of a running agent. */
  notes(agentId: string, count: number): Entry[] {
    return Array.from({ length: count }, (_, i) =>
      this.entry(agentId, {
        from: 'running',
        to: 'running',
        event: 'usage',
        usage: { turns: i + 1, tokens: 100 * i, usd: i / 100 },
        reportOffset: i,
      }),
    )
  }
}

const SPAWN = {
  from: null,
  to: 'spawning',
  event: 'spawn',
  command: ['agent', '--fast'],
  cwd: '/work',
  logFile: '/logs/a.log',
} as const

/** What the records of these entries are. */
export function recordsOf(entries: readonly Entry[]): AgentRecord[] {
  const records = new Map<string, AgentRecord>()
  for (const entry of entries) records.set(entry.agentId, fold(records.get(entry.agentId), entry))
  return [...records.values()]
}

export const ofAgent = (entries: readonly Entry[], agentId: string): Entry[] =>
  entries.filter((entry) => entry.agentId === agentId)

export const batchesOf = (entries: readonly Entry[], size: number): Entry[][] =>
  Array.from({ length: Math.ceil(entries.length / size) }, (_, i) => entries.slice(i * size, (i + 1) * size))

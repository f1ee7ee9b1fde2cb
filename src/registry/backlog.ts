/** What a sink has not taken yet, in order. */
import type { Entry } from '../../machines/events.ts'

export interface Backlog {
  /** Entries that wait. */
  readonly size: number
  /** Entries given up because there was no room, in all. */
  readonly lost: number
  push(entry: Entry): void
  /** The oldest ones, at most `max`; they stay until they are taken. */
  peek(max: number): Promise<readonly Entry[]>
  /** The sink has them. */
  taken(batch: readonly Entry[]): void
  /** All of one agent, oldest first. */
  of(agentId: string): Promise<readonly Entry[]>
  close(): Promise<void>
}

/** The most entries that wait in memory for one sink. */
const BOUND = 100_000

/** In memory alone: bounded, and the oldest are given up when there are too many. */
export class MemoryBacklog implements Backlog {
  #entries: Entry[] = []
  /** The oldest ones are a batch on its way, and not to be given up. */
  #peeked = 0
  lost = 0

  get size(): number {
    return this.#entries.length
  }

  push(entry: Entry): void {
    this.#entries.push(entry)
    if (this.#entries.length <= BOUND) return
    const over = this.#entries.length - BOUND
    this.#entries.splice(this.#peeked, over)
    this.lost += over
  }

  async peek(max: number): Promise<readonly Entry[]> {
    const batch = this.#entries.slice(0, max)
    this.#peeked = batch.length
    return batch
  }

  taken(batch: readonly Entry[]): void {
    this.#entries.splice(0, batch.length)
    this.#peeked = 0
  }

  async of(agentId: string): Promise<readonly Entry[]> {
    return this.#entries.filter((entry) => entry.agentId === agentId)
  }

  async close(): Promise<void> {}
}

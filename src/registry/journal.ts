/**
 * Carries entries to the registry and to every sink, each by a queue of its own: one that hangs, throws or is slow
 * delays neither the agents nor any other. For a durable registry they are written ahead to a spill file first.
 */
import type { Entry } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { type Backlog, MemoryBacklog } from './backlog.ts'
import type { RegistrySink } from './registry.ts'
import { type SinkFailure, SinkQueue } from './sink-queue.ts'

export type { SinkFailure } from './sink-queue.ts'

export interface JournalOptions {
  readonly registry: RegistrySink
  readonly sinks: readonly RegistrySink[]
  readonly clock: Clock
  readonly failed: (failure: SinkFailure) => void
  /** The registry has them: they outlive this process, where it does. */
  readonly committed?: (batch: readonly Entry[]) => void
  /** Where the registry's entries wait; absent: in memory. The function given is told of what goes wrong there. */
  readonly spill?: (trouble: (cause: unknown) => void) => Backlog
}

export class Journal {
  readonly #registry: SinkQueue
  readonly #all: readonly SinkQueue[]

  constructor({ registry, sinks, clock, failed, committed, spill }: JournalOptions) {
    const trouble = (cause: unknown) =>
      this.#registry.tell(`written to memory alone: ${messageOf(cause)}`, cause)
    const backlog = spill?.(trouble) ?? new MemoryBacklog()
    this.#registry = new SinkQueue({
      name: 'registry',
      sink: registry,
      backlog,
      clock,
      failed,
      ...(committed && { taken: committed }),
    })
    const others = sinks.map(
      (sink, i) => new SinkQueue({ name: `sink ${i}`, sink, backlog: new MemoryBacklog(), clock, failed }),
    )
    this.#all = [this.#registry, ...others]
  }

  append(entry: Entry): void {
    for (const queue of this.#all) queue.push(entry)
  }

  /** What the registry has not taken yet, oldest first. */
  queued(agentId: string): Promise<readonly Entry[]> {
    return this.#registry.of(agentId)
  }

  /** Resolves when the registry has taken everything so far. */
  committed(): Promise<void> {
    return this.#registry.flushed()
  }

  /** Resolves when the registry and every sink have taken everything so far. */
  async flushed(): Promise<void> {
    await Promise.all(this.#all.map((queue) => queue.flushed()))
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#all.map((queue) => queue.close()))
  }
}

/**
 * Carries entries to the registry and to every sink, each by a queue of its own: one that hangs, throws or is slow
 * delays neither the agents nor any other.
 */
import type { Entry } from '../../machines/events.ts'
import type { Clock, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { RegistrySink } from './registry.ts'

/** The most entries of one `append`. */
const BATCH = 500
/** The most entries that wait for one sink; beyond it the oldest are given up, and said to be. */
const QUEUE_BOUND = 100_000
/** An `append` that takes longer has failed, and its batch comes again. */
const APPEND_LIMIT_MS = 5_000
const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 1_000
/** Failures of one sink are told at most this often. */
const TELL_EVERY_MS = 1_000

export interface SinkFailure {
  /** `registry`, or `sink 0`, `sink 1` … in the order given. */
  readonly sink: string
  readonly message: string
  readonly cause?: unknown
  /** Entries that wait to be taken. */
  readonly queued: number
  /** Entries given up because the queue was full, in all. */
  readonly lost: number
}

/** One sink and what it has not taken yet. */
class SinkQueue {
  readonly #name: string
  readonly #sink: RegistrySink
  readonly #clock: Clock
  readonly #failed: (failure: SinkFailure) => void
  #waiting: Entry[] = []
  #inFlight: readonly Entry[] = []
  #retryMs = RETRY_FIRST_MS
  #toldAtMs = Number.NEGATIVE_INFINITY
  #lost = 0
  #busy = false
  #idle: (() => void)[] = []

  constructor(name: string, sink: RegistrySink, clock: Clock, failed: (failure: SinkFailure) => void) {
    this.#name = name
    this.#sink = sink
    this.#clock = clock
    this.#failed = failed
  }

  get queued(): readonly Entry[] {
    return [...this.#inFlight, ...this.#waiting]
  }

  push(entry: Entry): void {
    this.#waiting.push(entry)
    if (this.#waiting.length > QUEUE_BOUND) {
      const over = this.#waiting.length - QUEUE_BOUND
      this.#waiting.splice(0, over)
      this.#lost += over
      this.#tell(`its queue is full (${QUEUE_BOUND} entries): the oldest were given up`)
    }
    if (!this.#busy) {
      this.#busy = true
      setImmediate(() => void this.#drain())
    }
  }

  /** Resolves when everything pushed so far has been taken. */
  flushed(): Promise<void> {
    if (!this.#busy) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  async close(): Promise<void> {
    await this.#sink.close?.()
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 || this.#inFlight.length > 0) {
      if (this.#inFlight.length === 0) this.#inFlight = this.#waiting.splice(0, BATCH)
      try {
        await this.#limited(this.#sink.append(this.#inFlight))
        this.#inFlight = []
        this.#retryMs = RETRY_FIRST_MS
      } catch (cause) {
        this.#tell(messageOf(cause), cause)
        await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, this.#retryMs))
        this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2)
      }
    }
    this.#busy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #limited(append: Promise<void>): Promise<void> {
    let timer: Timer
    const late = new Promise<never>((_, reject) => {
      timer = this.#clock.setTimeout(
        () => reject(new Error(`append took longer than ${APPEND_LIMIT_MS} ms`)),
        APPEND_LIMIT_MS,
      )
    })
    try {
      await Promise.race([append, late])
    } finally {
      this.#clock.clearTimeout(timer)
    }
  }

  #tell(message: string, cause?: unknown): void {
    const nowMs = this.#clock.now()
    if (nowMs - this.#toldAtMs < TELL_EVERY_MS) return
    this.#toldAtMs = nowMs
    const queued = this.#inFlight.length + this.#waiting.length
    this.#failed({ sink: this.#name, message, cause, queued, lost: this.#lost })
  }
}

export class Journal {
  readonly #registry: SinkQueue
  readonly #all: readonly SinkQueue[]

  constructor(
    registry: RegistrySink,
    sinks: readonly RegistrySink[],
    clock: Clock,
    failed: (failure: SinkFailure) => void,
  ) {
    this.#registry = new SinkQueue('registry', registry, clock, failed)
    this.#all = [this.#registry, ...sinks.map((sink, i) => new SinkQueue(`sink ${i}`, sink, clock, failed))]
  }

  append(entry: Entry): void {
    for (const queue of this.#all) queue.push(entry)
  }

  /** What the registry has not taken yet, oldest first. */
  queued(agentId: string): readonly Entry[] {
    return this.#registry.queued.filter((entry) => entry.agentId === agentId)
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

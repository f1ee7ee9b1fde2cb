/** One sink, and the only one who speaks to it: batches in order, each until it is taken. */
import type { Entry } from '../../machines/events.ts'
import type { Clock, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Backlog } from './backlog.ts'
import type { RegistrySink } from './registry.ts'

/** The most entries of one `append`. */
const BATCH = 500
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

export interface SinkQueueOptions {
  readonly name: string
  readonly sink: RegistrySink
  readonly backlog: Backlog
  readonly clock: Clock
  readonly failed: (failure: SinkFailure) => void
  /** It has them. */
  readonly taken?: (batch: readonly Entry[]) => void
}

export class SinkQueue {
  readonly #options: SinkQueueOptions
  #retryMs = RETRY_FIRST_MS
  #toldAtMs = Number.NEGATIVE_INFINITY
  #busy = false
  #closed = false
  #asleep: { readonly timer: Timer; readonly wake: () => void } | undefined
  #idle: (() => void)[] = []

  constructor(options: SinkQueueOptions) {
    this.#options = options
  }

  push(entry: Entry): void {
    const { backlog } = this.#options
    const lost = backlog.lost
    backlog.push(entry)
    if (backlog.lost > lost) this.tell('its queue is full: the oldest entries were given up')
    this.#start()
  }

  /** Resolves when everything pushed so far has been taken. */
  flushed(): Promise<void> {
    if (!this.#busy) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  of(agentId: string): Promise<readonly Entry[]> {
    return this.#options.backlog.of(agentId)
  }

  /** Asks no more: what was not taken stays in the backlog. */
  async close(): Promise<void> {
    this.#closed = true
    this.#options.clock.clearTimeout(this.#asleep?.timer)
    this.#asleep?.wake()
    await this.#options.sink.close?.()
    await this.#options.backlog.close()
  }

  /** Tells a failure, unless another was told within the last second. */
  tell(message: string, cause?: unknown): void {
    const { clock, name: sink, backlog, failed } = this.#options
    const nowMs = clock.now()
    if (nowMs - this.#toldAtMs < TELL_EVERY_MS) return
    this.#toldAtMs = nowMs
    failed({ sink, message, cause, queued: backlog.size, lost: backlog.lost })
  }

  #start(): void {
    if (this.#busy) return
    this.#busy = true
    setImmediate(() => void this.#drain())
  }

  async #drain(): Promise<void> {
    const { backlog, sink } = this.#options
    while (backlog.size > 0 && !this.#closed) {
      try {
        const batch = await backlog.peek(BATCH)
        if (this.#closed) break
        await this.#limited(sink.append(batch))
        backlog.taken(batch)
        this.#options.taken?.(batch)
        this.#retryMs = RETRY_FIRST_MS
        // A sink that answers at once would otherwise keep the loop for as long as there is something to take.
        if (backlog.size > 0) await new Promise((resolve) => setImmediate(resolve))
      } catch (cause) {
        if (this.#closed) break
        this.tell(messageOf(cause), cause)
        await this.#sleep(this.#retryMs)
        this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2)
      }
    }
    this.#busy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #limited(append: Promise<void>): Promise<void> {
    const { clock } = this.#options
    let timer: Timer
    const late = new Promise<never>((_, reject) => {
      const tooLate = () => reject(new Error(`append took longer than ${APPEND_LIMIT_MS} ms`))
      timer = clock.setTimeout(tooLate, APPEND_LIMIT_MS)
    })
    try {
      await Promise.race([append, late])
    } finally {
      clock.clearTimeout(timer)
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#asleep = { timer: this.#options.clock.setTimeout(wake, ms), wake }
    })
  }
}

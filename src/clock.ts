/**
 * The only room that knows what time it is. Deadlines are monotonic: a stepped wall clock moves none of them;
 * the wall clock only dates entries.
 */

export type Timer = unknown

export interface Clock {
  /** Monotonic milliseconds, with fractions. Not comparable between processes. */
  now(): number
  /** Milliseconds since 1970, as the wall clock has it. */
  wallNow(): number
  setTimeout(fn: () => void, ms: number): Timer
  clearTimeout(timer: Timer): void
}

/** A timer that fires later than this was held up: a blocked loop, a suspended host. What lies unread may be older. */
export const LATE_MS = 20

/** The longest delay that a Node timer keeps; a longer one fires at once. */
export const MAX_DELAY_MS = 2 ** 31 - 1

/** A delay that a timer can keep: neither negative nor past {@link MAX_DELAY_MS}. */
export const clampDelay = (ms: number): number => Math.min(Math.max(0, ms), MAX_DELAY_MS)

/** Real time. Its timers do not hold the event loop: what does is the launcher's socket, while an agent lives. */
export const realClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, clampDelay(ms)).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** The time of an entry: ISO 8601, UTC. */
export const timestamp = (clock: Clock): string => new Date(clock.wallNow()).toISOString()

interface Pending {
  readonly dueMs: number
  readonly order: number
  readonly fn: () => void
}

/**
 * A clock that stands still until it is stepped. It visits every timer at its own due time, in order, so that
 * chained timers do not drift (XState's `SimulatedClock` jumps first). For tests and simulations; it serves
 * `createActor({ clock })` as well.
 */
export class SteppingClock implements Clock {
  #nowMs = 0
  #wallOffsetMs: number
  #order = 0
  readonly #pending = new Map<number, Pending>()

  constructor(wallStartMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = wallStartMs
  }

  now(): number {
    return this.#nowMs
  }

  wallNow(): number {
    return this.#wallOffsetMs + this.#nowMs
  }

  /** Sets the wall clock forward or, when negative, back; monotonic time stands. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const order = ++this.#order
    this.#pending.set(order, { dueMs: this.#nowMs + clampDelay(ms), order, fn })
    return order
  }

  clearTimeout(timer: Timer): void {
    this.#pending.delete(timer as number)
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#pending.size
  }

  /** Monotonic time at which the next timer is due; `undefined` when none is set. */
  get nextDueMs(): number | undefined {
    return this.#next()?.dueMs
  }

  /** Goes forward by `ms`, firing what falls due on the way, each at its own moment. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#next(); next !== undefined && next.dueMs <= untilMs; next = this.#next()) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      this.#pending.delete(next.order)
      next.fn()
    }
    this.#nowMs = untilMs
  }

  /** Goes forward by `ms` without firing anything: a blocked event loop. What fell due fires, late, at the next step. */
  block(ms: number): void {
    this.#nowMs += ms
  }

  #next(): Pending | undefined {
    let first: Pending | undefined
    for (const timer of this.#pending.values()) {
      if (
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.order < first.order)
      )
        first = timer
    }
    return first
  }
}

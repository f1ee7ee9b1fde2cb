/**
 * A process of the simulated machine that runs our own code: a supervisor, a launcher. It runs only when something
 * of its own is due or something reaches it, and then to the end of its turn: what happens in it is its doing and
 * nobody else's. It may be frozen (a blocked loop, SIGSTOP) or killed, between two turns or in the midst of one.
 */
import { type Clock, clampDelay } from '../../src/clock.ts'
import type { Dice } from './dice.ts'
import type { Due, Time } from './time.ts'

let running: Party | undefined

/** Whose code runs at this moment. */
export const runningParty = (): Party | undefined => running

/** Whether what the running code asks of the machine takes effect. The world's own hands always may. */
export const mayAct = (): boolean => running?.calls() ?? true

/** Runs every microtask and every `process.nextTick` that waits, and tells of rejections that nobody handled. */
const drain: () => void = (process as unknown as { _tickCallback(): void })._tickCallback

/** Node's timers know whole milliseconds alone, and one at least: they come up to one too early. */
const nodeDelay = (nowMs: number, ms: number): number =>
  Math.floor(nowMs) + Math.max(1, Math.ceil(ms)) - nowMs

export interface PartyOptions {
  readonly name: string
  readonly pid: number
  readonly time: Time
  readonly dice: Dice
  /** Its code threw, and nobody caught it. */
  readonly threw: (cause: unknown) => void
}

export class Party {
  readonly name: string
  readonly pid: number
  readonly clock: Clock
  /** Timers that are set and not due. */
  timers = 0
  dead = false
  frozen = false
  readonly #options: PartyOptions
  /** It is killed at the system call at which this comes to 0. */
  #callsLeft = Number.POSITIVE_INFINITY
  #kill: () => void = () => {}
  #arrived: (() => void)[] = []
  #overdue: (() => void)[] = []
  #mourners: (() => void)[] = []

  constructor(options: PartyOptions) {
    const { name, pid, time } = options
    this.name = name
    this.pid = pid
    this.#options = options
    this.clock = {
      now: () => time.nowMs,
      wallNow: () => time.wallMs,
      setTimeout: (fn, ms) => {
        this.timers += 1
        return time.after(nodeDelay(time.nowMs, clampDelay(ms)), () => {
          this.timers -= 1
          this.#run(fn, this.#overdue)
        })
      },
      clearTimeout: (timer) => {
        const due = timer as Due | undefined
        if (!due?.fn) return
        due.fn = undefined
        this.timers -= 1
      },
    }
  }

  /** Something from outside. The dead hear nothing; the frozen later, in order. */
  deliver(fn: () => void): void {
    this.#run(fn, this.#arrived)
  }

  /** What it put off to the next turn of its loop. */
  nextTurn(fn: () => void): Due {
    return this.#options.time.after(0, () => this.#run(fn, this.#overdue))
  }

  /** A thread of its own does this at once: no turn of its loop. */
  inThread<T>(fn: () => T): T {
    const before = running
    running = this
    try {
      return fn()
    } finally {
      running = before
    }
  }

  freeze(): void {
    this.frozen = true
  }

  /** What came meanwhile comes at once: what was due before what arrived, or after it. */
  thaw(): void {
    this.frozen = false
    const [overdue, arrived] = [this.#overdue.splice(0), this.#arrived.splice(0)]
    for (const fn of this.#options.dice.chance(0.5) ? [...overdue, ...arrived] : [...arrived, ...overdue])
      this.deliver(fn)
  }

  /** It will be killed at the `calls`-th of its system calls from now on. */
  doom(calls: number, kill: () => void): void {
    this.#callsLeft = calls
    this.#kill = kill
  }

  die(): void {
    if (this.dead) return
    this.dead = true
    for (const fn of this.#mourners.splice(0)) fn()
  }

  whenDead(fn: () => void): void {
    this.#mourners.push(fn)
  }

  /** A system call: false when it is dead, and nothing comes of it. What a dead one's turn still does is no deed. */
  calls(): boolean {
    if (this.dead) return false
    this.#callsLeft -= 1
    if (this.#callsLeft > 0) return true
    this.#callsLeft = Number.POSITIVE_INFINITY
    this.#kill()
    return !this.dead
  }

  #run(fn: () => void, whenFrozen: (() => void)[]): void {
    if (this.dead) return
    if (this.frozen) whenFrozen.push(fn)
    // One turn at a time, of all of them.
    else if (running) this.#options.time.after(0, () => this.#run(fn, whenFrozen))
    else {
      running = this
      try {
        fn()
        drain()
      } catch (cause) {
        if (!this.dead) this.#options.threw(cause)
      } finally {
        running = undefined
      }
    }
  }
}

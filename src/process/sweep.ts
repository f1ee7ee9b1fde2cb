/**
 * Ends what is left of a tree, and makes sure: looks, signals, waits, and looks again until a look finds nothing or
 * the time is over.
 */
import type { Clock, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { identityOf, isAlive, type ProcessStat } from './identity.ts'
import type { SweepOptions } from './launcher.ts'

export interface Swept {
  readonly swept: readonly number[]
  readonly escaped: readonly number[]
}

export interface Found {
  /** Every live process of the tree. */
  readonly alive: readonly ProcessStat[]
  /** There were some, and none is left: they may have handed over to others, in between. Nothing is over yet. */
  readonly fleeing: boolean
}

/** What a sweep works on. */
export interface SweepTarget {
  find(): Promise<Found>
  /** SIGKILL reaches beyond `members` those in its control group, who may have come since. */
  signal(members: readonly ProcessStat[], signal: NodeJS.Signals): void
  warning(message: string, cause?: unknown): void
}

/** What SIGTERM gets before SIGKILL, when the leader ended by itself. */
const GENTLE_MS = 1000
/** Looks at whether they are gone: soon at first, then less often. */
const FIRST_LOOK_MS = 1
const LAST_LOOK_MS = 20

export class Sweep {
  readonly done: Promise<Swept>
  readonly #target: SweepTarget
  readonly #clock: Clock
  readonly #signalled = new Map<number, NodeJS.Signals>()
  #termUntilMs: number
  #killWaitMs: number
  #killedAtMs: number | undefined
  #warned = false
  #wake: () => void = () => {}

  constructor(target: SweepTarget, options: SweepOptions, clock: Clock) {
    this.#target = target
    this.#clock = clock
    this.#termUntilMs = options.gentle ? clock.now() + GENTLE_MS : Number.NEGATIVE_INFINITY
    this.#killWaitMs = options.killWaitMs
    this.done = this.#run()
  }

  /** A second request can only bring the end nearer. */
  hasten(options: SweepOptions): void {
    this.#killWaitMs = Math.min(this.#killWaitMs, options.killWaitMs)
    if (options.gentle) return
    this.#termUntilMs = Number.NEGATIVE_INFINITY
    this.#wake()
  }

  async #run(): Promise<Swept> {
    let left: readonly ProcessStat[] = []
    for (;;) {
      const found = await this.#look()
      if (found !== undefined) left = found.alive
      if (found?.alive.length === 0 && !found.fleeing) break
      if (this.#isTimeUp()) {
        if (found?.fleeing === true)
          this.#target.warning('A tree hands over to new processes faster than it is ended.')
        break
      }
      this.#signal(left, found?.fleeing === true)
      await (found === undefined ? this.#sleep(LAST_LOOK_MS) : this.#untilGone(left))
    }
    const escaped = left.map((stat) => stat.pid)
    const swept = [...this.#signalled.keys()].filter((pid) => !escaped.includes(pid))
    return { swept, escaped }
  }

  /** `undefined` when nothing could be learnt (out of descriptors, most likely): nothing may be concluded from it. */
  async #look(): Promise<Found | undefined> {
    try {
      return await this.#target.find()
    } catch (error) {
      this.#warnOnce(error)
      return undefined
    }
  }

  #warnOnce(error: unknown): void {
    if (!this.#warned) this.#target.warning(`A tree could not be looked through: ${messageOf(error)}`, error)
    this.#warned = true
  }

  #isTimeUp(): boolean {
    return this.#killedAtMs !== undefined && this.#clock.now() - this.#killedAtMs >= this.#killWaitMs
  }

  #signal(left: readonly ProcessStat[], areFleeing: boolean): void {
    const gentle = this.#clock.now() < this.#termUntilMs
    if (!gentle) this.#killedAtMs ??= this.#clock.now()
    const signal = gentle ? 'SIGTERM' : 'SIGKILL'
    const due = left.filter((stat) => signal === 'SIGKILL' || !this.#signalled.has(stat.pid))
    for (const stat of due) this.#signalled.set(stat.pid, signal)
    try {
      if (due.length > 0 || areFleeing) this.#target.signal(due, signal)
    } catch (error) {
      this.#warnOnce(error)
    }
  }

  /** Waits until all of these are gone, or the time of this signal is over. */
  async #untilGone(stats: readonly ProcessStat[]): Promise<void> {
    if (stats.length === 0) return
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
      const untilMs = this.#killedAtMs === undefined ? this.#termUntilMs : this.#killedAtMs + this.#killWaitMs
      const leftMs = untilMs - this.#clock.now()
      if (leftMs <= 0) return
      await this.#sleep(Math.min(waitMs, leftMs))
      if (!stats.some((stat) => this.#stillThere(stat))) return
    }
  }

  #stillThere(stat: ProcessStat): boolean {
    try {
      return isAlive(identityOf(stat))
    } catch (error) {
      this.#warnOnce(error)
      return true
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer: Timer = this.#clock.setTimeout(resolve, ms)
      this.#wake = () => {
        this.#clock.clearTimeout(timer)
        resolve()
      }
    })
  }
}

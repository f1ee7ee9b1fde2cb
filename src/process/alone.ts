/**
 * What a launcher does with the lives that no supervisor has in its hands: `end` ones go down their ladders, `adopt` ones
 * wait for a successor and go then, and of those that end by themselves nothing stays behind.
 */
import { type Clock, MAX_DELAY_MS, type Timer } from '../clock.ts'
import type { EndCause } from './launcher.ts'
import type { Life } from './life.ts'

export interface AloneOptions {
  readonly clock: Clock
  /** Ends it and its tree; resolves when that is over, or when it was halted. */
  readonly end: (life: Life, halted: AbortSignal) => Promise<unknown>
  readonly begun: (life: Life, why: EndCause) => void
  /** Nothing of it is left, or of what could not be ended nothing can be. */
  readonly settled: (life: Life) => void
}

export class Alone {
  readonly #options: AloneOptions
  readonly #waiting = new Map<Life, Timer>()
  readonly #ending = new Map<Life, AbortController>()
  #held = false

  constructor(options: AloneOptions) {
    this.#options = options
  }

  /** Nobody has it. An `end` one has still so much time to be claimed; one that somebody began to end has none. */
  left(life: Life, claimWithinMs: number, neverAdopted = false): void {
    const { clock } = this.#options
    const ends = neverAdopted || life.terms.onSupervisorDeath === 'end'
    const askedMs = Math.max(claimWithinMs, life.askedUntilMs - clock.now())
    const waitMs = ends ? claimWithinMs : life.why === null ? life.terms.adoptForMs : askedMs
    this.taken(life)
    if (life.phase === 'over') void this.end(life, 'supervisor_gone')
    else if (!this.#held)
      this.#wait(life, clock.now() + waitMs, life.why ?? (ends ? 'supervisor_gone' : 'not_adopted'))
  }

  /** Somebody has it: what was begun here, they go on with. */
  taken(life: Life): void {
    this.#options.clock.clearTimeout(this.#waiting.get(life))
    this.#waiting.delete(life)
    this.#ending.get(life)?.abort()
    this.#ending.delete(life)
  }

  /** A supervisor of another protocol is there: what is not being ended already is not ended. */
  hold(): void {
    this.#held = true
    for (const timer of this.#waiting.values()) this.#options.clock.clearTimeout(timer)
    this.#waiting.clear()
  }

  letGo(): void {
    this.#held = false
  }

  /** Ends it now, its tree after it. */
  async end(life: Life, why: EndCause): Promise<void> {
    if (this.#ending.has(life)) return
    this.taken(life)
    const halt = new AbortController()
    this.#ending.set(life, halt)
    if (life.phase !== 'over') this.#options.begun(life, why)
    await this.#options.end(life, halt.signal)
    if (halt.signal.aborted) return
    this.#ending.delete(life)
    this.#options.settled(life)
  }

  /** A delay may be longer than a timer keeps. */
  #wait(life: Life, untilMs: number, why: EndCause): void {
    const { clock } = this.#options
    const leftMs = untilMs - clock.now()
    const due = () => (leftMs > MAX_DELAY_MS ? this.#wait(life, untilMs, why) : void this.end(life, why))
    this.#waiting.set(life, clock.setTimeout(due, leftMs))
  }
}

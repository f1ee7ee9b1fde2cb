/** Notices the exits of processes that are not our children: nobody can wait for another's child, so it looks. */
import type { Clock, Timer } from '../clock.ts'
import { errnoOf } from '../errors.ts'
import { isAlive } from './identity.ts'
import type { Life } from './life.ts'

const LOOK_EVERY_MS = 200
/** After a signal an exit is likely: it is looked for more often, for a while. */
const HURRY_EVERY_MS = 10
const HURRY_FOR_MS = 1000

export class Watch {
  readonly #clock: Clock
  readonly #exited: (life: Life) => void
  readonly #lives = new Set<Life>()
  #timer: Timer | undefined
  #hurryUntilMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, exited: (life: Life) => void) {
    this.#clock = clock
    this.#exited = exited
  }

  add(life: Life): void {
    this.#lives.add(life)
    this.#arm(0)
  }

  hurry(): void {
    this.#hurryUntilMs = this.#clock.now() + HURRY_FOR_MS
    this.#arm(HURRY_EVERY_MS)
  }

  #arm(ms: number): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = this.#clock.setTimeout(() => this.#look(), ms)
  }

  #look(): void {
    for (const life of this.#lives) {
      if (this.#isThere(life)) life.seenAlive()
      else {
        this.#lives.delete(life)
        this.#exited(life)
      }
    }
    if (this.#lives.size > 0)
      this.#arm(this.#clock.now() < this.#hurryUntilMs ? HURRY_EVERY_MS : LOOK_EVERY_MS)
  }

  #isThere(life: Life): boolean {
    if (life.leader === undefined) return false
    try {
      return isAlive(life.leader)
    } catch (error) {
      // Out of descriptors: nothing was seen, least of all a death.
      if (errnoOf(error) === undefined) throw error
      return true
    }
  }
}

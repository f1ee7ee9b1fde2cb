/**
 * Work done a little per turn of the event loop, each item once a turn, so that one with much to do delays the others
 * by no more than its own share, and all of them together the loop by no more than {@link TURN_MS}.
 */
import type { Clock } from '../clock.ts'

/** The longest that one turn works, in milliseconds; the item that is at work then still ends its share. */
export const TURN_MS = 3

export class Turns<T> {
  readonly #clock: Clock
  readonly #work: (item: T) => boolean
  readonly #waiting = new Set<T>()
  #turn: NodeJS.Immediate | undefined

  /** `work` does one share of an item, and answers whether there is more. */
  constructor(clock: Clock, work: (item: T) => boolean) {
    this.#clock = clock
    this.#work = work
  }

  /** To be worked on in the coming turns; once, however often it is added. */
  add(item: T): void {
    this.#waiting.add(item)
    this.#turn ??= setImmediate(() => this.#run())
  }

  close(): void {
    clearImmediate(this.#turn)
    this.#turn = undefined
    this.#waiting.clear()
  }

  #run(): void {
    this.#turn = undefined
    const untilMs = this.#clock.now() + TURN_MS
    const more: T[] = []
    for (const item of this.#waiting) {
      this.#waiting.delete(item)
      if (this.#work(item)) more.push(item)
      if (this.#clock.now() >= untilMs) break
    }
    // Behind those that had no turn yet.
    for (const item of more) this.#waiting.add(item)
    if (this.#waiting.size > 0) this.#turn ??= setImmediate(() => this.#run())
  }
}

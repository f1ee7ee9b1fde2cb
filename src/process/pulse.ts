/**
 * Notices a launcher that hangs: it is asked now and then, and one that says nothing is given up. Counted in looks, not
 * in time: a supervisor that was blocked, or a laptop that slept, has looked once.
 */
import type { Clock, Timer } from '../clock.ts'

export interface PulseOptions {
  readonly clock: Clock
  /** Whether anything depends on it now. */
  readonly matters: () => boolean
  readonly ask: () => void
  readonly isStopped: () => boolean
  readonly hung: (why: string) => void
}

const LOOK_EVERY_MS = 1_000
const STOPPED_LOOKS = 2
const SILENT_LOOKS = 15

export class Pulse {
  readonly #options: PulseOptions
  #timer: Timer
  #silent = 0
  #asked = false

  constructor(options: PulseOptions) {
    this.#options = options
    this.#wait()
  }

  /** It said something. */
  heard(): void {
    this.#silent = 0
    this.#asked = false
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer)
  }

  #wait(): void {
    this.#timer = this.#options.clock.setTimeout(() => this.#look(), LOOK_EVERY_MS)
  }

  #look(): void {
    const { matters, ask, isStopped, hung } = this.#options
    if (this.#asked) this.#silent++
    if (this.#silent >= STOPPED_LOOKS && isStopped()) return hung('it is stopped')
    if (this.#silent >= SILENT_LOOKS)
      return hung(`it said nothing for ${(SILENT_LOOKS * LOOK_EVERY_MS) / 1000} s`)
    if (matters()) {
      this.#asked = true
      ask()
    }
    this.#wait()
  }
}

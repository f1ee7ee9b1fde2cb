/** Trying again while a daemon is away: at once, then more and more rarely, and not for ever. */
import { realClock } from '../clock.ts'

const FIRST_MS = 50
const MAX_MS = 1_000

export class Patience {
  readonly #limitMs: number
  #sinceMs: number | undefined
  #nextMs = FIRST_MS

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** It is back. */
  rest(): void {
    this.#sinceMs = undefined
    this.#nextMs = FIRST_MS
  }

  /** Waits a while; `false` when it has been away for too long, or the signal says that it is enough. */
  async wait(signal?: AbortSignal): Promise<boolean> {
    const nowMs = realClock.now()
    this.#sinceMs ??= nowMs
    if (nowMs - this.#sinceMs >= this.#limitMs || signal?.aborted) return false
    const ms = this.#nextMs
    this.#nextMs = Math.min(MAX_MS, ms * 2)
    await new Promise<void>((resolve) => {
      // Someone waits for what comes after: the loop is held.
      const timer = realClock.setTimeout(done, ms) as NodeJS.Timeout
      timer.ref()
      signal?.addEventListener('abort', done, { once: true })
      function done() {
        realClock.clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
    })
    return !signal?.aborted
  }
}

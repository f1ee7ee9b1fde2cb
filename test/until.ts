/** How a test waits for what it cannot be told of. */
import { setTimeout as pause } from 'node:timers/promises'

export interface UntilOptions {
  /** Fails after this long. Default 30 s: a bound for a tired machine, not a measure. */
  readonly timeoutMs?: number
  /** From one look to the next. Default: 3 ms at first, a tenth of what has been waited later, 15 ms at most. */
  readonly everyMs?: number
  /** What is waited for, in words. */
  readonly what: string
}

/** Looks every few milliseconds until the condition gives something; returns that. Throws when the time is over. */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 30_000, everyMs, what }: UntilOptions,
): Promise<NonNullable<Exclude<T, false>>> {
  for (const beganMs = performance.now(); ; ) {
    const found = await condition()
    if (found !== false && found !== null && found !== undefined)
      return found as NonNullable<Exclude<T, false>>
    const waitedMs = performance.now() - beganMs
    if (waitedMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await pause(everyMs ?? Math.min(Math.max(3, waitedMs / 10), 15))
  }
}

/** Waits, but not for ever. */
import type { Clock, Timer } from '../clock.ts'

export const LATE = Symbol('late')

/** What `work` comes to, or {@link LATE} after `ms`. */
export async function within<T>(clock: Clock, work: Promise<T>, ms: number): Promise<T | typeof LATE> {
  let timer: Timer
  const late = new Promise<typeof LATE>((resolve) => {
    timer = clock.setTimeout(() => resolve(LATE), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clock.clearTimeout(timer)
  }
}

/** Waiting, but not for ever. None of it holds the event loop. */
import type { Clock, Timer } from '../clock.ts'

export const sleep = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimeout(resolve, ms)
  })

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

/** Waiting by a clock. */
import type { Clock } from '../../src/clock.ts'

export const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimeout(resolve, ms)
  })

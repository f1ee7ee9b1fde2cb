/** Of `src/clock.ts`, real time alone is another: that of whoever runs. */
export * from '../../../src/clock.ts'

import type { Clock } from '../../../src/clock.ts'
import { runningParty } from '../party.ts'

const clock = (): Clock => {
  const party = runningParty()
  if (!party) throw new Error('nobody runs who could have a clock')
  return party.clock
}

export const realClock: Clock = {
  now: () => clock().now(),
  wallNow: () => clock().wallNow(),
  setTimeout: (fn, ms) => clock().setTimeout(fn, ms),
  clearTimeout: (timer) => clock().clearTimeout(timer),
}

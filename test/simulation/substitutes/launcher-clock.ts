/** The clock of the launcher that greets at this moment: what `src/process/hosted-supervisor.ts` gets for the clock. */
import type { Clock } from '../../../src/clock.ts'
import { here } from '../here.ts'

const clock = (): Clock => here().launchers.newest.party.clock

export const realClock: Clock = {
  now: () => clock().now(),
  wallNow: () => clock().wallNow(),
  setTimeout: (fn, ms) => clock().setTimeout(fn, ms),
  clearTimeout: (timer) => clock().clearTimeout(timer),
}

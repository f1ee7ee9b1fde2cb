/** The clock of the launcher that is spoken to: what `src/process/hosted-supervisor.ts` gets for the real one. */
import { type Clock, SteppingClock } from '../../../src/clock.ts'

export let realClock: Clock = new SteppingClock()

/** A launcher takes the clock that stands here when it is greeted. */
export const lend = (clock: Clock): void => {
  realClock = clock
}

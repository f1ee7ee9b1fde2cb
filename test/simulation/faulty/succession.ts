/** What a successor takes over, with faults put in on purpose. */
export * from '../../../src/succession.ts'

import type { KeptLife } from '../../../src/process/launcher.ts'
import * as real from '../../../src/succession.ts'
import { isBroken } from '../here.ts'

const forgotten = (life: KeptLife): KeptLife =>
  life.state.kind === 'exited'
    ? { ...life, state: { ...life.state, exit: { code: null, signal: null } } }
    : life

export const succeed: typeof real.succeed = (runtime, ...rest) => {
  const { launcher } = runtime
  const kept = isBroken('started-twice') ? [] : launcher.kept.map(forgotten)
  if (isBroken('started-twice') || isBroken('exit-forgotten'))
    Object.defineProperty(launcher, 'kept', { value: kept })
  real.succeed(runtime, ...rest)
  if (isBroken('budget-forgotten'))
    for (const seat of runtime.roster.live()) seat.usage = { turns: 0, tokens: 0, usd: 0 }
}

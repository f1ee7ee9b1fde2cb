/** The reaper, with faults put in on purpose. */
export * from '../../../src/process/reaper.ts'

import type { SweepOptions } from '../../../src/process/launcher.ts'
import { Reaper as RealReaper } from '../../../src/process/reaper.ts'
import type { Sweep } from '../../../src/process/sweep.ts'
import { isBroken } from '../here.ts'

export class Reaper extends RealReaper {
  override sweep(...args: Parameters<RealReaper['sweep']>): Sweep {
    if (isBroken('orphan-left'))
      return { done: Promise.resolve({ swept: [], escaped: [] }), hasten: () => {} } as unknown as Sweep
    const sweep = super.sweep(...args)
    if (!isBroken('hushed-escape')) return sweep
    const done = sweep.done.then(({ swept }) => ({ swept, escaped: [] }))
    return { done, hasten: (options: SweepOptions) => sweep.hasten(options) } as unknown as Sweep
  }
}

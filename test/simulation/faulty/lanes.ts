/** Who is in which lane, with faults put in on purpose. */
export * from '../../../src/lanes.ts'

import { Lanes as RealLanes } from '../../../src/lanes.ts'
import { isBroken } from '../here.ts'

export class Lanes<T> extends RealLanes<T> {
  override holder(name: string): T | undefined {
    return isBroken('shared-lane') ? undefined : super.holder(name)
  }

  override pass(name: string): T | undefined {
    return isBroken('turn-forgotten') ? undefined : super.pass(name)
  }
}

/** What a group does with its members, with faults put in on purpose. */
export * from '../../../machines/regrouping.ts'

import { Regrouping as RealRegrouping } from '../../../machines/regrouping.ts'
import { isBroken } from '../here.ts'

export class Regrouping extends RealRegrouping {
  override giveUp(...args: Parameters<RealRegrouping['giveUp']>): void {
    if (!isBroken('never-gives-up')) super.giveUp(...args)
  }
}

/** What a budget says of what was used, with faults put in on purpose. */
export * from '../../../machines/budget.ts'

import * as real from '../../../machines/budget.ts'
import { isBroken } from '../here.ts'

export const nearEnd: typeof real.nearEnd = (budget, usage, warnedOf) =>
  real.nearEnd(budget, usage, isBroken('warned-again') ? [] : warnedOf)

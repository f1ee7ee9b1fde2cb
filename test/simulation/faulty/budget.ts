/** What a budget says of what was used, with faults put in on purpose. */
export * from '../../../machines/budget.ts'

import * as real from '../../../machines/budget.ts'
import { isBroken } from '../here.ts'

const NOTHING = { turns: 0, tokens: 0, usd: 0 }

export const judgeBudget: typeof real.judgeBudget = (budget, before, after) =>
  real.judgeBudget(budget, isBroken('warned-again') ? NOTHING : before, after)

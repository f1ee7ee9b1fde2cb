/** What is done about what was used, with faults put in on purpose. */
export * from '../../../src/spending.ts'

import * as real from '../../../src/spending.ts'
import { isBroken } from '../here.ts'

export const spent: typeof real.spent = (seat, before, send) =>
  real.spent(seat, before, (event) => {
    if (event.type !== 'STOP' || !isBroken('budget-ignored')) send(event)
  })

export const enforce: typeof real.enforce = (seat, send) => {
  if (!isBroken('budget-ignored')) real.enforce(seat, send)
}

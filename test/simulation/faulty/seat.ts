/** What is held of one agent, with faults put in on purpose. */
export * from '../../../src/seat.ts'

import { Seat as RealSeat } from '../../../src/seat.ts'
import { isBroken } from '../here.ts'

export class Seat extends RealSeat {
  override endLife(): void {
    super.endLife()
    if (isBroken('budget-per-life')) this.usage = { turns: 0, tokens: 0, usd: 0 }
  }
}

/** Who is known, with faults put in on purpose. */
export * from '../../../src/roster.ts'

import { Roster as RealRoster } from '../../../src/roster.ts'
import type { Seat } from '../../../src/seat.ts'
import { isBroken } from '../here.ts'

export class Roster extends RealRoster {
  override refuseTaken(...args: Parameters<RealRoster['refuseTaken']>): void {
    if (!isBroken('forgotten-name')) super.refuseTaken(...args)
  }

  override release(seat: Seat): void {
    super.release(seat)
    if (!isBroken('leaked-name')) return
    super.take(seat)
    seat.ended = true
  }
}

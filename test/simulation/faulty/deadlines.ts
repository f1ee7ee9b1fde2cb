/** Heartbeat deadlines, with faults put in on purpose. */
export * from '../../../src/health/deadlines.ts'

import {
  type Beat,
  type DeadlinesOptions,
  Deadlines as RealDeadlines,
} from '../../../src/health/deadlines.ts'
import { isBroken } from '../here.ts'

export class Deadlines extends RealDeadlines {
  constructor(options: DeadlinesOptions) {
    const { look } = options
    super({
      ...options,
      ...(isBroken('unseen-output') && {
        look: async (lives) => (await look(lives)).map(({ logSize: _, logAgeMs: __, ...seen }) => seen),
      }),
    })
  }

  override beat(key: string): Beat {
    return isBroken('unheard-beats') ? { known: true, stalled: false } : super.beat(key)
  }
}

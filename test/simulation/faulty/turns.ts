/** How one comes into a lane: its lines are short, so that they are full at times. With faults put in on purpose. */
export * from '../../../machines/lanes.ts'

import * as real from '../../../machines/lanes.ts'
import { isBroken } from '../here.ts'
import { LINE_BOUND } from '../invariants/lanes.ts'

export const entranceTo: typeof real.entranceTo = (lane, onConflict) => {
  const waiting = isBroken('endless-line') ? lane.waiting : lane.waiting + real.LINE_BOUND - LINE_BOUND
  return real.entranceTo({ ...lane, waiting }, onConflict)
}

export const turnOf: typeof real.turnOf = (next, line) =>
  real.turnOf(next, isBroken('last-come-first') ? [...line].reverse() : line)

/** Delays of the machines, with faults put in on purpose. */
import * as real from '../../../src/scheduler.ts'
import { isBroken } from '../here.ts'

export const useIndexedScheduler: typeof real.useIndexedScheduler = (root, clock) => {
  const { setTimeout, clearTimeout } = clock
  const unaware = { now: () => 0, wallNow: () => 0, setTimeout, clearTimeout }
  real.useIndexedScheduler(root, isBroken('judged-unheard') ? unaware : clock)
}

/** Heartbeat deadlines, with faults put in on purpose. */
export * from '../../../src/health/deadlines.ts'

import type { LifeAddress } from '../../../machines/events.ts'
import {
  type Beat,
  type DeadlinesOptions,
  type HeartbeatPolicy,
  Deadlines as RealDeadlines,
  type WatchedBefore,
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

  override resume(life: LifeAddress, policy: HeartbeatPolicy, before: WatchedBefore): void {
    const { timeoutMs } = policy
    const leftMs = isBroken('silence-inherited') ? Math.max(1, timeoutMs - before.silentMs) : timeoutMs
    const { extendedMs: _, ...others } = before
    const known = isBroken('extension-forgotten') ? others : before
    super.resume(life, { ...policy, timeoutMs: leftMs }, known)
  }

  override extend(key: string, byMs: number): void {
    if (!isBroken('no-extension')) super.extend(key, byMs)
  }

  override beat(key: string): Beat {
    return isBroken('unheard-beats') ? { known: true, stalled: false } : super.beat(key)
  }
}

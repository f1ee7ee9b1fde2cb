/** The effects of a life, with faults put in on purpose. */
export * from '../../../machines/effects.ts'

import * as real from '../../../machines/effects.ts'
import { here, isBroken } from '../here.ts'
import { realClock } from '../product/clock.ts'
import type { Time } from '../time.ts'

/** Each start waits until the one before has had its time. */
const START_MS = 150
const lines = new WeakMap<Time, number>()
function inLine(start: () => void): void {
  const { time } = here()
  const atMs = Math.max(lines.get(time) ?? 0, time.nowMs)
  lines.set(time, atMs + START_MS)
  if (atMs > time.nowMs) realClock.setTimeout(start, atMs - time.nowMs)
  else start()
}

export const effectActions: typeof real.effectActions = (effects, fault) =>
  real.effectActions(
    {
      ...effects,
      launch(life) {
        if (isBroken('starts-in-line')) inLine(() => effects.launch(life))
        else effects.launch(life)
      },
      takeRung(life, signal) {
        effects.takeRung(life, signal)
        if (isBroken('double-signal')) effects.takeRung(life, signal)
      },
      killTree(life) {
        if (!isBroken('no-last-rung')) effects.killTree(life)
      },
    },
    fault,
  )

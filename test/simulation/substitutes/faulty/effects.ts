/** The effects of a life, with faults put in on purpose. */
export * from '../../../../machines/effects.ts'
import * as real from '../../../../machines/effects.ts'
import { isBroken } from '../../here.ts'

export const effectActions: typeof real.effectActions = (effects, fault) =>
  real.effectActions(
    {
      ...effects,
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

/** The effects of a life as a port, and how the machine is bound to it. */
import { type LifeContext, nothingToClean } from './context.ts'
import { currentRung, isDue, type Rung } from './escalation.ts'

/** What the outside does for a life. Each returns at once. */
export interface LifeEffects {
  launch(life: LifeContext): void
  withdrawLaunch(life: LifeContext): void
  takeRung(life: LifeContext, rung: Rung): void
  killTree(life: LifeContext): void
  sweepTree(life: LifeContext, options: { readonly gentle: boolean }): void
  cleanUp(life: LifeContext): void
}

/** `agentMachine` bound to the outside. An effect that throws is told to `fault`, and harms no life. */
export function effectActions(effects: LifeEffects, fault: (cause: unknown, life: LifeContext) => void) {
  const contained =
    (effect: (life: LifeContext) => void) =>
    ({ context }: { context: LifeContext }): void => {
      try {
        effect(context)
      } catch (cause) {
        fault(cause, context)
      }
    }
  return {
    launch: contained((life) => effects.launch(life)),
    withdrawLaunch: contained((life) => effects.withdrawLaunch(life)),
    takeRung: contained((life) => {
      const rung = currentRung(life.ladder)
      if (rung && isDue(life.ladder)) effects.takeRung(life, rung)
    }),
    killTree: contained((life) => effects.killTree(life)),
    sweepGently: contained((life) => effects.sweepTree(life, { gentle: true })),
    sweepAtOnce: contained((life) => effects.sweepTree(life, { gentle: false })),
    cleanUp: contained((life) => {
      if (!nothingToClean(life)) effects.cleanUp(life)
    }),
  }
}

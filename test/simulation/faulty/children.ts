/** The children of a supervisor, with faults put in on purpose. */
export * from '../../../machines/children.ts'

import * as real from '../../../machines/children.ts'
import type { ReasonKind } from '../../../machines/events.ts'
import { isBroken } from '../here.ts'

const isUnheeded = (kind: ReasonKind): boolean =>
  (kind === 'user' && isBroken('restart-after-stop')) ||
  (kind === 'cancelled' && isBroken('cancelled-returns')) ||
  (kind === 'budget' && isBroken('spent-returns'))

export const childrenLogic: typeof real.childrenLogic = (machine) => {
  const logic = real.childrenLogic(machine)
  return {
    ...logic,
    transition(snapshot, event, scope) {
      // A word that is final taken for a fault of the agent: its policy applies.
      const taken =
        (event.type === 'STOP' || event.type === 'KILL') && isUnheeded(event.reason.kind)
          ? { ...event, reason: { ...event.reason, kind: 'liveness' as const } }
          : event
      return logic.transition(snapshot, taken, scope)
    },
  }
}

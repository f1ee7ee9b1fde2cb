/** The children of a supervisor, with faults put in on purpose. */
export * from '../../../machines/children.ts'

import * as real from '../../../machines/children.ts'
import { isBroken } from '../here.ts'

export const childrenLogic: typeof real.childrenLogic = (machine) => {
  const logic = real.childrenLogic(machine)
  return {
    ...logic,
    transition(snapshot, event, scope) {
      // A user's word taken for a fault of the agent: its policy applies.
      const taken =
        isBroken('restart-after-stop') &&
        (event.type === 'STOP' || event.type === 'KILL') &&
        event.reason.kind === 'user'
          ? { ...event, reason: { ...event.reason, kind: 'liveness' as const } }
          : event
      return logic.transition(snapshot, taken, scope)
    },
  }
}

/** Delivers in order, after the call that caused it has returned, and never throws into the launcher. */
import { messageOf } from '../errors.ts'
import type { LauncherEvents } from './launcher.ts'

export function deferred(events: LauncherEvents): LauncherEvents {
  const contained = (tell: () => void) =>
    queueMicrotask(() => {
      try {
        tell()
      } catch (error) {
        events.warning(`An answer of the launcher was not taken: ${messageOf(error)}`, error)
      }
    })
  return {
    answer: (answer) => contained(() => events.answer(answer)),
    warning: (message, cause) => contained(() => events.warning(message, cause)),
  }
}

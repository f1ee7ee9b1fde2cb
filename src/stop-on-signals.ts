import type { StopSupervisorOptions } from './shutdown.ts'
import type { Supervisor } from './supervisor.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Stops the supervisor when this process is asked to end, then ends it by the same signal, so that its parent sees
 * the truth. A second signal kills every agent at once. Returns what takes the handlers out again.
 *
 * A supervisor installs no handlers by itself: they belong to the program that embeds it.
 */
export function stopOnSignals(supervisor: Supervisor, options: StopSupervisorOptions = {}): () => void {
  let asked = false
  const remove = () => {
    for (const signal of SIGNALS) process.off(signal, handle)
  }
  const handle = (signal: NodeJS.Signals) => {
    if (asked) {
      supervisor.kill({ all: true }, { by: signal }).catch(() => {
        // What survives SIGKILL is named by the stop that is under way.
      })
      return
    }
    asked = true
    void supervisor.stop({ by: signal, ...options }).finally(() => {
      remove()
      process.kill(process.pid, signal)
    })
  }
  for (const signal of SIGNALS) process.on(signal, handle)
  return remove
}

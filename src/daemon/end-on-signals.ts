/** What ends a daemon besides a request: a signal. Every agent goes down its ladder first; a second one hastens that. */
import { messageOf } from '../errors.ts'
import type { Daemon } from './daemon.ts'

export function endOnSignals(daemon: Daemon, log: (line: string) => void): void {
  let asked = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      log(`${signal}: ${asked ? 'every agent is killed' : 'stopping'}`)
      if (!asked) void daemon.stop({ by: signal })
      else void daemon.reeve.kill({ all: true }, { by: signal }).catch((error) => log(messageOf(error)))
      asked = true
    })
}

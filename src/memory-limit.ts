/** What trees use, asked of the launcher; and the end of those that use more memory than `memoryMax`. */
import { isEnd } from '../machines/events.ts'
import type { SupervisorEvent } from '../machines/supervisor.ts'
import type { Clock } from './clock.ts'
import { Vitals } from './health/vitals.ts'
import type { Warning } from './listeners.ts'
import type { Launcher } from './process/launcher.ts'
import type { Roster } from './roster.ts'
import { sizeText } from './size.ts'

export interface MemoryLimitOptions {
  readonly clock: Clock
  /** How often memory is looked at, while an agent has a limit. */
  readonly everyMs: number
  readonly launcher: () => Launcher
  readonly roster: Roster
  readonly send: (event: SupervisorEvent) => void
  readonly warn: (warning: Warning) => void
}

export function openVitals({ clock, everyMs, launcher, roster, send, warn }: MemoryLimitOptions): Vitals {
  return new Vitals({
    clock,
    everyMs,
    sample: (lives, options) => launcher().vitals(lives, options),
    lives: ({ agentId, incarnation }) => {
      const record = roster.get(agentId)?.record
      return record?.incarnation === incarnation && !isEnd(record.state)
    },
    exceeded: ({ agentId }, evidence) => {
      const { memoryBytes = 0, maxBytes = 0 } = evidence
      const message = `its tree used ${sizeText(memoryBytes)}, more than memoryMax (${sizeText(maxBytes)})`
      send({ type: 'STOP', agentId, reason: { kind: 'memory', by: 'supervisor', message }, evidence })
    },
    trouble: (message, cause) => warn({ code: 'internal', message, cause }),
  })
}

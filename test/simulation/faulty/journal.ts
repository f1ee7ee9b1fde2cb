/** The journal, with faults put in on purpose. */
export * from '../../../src/registry/journal.ts'

import type { Entry } from '../../../machines/events.ts'
import type { Clock } from '../../../src/clock.ts'
import { type JournalOptions, Journal as RealJournal } from '../../../src/registry/journal.ts'
import { here, isBroken } from '../here.ts'

/** The limit of an append. */
const APPEND_LIMIT_MS = 5_000

const withoutLimit = (clock: Clock): Clock => ({
  ...clock,
  setTimeout: (fn, ms) => (ms === APPEND_LIMIT_MS ? undefined : clock.setTimeout(fn, ms)),
})

export class Journal extends RealJournal {
  #held: Entry | undefined

  constructor(options: JournalOptions) {
    super(isBroken('endless-append') ? { ...options, clock: withoutLimit(options.clock) } : options)
  }

  override append(entry: Entry): void {
    if (isBroken('lost-entry') && here().chances.chance(0.02)) return
    if (isBroken('reordered-entries') && !this.#held && here().chances.chance(0.05)) {
      this.#held = entry
      return
    }
    if (isBroken('told-before-written')) setImmediate(() => super.append(entry))
    else super.append(entry)
    if (this.#held) super.append(this.#held)
    this.#held = undefined
  }

  override queued(agentId: string): Promise<readonly Entry[]> {
    return isBroken('unread-backlog') ? Promise.resolve([]) : super.queued(agentId)
  }
}

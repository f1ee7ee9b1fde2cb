/** The journal, with faults put in on purpose. */
export * from '../../../../src/registry/journal.ts'
import type { Entry } from '../../../../machines/events.ts'
import { Journal as RealJournal } from '../../../../src/registry/journal.ts'
import { here, isBroken } from '../../here.ts'

export class Journal extends RealJournal {
  #held: Entry | undefined

  override append(entry: Entry): void {
    if (isBroken('lost-entry') && here().chances.chance(0.02)) return
    if (isBroken('reordered-entries') && !this.#held && here().chances.chance(0.05)) {
      this.#held = entry
      return
    }
    super.append(entry)
    if (this.#held) super.append(this.#held)
    this.#held = undefined
  }
}

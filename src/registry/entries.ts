/** The log as it grows: numbers entries, keeps the newest, and hands them to whoever reads along. */
import type { Entry } from '../../machines/events.ts'
import { ReeveError } from '../errors.ts'

/** How many of the newest entries can be read along with. */
const KEPT = 10_000

export class EntryLog {
  /** A ring: the entry numbered `seq` stands at `seq % KEPT`. */
  readonly #ring: Entry[] = []
  #last = 0
  #closed = false
  #waiting: (() => void)[] = []

  /** The number that the next entry gets; numbers begin at 1 and have no gaps. */
  get nextSeq(): number {
    return this.#last + 1
  }

  add(entry: Entry): void {
    this.#ring[entry.seq % KEPT] = entry
    this.#last = entry.seq
    this.#wake()
  }

  /** No entry follows: readers come to their end. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  /**
   * Every entry numbered above `since`, as they come; without `since`, those that come from now on. A reader holds
   * no queue of its own: one that falls behind by 10,000 is told so.
   *
   * @throws ReeveError `entries_gone`
   */
  async *read(since = this.#last): AsyncGenerator<Entry, void, void> {
    let seq = since
    for (;;) {
      while (seq < this.#last) {
        const entry = this.#ring[(seq + 1) % KEPT]
        if (entry?.seq !== seq + 1)
          throw new ReeveError(
            'entries_gone',
            `entries after ${seq} are no longer held: the oldest held is ${this.#last - KEPT + 1}. Read history(id), or begin later.`,
          )
        yield entry
        seq += 1
      }
      if (this.#closed) return
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

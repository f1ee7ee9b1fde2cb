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
  readonly #waiting = new Set<() => void>()

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

  /** Whether every entry above this number can still be read. */
  holds(since: number): boolean {
    return since >= this.#last - KEPT
  }

  /**
   * Every entry numbered above `since`, as they come; without `since`, those that come from now on. A reader holds
   * no queue of its own: one that falls behind by 10,000 is told so. The signal ends it, quietly.
   *
   * @throws ReeveError `entries_gone`
   */
  async *read(since = this.#last, signal?: AbortSignal): AsyncGenerator<Entry, void, void> {
    let seq = since
    for (;;) {
      while (seq < this.#last && !signal?.aborted) {
        const entry = this.#ring[(seq + 1) % KEPT]
        if (entry?.seq !== seq + 1)
          throw new ReeveError(
            'entries_gone',
            `entries after ${seq} are no longer held: the oldest held is ${this.#last - KEPT + 1}. Read history(id), or begin later.`,
          )
        yield entry
        seq += 1
      }
      if (this.#closed || signal?.aborted) return
      await this.#more(signal)
    }
  }

  #more(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

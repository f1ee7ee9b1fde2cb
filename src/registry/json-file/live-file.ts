/** The JSON file itself: the agents that are there now, rewritten whole and at once, for tools that read it. */
import fs from 'node:fs/promises'
import { realClock, type Timer } from '../../clock.ts'
import { snakeCased } from '../../snake-case.ts'
import { unavailable } from '../place.ts'
import type { AgentRecord } from '../record.ts'

/** The first change is written at once; those of the time that follows make one file. */
const COALESCE_MS = 20
/** … and when a rewrite takes long, of this many times what it took. */
const PACE = 4
const RETRY_MS = 1_000

export class LiveFile {
  readonly #path: string
  readonly #records: () => Iterable<AgentRecord>
  /** Each record's text, as long as the record is the same. */
  readonly #texts = new WeakMap<AgentRecord, string>()
  #timer: Timer
  #dirty = false
  #stopped = false
  #writing: Promise<void> | undefined
  /** When the next rewrite may begin. */
  #dueMs = 0
  #failure: unknown

  constructor(path: string, records: () => Iterable<AgentRecord>) {
    this.#path = path
    this.#records = records
  }

  /** The file is to follow, within {@link COALESCE_MS}. */
  changed(): void {
    this.#dirty = true
    this.#schedule(this.#dueMs - realClock.now())
  }

  /**
   * Tries again what failed.
   *
   * @throws ReeveError `registry_unavailable` while it still fails
   */
  async mend(): Promise<void> {
    if (this.#failure !== undefined) await this.flush()
  }

  /**
   * Resolves when the file says what is so.
   *
   * @throws ReeveError `registry_unavailable`
   */
  async flush(): Promise<void> {
    realClock.clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#writing) await this.#writing
    if (this.#dirty) await this.#write()
    if (this.#failure !== undefined) throw unavailable(this.#path, this.#failure)
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#stopped = true
    realClock.clearTimeout(this.#timer)
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#writing || this.#stopped) return
    this.#timer = realClock.setTimeout(() => {
      this.#timer = undefined
      void this.#write()
    }, ms)
  }

  /** Never rejects: what failed stays dirty, is told by the next append, and is tried again. */
  #write(): Promise<void> {
    this.#writing = this.#replace().then(
      () => {
        this.#failure = undefined
      },
      (error: unknown) => {
        this.#failure = error
        this.#dirty = true
      },
    )
    return this.#writing.finally(() => {
      this.#writing = undefined
      if (this.#dirty) this.#schedule(this.#failure === undefined ? this.#dueMs - realClock.now() : RETRY_MS)
    })
  }

  async #replace(): Promise<void> {
    const sinceMs = realClock.now()
    this.#dirty = false
    const records = [...this.#records()].map((record) => this.#textOf(record))
    const text = records.length === 0 ? '[]\n' : `[\n${records.join(',\n')}\n]\n`
    const temporary = `${this.#path}.writing`
    try {
      await fs.writeFile(temporary, text, { mode: 0o600 })
      await fs.rename(temporary, this.#path)
    } catch (error) {
      await fs.rm(temporary, { force: true })
      throw error
    }
    const nowMs = realClock.now()
    this.#dueMs = nowMs + Math.max(COALESCE_MS, (nowMs - sinceMs) * PACE)
  }

  #textOf(record: AgentRecord): string {
    const known = this.#texts.get(record)
    if (known !== undefined) return known
    const text = JSON.stringify(snakeCased(record))
    this.#texts.set(record, text)
    return text
  }
}

/** A registry in two plain files: a JSON array of the agents that are there, and the log behind it. */
import fs from 'node:fs/promises'
import type { Entry } from '../../machines/events.ts'
import { type Clock, realClock } from '../clock.ts'
import { errnoOf, ReeveError } from '../errors.ts'
import { Book } from './json-file/book.ts'
import { isMark, type Line, lineOf } from './json-file/lines.ts'
import { LiveFile } from './json-file/live-file.ts'
import { type Lock, lock } from './json-file/lock.ts'
import { LogFile } from './json-file/log-file.ts'
import { corrupt, placeOf, preparePlace, unavailable } from './place.ts'
import { type AgentRecord, matches, type RecordFilter } from './record.ts'
import type { Registry } from './registry.ts'
import { cutoffOf, type Retention, retentionMsOf } from './retention.ts'
import { mapInTurns } from './turns.ts'

/** How often, at most, the log is written anew without what is no longer kept. */
const COMPACT_EVERY_MS = 60 * 60 * 1000
/** … and when more have ended than are to be held in memory. */
const COMPACT_CROWDED_MS = 60 * 1000

export interface JsonFileRegistryOptions {
  /**
   * How long an agent that has ended is kept, with its entries: `{ ended: '7d' }`, an `ms` text or milliseconds;
   * `false` keeps everything. The log is written anew without them when it is opened, and at most once an hour after
   * that. Of agents that have ended no more than the newest 10,000 are kept, except with `false`. Default
   * `{ ended: '7d' }`.
   */
  readonly retention?: Retention
  /** For tests and simulations. Default real time. */
  readonly clock?: Clock
}

/**
 * `path` (`x.json`) is an array of the records that are alive, `spawning` or `pre_starting`, for tools that read it: keys in
 * snake_case, 0600, replaced as a whole within 20 ms of a change, so that a reader never sees half of it. It is derived,
 * and rewritten from the log when it is opened, whatever it said.
 *
 * `x.log.ndjson` beside it is the log: a head, then a line per entry, written by one write per batch; records and
 * histories are folded from it. SIGKILL loses nothing that was appended; a power cut may lose the last moments. What a
 * killed writer left of a last line is cut off and kept in `x.log.ndjson.torn`. One process has the files at a time. All records are held in memory, and `history()` reads
 * the log once through: for more than some 100,000 entries take `sqliteRegistry()`.
 *
 * Every method throws `registry_unavailable` (in use, full disk, read-only …; nothing of the batch is in, and the same
 * again succeeds once the cause is gone) and `registry_corrupt` (a line that is no entry, a log of someone else's, or a
 * log that is missing while `x.json` names agents; all bytes stay as they are).
 *
 * @throws ReeveError `invalid_spec`
 */
export function jsonFileRegistry(path: string, options: JsonFileRegistryOptions = {}): Registry {
  return new JsonFileRegistry(
    placeOf(path, 'jsonFileRegistry'),
    retentionMsOf(options.retention),
    options.clock ?? realClock,
  )
}

interface Open {
  readonly lock: Lock
  readonly log: LogFile
  readonly live: LiveFile
  book: Book
}

class JsonFileRegistry implements Registry {
  readonly durable = true
  readonly location: string
  readonly #file: string
  readonly #logFile: string
  readonly #retentionMs: number | null
  readonly #clock: Clock
  #open: Open | undefined
  #last: Promise<unknown> = Promise.resolve()
  #compactedAtMs = Number.NEGATIVE_INFINITY

  constructor(file: string, retentionMs: number | null, clock: Clock) {
    this.location = file
    this.#file = file
    this.#logFile = `${file.replace(/\.json$/, '')}.log.ndjson`
    this.#retentionMs = retentionMs
    this.#clock = clock
  }

  open(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#open) return
      preparePlace(this.#file)
      preparePlace(this.#logFile)
      const held = await lock(this.#file)
      try {
        this.#open = await this.#load(held)
        await this.#compact(this.#open)
        this.#open.live.changed()
        await this.#open.live.flush()
      } catch (error) {
        const open = this.#open
        this.#open = undefined
        open?.live.stop()
        await open?.log.close()
        await held.release()
        throw error
      }
    })
  }

  append(batch: readonly Entry[]): Promise<void> {
    return this.#inOrder(async () => {
      const open = this.#opened()
      await open.live.mend()
      const fresh = notPassed(batch, open.book)
      if (fresh.length === 0) return
      await this.#compact(open)
      await this.#add(open, fresh)
    })
  }

  records(filter: RecordFilter = {}): Promise<AgentRecord[]> {
    return this.#inOrder(async () =>
      [...this.#opened().book.records.values()].filter((record) => matches(record, filter)),
    )
  }

  async history(agentId: string): Promise<Entry[]> {
    const entries: Entry[] = []
    // The log as it stands is opened in its turn; reading it takes nobody else's.
    const reader = await this.#inOrder(() => this.#opened().log.reader())
    await reader(JSON.stringify(agentId), (line) => {
      if (line.agentId !== agentId) return
      if (!isMark(line)) entries.push(line)
      else if (line.history) entries.length = 0
    })
    return entries
  }

  remove(agentId: string, { history }: { history: boolean }): Promise<void> {
    return this.#inOrder(async () => {
      const open = this.#opened()
      if (!history && !open.book.records.has(agentId)) return
      const at = new Date(this.#clock.wallNow()).toISOString()
      await this.#add(open, [{ reeve: 'removed', agentId, history, at }])
    })
  }

  close(): Promise<void> {
    return this.#inOrder(async () => {
      const open = this.#open
      if (!open) return
      this.#open = undefined
      try {
        await open.live.flush()
      } finally {
        open.live.stop()
        await open.log.close()
        await open.lock.release()
      }
    })
  }

  #opened(): Open {
    if (this.#open) return this.#open
    throw new ReeveError('registry_unavailable', `${this.#file} is not open: call open() first`)
  }

  /** One after another, in the order of the calls. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = Promise.allSettled([result])
    return result
  }

  async #load(held: Lock): Promise<Open> {
    await this.#refuseLostLog()
    let book: Book | undefined
    const log = await LogFile.open(this.#logFile, (head) => {
      const read = new Book(head)
      book = read
      return (line, number) => read.take(line, number)
    })
    const open: Open = {
      lock: held,
      log,
      live: new LiveFile(this.#file, () => open.book.listed.values()),
      book: book as unknown as Book,
    }
    return open
  }

  /** Without its log, a file that says something is someone else's, or all that is left of ours. */
  async #refuseLostLog(): Promise<void> {
    const log = await statOf(this.#logFile)
    if (log !== undefined && log.size > 0) return
    const text = await readOf(this.#file)
    if (text === undefined || text.trim() === '' || /^\s*\[\s*\]\s*$/.test(text)) return
    throw corrupt(
      this.#file,
      `has content, and its log ${this.#logFile} is missing: it is another program's, or the log was lost`,
    )
  }

  async #add({ log, book, live }: Open, lines: readonly Line[]): Promise<void> {
    const before = log.lines
    await log.append(await mapInTurns(lines, lineOf))
    let listedChanged = false
    for (const [i, line] of lines.entries()) listedChanged = book.take(line, before + i + 1) || listedChanged
    if (listedChanged) live.changed()
  }

  async #compact(open: Open): Promise<void> {
    if (this.#retentionMs === null) return
    const nowMs = this.#clock.wallNow()
    const waitMs = open.book.crowded ? COMPACT_CROWDED_MS : COMPACT_EVERY_MS
    if (Math.abs(nowMs - this.#compactedAtMs) < waitMs) return
    this.#compactedAtMs = nowMs
    const cutoff = cutoffOf(nowMs, this.#retentionMs)
    const keep = open.book.keepers(cutoff)
    if (!keep) return
    const head = open.book.head(cutoff)
    const book = new Book(head)
    await open.log.rewrite(head, keep, (line, number) => book.take(line, number))
    open.book = book
  }
}

/** Those that were not taken before: numbers rise, so what was passed is known. */
function notPassed(batch: readonly Entry[], book: Book): Entry[] {
  const passed = new Map<string, number>()
  return batch.filter(({ supervisorId, seq }) => {
    if (seq <= (passed.get(supervisorId) ?? book.passed(supervisorId))) return false
    passed.set(supervisorId, seq)
    return true
  })
}

const unlessMissing = (file: string) => (error: unknown) => {
  if (errnoOf(error) === 'ENOENT') return undefined
  throw unavailable(file, error)
}
const statOf = (file: string) => fs.stat(file).catch(unlessMissing(file))
const readOf = (file: string) => fs.readFile(file, 'utf8').catch(unlessMissing(file))

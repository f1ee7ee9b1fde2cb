/**
 * Reading a log while others append to it and a launcher rotates it, line by line, at the pace of whoever reads:
 * nothing is read ahead of the consumer but one chunk of 64 KiB, and never on the event loop.
 */
import { type FSWatcher, type Stats, statSync, watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { type Clock, realClock, type Timer } from '../clock.ts'
import { errnoOf } from '../errors.ts'
import { LineSplitter, type LogPlace } from './log-lines.ts'
import {
  type FileIdentity,
  identityOf,
  isSame,
  type KeptPart,
  keptFile,
  type LogView,
  possibleNumbers,
  readState,
  type Stamp,
  stampOf,
  viewLog,
  viewOf,
} from './log-state.ts'

const CHUNK_BYTES = 64 * 1024
/** What the watch misses is found this much later. */
const POLL_MS = 200
/** Files move while they are looked for; so often in a row only when something is wrong. */
const LOOKS = 20

export interface ReadLogOptions {
  /**
   * Where to begin: an offset in the stream of everything that was ever written to it, in bytes; `'start'`, the oldest
   * that is kept; or `'end'` (what is written from now on). Default `'start'`. Rotation changes no offset; one that is
   * older than all that is kept means `'start'`. Lines of a raw file bear no time: whoever wants "since" remembers a
   * `logSize`. An offset within a line gives the rest of it.
   */
  readonly from?: number | 'start' | 'end'
  /** Goes on at the end, waiting for more. Default: ends there. */
  readonly follow?: boolean
  /** Following ends when this is true and all that was written before is read. Default: never. */
  readonly until?: () => boolean
  /** Ends it, quietly: the lines are over. */
  readonly signal?: AbortSignal
  /** Times the poll. Default: real time. */
  readonly clock?: Clock
}

/**
 * The lines of a log, without their newlines; the last one also when it has none. A line longer than 64 Ki characters
 * comes in pieces. UTF-8; what is not becomes U+FFFD. The older files that rotation left (`.3`, `.2`, `.1`) come first,
 * then the log from its first live offset on; a rotation meanwhile is not noticed, unless the reader is further behind
 * than all that is kept: then it goes on with the oldest line that is. A file that is not there yet is empty, or waited
 * for when following; one that someone truncated or replaced is read from its start.
 *
 * While a line is awaited and none is there, the wait holds the event loop: whoever follows wants to see the end.
 * Between two lines nothing is held. Leave by `break`, `return()` or the signal: descriptor and watch go at once.
 */
export function readLog(file: string, options: ReadLogOptions = {}): AsyncIterable<string> {
  return { [Symbol.asyncIterator]: () => new LogReader(file, options) }
}

/** As `readLog`, and it says how far it is. */
export const openLog = (file: string, options: ReadLogOptions = {}): LogReader => new LogReader(file, options)

/** Bytes that were ever written to a log: the offset at which it goes on. 0 when there is none. */
export const logSize = (file: string): number => viewLog(file).end

/** What a log shows from outside. `ageMs`: since its last change by the wall clock; `undefined` when there is none. */
export async function logLook(
  file: string,
  clock: Clock = realClock,
): Promise<{ readonly size: number; readonly ageMs: number | undefined }> {
  const found = await statOf(file)
  return found === undefined
    ? { size: 0, ageMs: undefined }
    : { size: viewOf(readState(file).state, found).end, ageMs: clock.wallNow() - found.mtimeMs }
}

/** A file with a part of the stream in it. */
interface Place {
  readonly handle: FileHandle
  readonly identity: FileIdentity
  /** Offset of its first byte. */
  readonly base: number
  /** Where it ends; `undefined`: it is the log itself. */
  readonly to: number | undefined
  /** What was said of the log when it was last looked at. */
  stamp: Stamp
}

export class LogReader implements AsyncIterableIterator<string> {
  readonly #file: string
  readonly #options: ReadLogOptions
  readonly #clock: Clock
  readonly #splitter = new LineSplitter()
  #place: Place | undefined
  /** Of the log, when it was last read from. */
  #base: number | undefined
  #watcher: FSWatcher | undefined
  #timer: Timer | undefined
  /** Ends the wait for more. */
  #wake: (() => void) | undefined
  /** The watch told of a change since the last read began. */
  #changed = false
  /** The offset that is read next; or where to begin; or, in a log that begins anew, its live part. */
  #position: number | 'start' | 'end' | 'live'
  #over = false
  /** Parts that someone took away, by their beginning. */
  readonly #missing = new Set<number>()
  /** Calls of `next()` follow one another, whether their caller waits for them or not. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(file: string, options: ReadLogOptions) {
    this.#file = file
    this.#options = options
    this.#clock = options.clock ?? realClock
    this.#position = options.from ?? 'start'
    if (options.signal?.aborted) this.#over = true
    else options.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Behind the line that was given last; `undefined` before anything was read. */
  get place(): LogPlace | undefined {
    return this.#splitter.given
  }

  next(): Promise<IteratorResult<string, undefined>> {
    const result = this.#last.then(() => this.#next())
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Ends a pending `next()` as well. */
  async return(): Promise<IteratorResult<string, undefined>> {
    this.#end()
    await this.#last
    await this.#release()
    return { done: true, value: undefined }
  }

  async #next(): Promise<IteratorResult<string, undefined>> {
    try {
      while (!this.#over) {
        const line = this.#splitter.shift()
        if (line !== undefined) return { done: false, value: line }
        const last = this.#options.follow !== true || this.#options.until?.() === true
        if (this.#options.follow) this.#watch()
        this.#changed = false
        if (await this.#read()) continue
        if (last) return await this.#finish()
        await this.#more()
      }
    } catch (error) {
      this.#end()
      await this.#release()
      throw error
    }
    await this.#release()
    return { done: true, value: undefined }
  }

  async #finish(): Promise<IteratorResult<string, undefined>> {
    const rest = this.#splitter.end()
    this.#end()
    await this.#release()
    return rest === undefined ? { done: true, value: undefined } : { done: false, value: rest }
  }

  /** Reads a chunk; false when there is no more for now. */
  async #read(): Promise<boolean> {
    this.#place ??= await this.#find()
    const place = this.#place
    const position = this.#position
    if (place === undefined || typeof position === 'string' || this.#over) return false
    const most = Math.min(CHUNK_BYTES, (place.to ?? Number.POSITIVE_INFINITY) - position)
    const chunk = Buffer.allocUnsafe(most)
    const { bytesRead } = await place.handle.read(chunk, 0, most, position - place.base)
    if (place.to !== undefined) {
      // Shorter than it was said to be: someone truncated it.
      this.#position = bytesRead === 0 ? place.to : position + bytesRead
      this.#splitter.push(chunk.subarray(0, bytesRead), position)
      if (this.#position === place.to) await this.#release()
      return true
    }
    if (!this.#isLive(place, position)) {
      await this.#release()
      return true
    }
    this.#position = position + bytesRead
    this.#splitter.push(chunk.subarray(0, bytesRead), position)
    return bytesRead > 0 || (await this.#turnedOver(place, position))
  }

  /**
   * After a read from the log: was that still live at this position? What is rotated is said to be before it becomes a
   * hole, so that what was read is good when nothing was said.
   */
  #isLive(place: Place, position: number): boolean {
    if (stampOf(this.#file) === place.stamp) return true
    const view = viewLog(this.#file)
    // Another log is there: nobody rotates this one any more.
    const isGood = !isSame(view.log, place.identity) || (view.base === place.base && view.live <= position)
    if (isGood) place.stamp = view.stamp
    return isGood
  }

  /** At its end: is it shorter than what was read, or is another file there now? Then from the start. */
  async #turnedOver(place: Place, position: number): Promise<boolean> {
    const held = await place.handle.stat()
    const there = await statOf(this.#file)
    const replaced = there !== undefined && !isSame(identityOf(there), place.identity)
    if (!replaced && place.base + held.size >= position) return false
    // In one that a launcher truncated, the stream goes on where it was.
    if (replaced || viewLog(this.#file).base === place.base) {
      this.#splitter.restart()
      this.#position = 'live'
    }
    if (replaced) this.#unwatch()
    await this.#release()
    return true
  }

  /** The file that holds what is read next; `undefined` when there is none yet. */
  async #find(): Promise<Place | undefined> {
    for (let look = 0; look < LOOKS; look++) {
      const view = viewLog(this.#file)
      const position = this.#from(view)
      const part = view.kept.findLast(({ from, to }) => to > position && !this.#missing.has(from))
      const place = part === undefined ? await this.#openLog(view) : await this.#openPart(view, part)
      if (place === undefined && part === undefined) {
        if (isThere(this.#file)) continue
        // All of what will be written there is new.
        this.#position = position
        return undefined
      }
      if (place === undefined) {
        // Something was rotated meanwhile, or someone took it away.
        if (part !== undefined && stampOf(this.#file) === view.stamp) this.#missing.add(part.from)
        continue
      }
      const begin = Math.max(position, part?.from ?? view.live)
      // What was between is not kept: half a line is not joined with what follows.
      if (begin !== this.#position) this.#splitter.restart()
      this.#position = begin
      if (part === undefined) this.#base = view.base
      return place
    }
    throw new Error(`the log ${this.#file} changes faster than it can be opened`)
  }
  #from(view: LogView): number {
    const position = this.#position
    if (position === 'start') return view.kept.at(-1)?.from ?? view.live
    if (position === 'end') return view.end
    if (position === 'live') return view.live
    // It saw the very last bytes before a truncation, which were lost: nobody else has them.
    const sawLost = this.#base !== undefined && this.#base !== view.base && position > view.base
    return sawLost ? view.base : position
  }

  async #openLog({ log, base, stamp }: LogView): Promise<Place | undefined> {
    const handle = await openAs(this.#file, log)
    return handle && { handle, identity: log, base, to: undefined, stamp }
  }

  /** An older file, which may be moved to a higher number at any moment. */
  async #openPart({ kept, stamp }: LogView, part: KeptPart): Promise<Place | undefined> {
    for (const number of [kept.indexOf(part) + 1, ...possibleNumbers(kept)]) {
      const handle = await openAs(keptFile(this.#file, number), part)
      if (handle !== undefined) return { handle, identity: part, base: part.from, to: part.to, stamp }
    }
    return undefined
  }

  /** Waits for a change, for the poll, or for the end. */
  async #more(): Promise<void> {
    if (this.#changed || this.#over) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#timer = this.#clock.setTimeout(resolve, POLL_MS)
      holdLoop(this.#timer)
    })
    this.#wake = undefined
    this.#clock.clearTimeout(this.#timer)
  }

  #watch(): void {
    if (this.#watcher !== undefined) return
    try {
      this.#watcher = watch(this.#file, { persistent: false }, () => {
        this.#changed = true
        this.#wake?.()
      })
      this.#watcher.on('error', () => this.#unwatch())
    } catch {
      // Not there yet, or no watch to be had: the poll does it alone.
      this.#watcher = undefined
    }
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  readonly #abort = (): void => {
    this.#end()
    // With a `next()` pending, that one lets go of the file; else nobody would.
    this.#last = this.#last.then(() => this.#release())
  }

  #end(): void {
    this.#over = true
    this.#unwatch()
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#wake?.()
  }

  async #release(): Promise<void> {
    const place = this.#place
    this.#place = undefined
    await place?.handle.close()
  }
}

/** A real timer that was unreferenced holds the loop again; a stepped one never does. */
function holdLoop(timer: Timer): void {
  if (timer instanceof Object && 'ref' in timer && typeof timer.ref === 'function') timer.ref()
}

/** Opens a file if it is this one. */
async function openAs(path: string, identity: FileIdentity): Promise<FileHandle | undefined> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    if (isSame(identityOf(await handle.stat()), identity)) return handle
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  await handle?.close()
  return undefined
}

const isThere = (file: string): boolean => statSync(file, { throwIfNoEntry: false }) !== undefined

async function statOf(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return undefined
  }
}

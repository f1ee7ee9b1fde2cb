/**
 * Reading a log while others append to it, line by line, at the pace of whoever reads: nothing is read ahead of the
 * consumer but one chunk of 64 KiB, and never on the event loop.
 */
import { type FSWatcher, type Stats, watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { type Clock, realClock, type Timer } from '../clock.ts'
import { errnoOf } from '../errors.ts'

const CHUNK_BYTES = 64 * 1024
/** What the watch misses is found this much later. */
const POLL_MS = 200
/** A longer line is given in pieces of this many characters. */
const PIECE_CHARACTERS = 64 * 1024

export interface ReadLogOptions {
  /**
   * Where to begin: a byte offset, `'start'`, or `'end'` (what is written from now on). Default `'start'`. Lines of a
   * raw file bear no time: whoever wants "since" remembers a `logSize`. An offset within a line gives the rest of it.
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
 * comes in pieces. UTF-8; what is not becomes U+FFFD. NULs where a hole was punched are left out. A file that is not
 * there yet is empty, or waited for when following; one that was truncated or replaced is read from its start.
 *
 * While a line is awaited and none is there, the wait holds the event loop: whoever follows wants to see the end.
 * Between two lines nothing is held. Leave by `break`, `return()` or the signal: descriptor and watch go at once.
 */
export function readLog(file: string, options: ReadLogOptions = {}): AsyncIterable<string> {
  return { [Symbol.asyncIterator]: () => new LogReader(file, options) }
}

/** Bytes in a log; 0 when there is none. */
export async function logSize(file: string): Promise<number> {
  return (await logLook(file)).size
}

/** What a log shows from outside. `ageMs`: since its last change by the wall clock; `undefined` when there is none. */
export async function logLook(
  file: string,
  clock: Clock = realClock,
): Promise<{ readonly size: number; readonly ageMs: number | undefined }> {
  const found = await statOf(file)
  return found === undefined
    ? { size: 0, ageMs: undefined }
    : { size: found.size, ageMs: clock.wallNow() - found.mtimeMs }
}

class LogReader implements AsyncIterableIterator<string> {
  readonly #file: string
  readonly #options: ReadLogOptions
  readonly #clock: Clock
  readonly #splitter = new LineSplitter()
  #handle: FileHandle | undefined
  #watcher: FSWatcher | undefined
  #timer: Timer | undefined
  /** Ends the wait for more. */
  #wake: (() => void) | undefined
  /** The watch told of a change since the last read began. */
  #changed = false
  /** `undefined`: the end of the file as it is when it is opened. */
  #position: number | undefined
  #over = false
  /** Calls of `next()` follow one another, whether their caller waits for them or not. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(file: string, options: ReadLogOptions) {
    this.#file = file
    this.#options = options
    this.#clock = options.clock ?? realClock
    const from = options.from ?? 'start'
    this.#position = from === 'end' ? undefined : from === 'start' ? 0 : from
    if (options.signal?.aborted) this.#over = true
    else options.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  [Symbol.asyncIterator](): this {
    return this
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
    this.#handle ??= await this.#open()
    if (this.#handle === undefined || this.#over) return false
    this.#position ??= (await this.#handle.stat()).size
    const { bytesRead, buffer } = await this.#handle.read(
      Buffer.allocUnsafe(CHUNK_BYTES),
      0,
      CHUNK_BYTES,
      this.#position,
    )
    this.#position += bytesRead
    this.#splitter.push(buffer.subarray(0, bytesRead))
    return bytesRead > 0 || (await this.#turnedOver(this.#handle, this.#position))
  }

  /** At its end: is it shorter than what was read, or is another file there now? Then from the start. */
  async #turnedOver(handle: FileHandle, position: number): Promise<boolean> {
    const held = await handle.stat()
    const there = await statOf(this.#file)
    const replaced = there !== undefined && (there.ino !== held.ino || there.dev !== held.dev)
    if (!replaced && held.size >= position) return false
    this.#splitter.restart()
    this.#position = 0
    if (replaced) {
      this.#unwatch()
      this.#handle = undefined
      await handle.close()
    }
    return true
  }

  async #open(): Promise<FileHandle | undefined> {
    try {
      return await open(this.#file, 'r')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      // All of what will be written there is new.
      this.#position ??= 0
      return undefined
    }
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
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}

/** Bytes to lines: across chunks, across characters, bounded. */
class LineSplitter {
  #decoder = new StringDecoder('utf8')
  #rest = ''
  #lines: string[] = []
  #next = 0

  push(bytes: Buffer): void {
    const text = this.#decoder.write(withoutHole(bytes, this.#rest === ''))
    const lines = text.split('\n')
    lines[0] = this.#rest + lines[0]
    this.#rest = this.#cut(lines.pop() ?? '', this.#lines)
    for (const line of lines) {
      const last = this.#cut(line, this.#lines)
      this.#lines.push(last.endsWith('\r') ? last.slice(0, -1) : last)
    }
  }

  /** The next line, in order. */
  shift(): string | undefined {
    const line = this.#lines[this.#next]
    if (line === undefined) return undefined
    this.#next += 1
    if (this.#next === this.#lines.length) {
      this.#lines = []
      this.#next = 0
    }
    return line
  }

  /** What came after the last newline, once nothing follows; `undefined` when nothing did. */
  end(): string | undefined {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    return rest === '' ? undefined : rest
  }

  /** Another beginning: half a line of before is given as it is. */
  restart(): void {
    const rest = this.end()
    if (rest !== undefined) this.#lines.push(rest)
    this.#decoder = new StringDecoder('utf8')
  }

  #cut(text: string, pieces: string[]): string {
    let rest = text
    while (rest.length > PIECE_CHARACTERS) {
      const last = rest.charCodeAt(PIECE_CHARACTERS - 1)
      // Not between the halves of a character.
      const length = last >= 0xd800 && last <= 0xdbff ? PIECE_CHARACTERS - 1 : PIECE_CHARACTERS
      pieces.push(rest.slice(0, length))
      rest = rest.slice(length)
    }
    return rest
  }
}

const NOTHING = Buffer.alloc(0)
const HOLE = Buffer.alloc(CHUNK_BYTES)

/** A punched hole reads as NULs: a whole chunk of them, or those at the beginning of a line. */
function withoutHole(bytes: Buffer, lineBegins: boolean): Buffer {
  if (bytes[0] !== 0) return bytes
  if (bytes.equals(HOLE.subarray(0, bytes.length))) return NOTHING
  return lineBegins ? bytes.subarray(bytes.findIndex((byte) => byte !== 0)) : bytes
}

/** A real timer that was unreferenced holds the loop again; a stepped one never does. */
function holdLoop(timer: Timer): void {
  if (timer instanceof Object && 'ref' in timer && typeof timer.ref === 'function') timer.ref()
}

async function statOf(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return undefined
  }
}

/**
 * One report file, read while its agent, who is trusted with nothing, may do anything to it and to its path:
 * flood it, truncate it, delete it, put a FIFO, a link or a directory in its place.
 *
 * It is held open, so that its inode cannot be given to another file unnoticed. `offset` always stands at the
 * beginning of a line (or within one that is being skipped): half a line is simply read again when more is there.
 */
import { closeSync, fstatSync, lstatSync, readSync, type Stats } from 'node:fs'
import { type LifeAddress, MAX_REPORT_BYTES } from '../../machines/events.ts'
import { type Identity, identityOf, isSame, openOwn } from './own-file.ts'

const NEWLINE = 0x0a
const MIB = 1024 * 1024
/** Bytes in one read. More than a line, so that every read gets on. */
export const SLICE_BYTES = 64 * 1024
/** With more than this unread it is a flood: read on at its end, {@link TAIL_BYTES} from there. */
const BACKLOG_BYTES = 8 * MIB
const TAIL_BYTES = MIB
/** How much of a flood is searched for its last newline at one go: about 1 ms. */
const SEARCH_BYTES = 4 * MIB
/** Lines between two looks at the time. */
const LINES_A_LOOK = 32

export interface ReportFileEvents {
  /** A complete line, without newline, and the offset behind it. */
  line(text: string, endOffset: number): void
  /** It was written to, but not appended to (`>` in place of `>>`, `touch`): a sign of life without words. */
  touched(offset: number): void
  /** It is not what it was made as. Told once per cause. */
  rejected(cause: string): void
  /** It could not be opened or read for a reason that lies with us. */
  trouble(cause: unknown): void
}

export interface ReportCounts {
  /** Lines that were no report: unknown words, broken JSON, binary, longer than 16 KiB. */
  readonly malformed: number
  /** Bytes of a flood that were skipped unread. */
  readonly lost: number
  /** How often the file was found to be something else than a file of ours with one link. */
  readonly rejected: number
}

export class ReportFile {
  readonly life: LifeAddress
  readonly path: string
  malformed = 0
  lost = 0
  rejected = 0
  /** Its path is to be looked at before it is read: it may be another file by now. */
  suspect = false
  /** The watch told of it since the last sweep, which may leave it out then. */
  heard = false
  offset: number
  readonly #events: ReportFileEvents
  readonly #causes = new Set<string>()
  #fd: number | undefined
  /** The file that `offset` belongs to. */
  #identity: Identity | undefined
  #mtimeMs: number | undefined
  /** Inside a line that is not to be read: too long, or begun before a place we jumped to. */
  #skipping = false
  /** Where the search for the last newline of a flood goes on, downwards. */
  #searchAt: number | undefined
  #reading = false

  constructor(life: LifeAddress, path: string, offset: number, events: ReportFileEvents) {
    this.life = life
    this.path = path
    this.offset = offset
    this.#events = events
  }

  /** A line of it is being told just now. */
  get reading(): boolean {
    return this.#reading
  }

  /** Reads at most one slice, and not past `timeIsUp`. True when more can be read at once. */
  read(buffer: Buffer, timeIsUp: () => boolean): boolean {
    // A line's listener that drains this very file: it is being drained.
    if (this.#reading) return false
    this.#reading = true
    try {
      return this.#read(buffer, timeIsUp)
    } catch (error) {
      this.#events.trouble(error)
      this.close()
      return false
    } finally {
      this.#reading = false
    }
  }

  close(): void {
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
  }

  #read(buffer: Buffer, timeIsUp: () => boolean): boolean {
    const fd = this.#fd ?? this.#open()
    if (fd === undefined) return false
    const stat = fstatSync(fd)
    const replaced = (this.suspect || stat.nlink !== 1) && this.#replaced(stat)
    this.suspect = false
    if (stat.nlink > 1 && !replaced) return this.#reject('hard link')
    if (stat.size < this.offset) this.#restart()
    const more =
      stat.size > this.offset ? this.#slice(fd, stat.size, buffer, timeIsUp) : this.#nothingNew(stat)
    this.#mtimeMs = stat.mtimeMs
    if (more || !replaced) return more
    // Read to its end: on to the one that has its place now, if any.
    this.close()
    return true
  }

  #slice(fd: number, size: number, buffer: Buffer, timeIsUp: () => boolean): boolean {
    if (this.#searchAt !== undefined || size - this.offset > BACKLOG_BYTES) {
      if (!this.#skipAhead(fd, size, buffer)) return true
    }
    const base = this.offset
    const length = readSync(fd, buffer, 0, Math.min(SLICE_BYTES, buffer.length, size - base), base)
    const bytes = buffer.subarray(0, length)
    let start = 0
    let lines = 0
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      const from = start
      start = end + 1
      // Before the line is told: whoever hears it may read on, or throw.
      this.offset = base + start
      this.#line(bytes, from, end)
      lines += 1
      if (lines % LINES_A_LOOK === 0 && timeIsUp()) return this.offset < size
    }
    if (this.#skipping) this.offset = base + length
    else if (length - start > MAX_REPORT_BYTES) {
      this.malformed += 1
      this.#skipping = true
      this.offset = base + length
    }
    return length > 0 && base + length < size
  }

  #line(bytes: Buffer, start: number, end: number): void {
    if (this.#skipping) this.#skipping = false
    else if (end - start > MAX_REPORT_BYTES) this.malformed += 1
    else if (end > start) this.#events.line(bytes.toString('utf8', start, end), this.offset)
  }

  /** The last line when its newline never came, once nobody is left to write it. */
  takeRest(): void {
    if (this.#fd === undefined || this.#skipping) return
    const buffer = Buffer.allocUnsafe(MAX_REPORT_BYTES)
    let length = 0
    try {
      length = readSync(this.#fd, buffer, 0, MAX_REPORT_BYTES, this.offset)
    } catch (cause) {
      this.#events.trouble(cause)
    }
    if (length === 0 || buffer.subarray(0, length).includes(NEWLINE)) return
    const text = buffer.toString('utf8', 0, length)
    this.offset += length
    this.#events.line(text, this.offset)
  }

  /**
   * Jumps to the tail of a flood, and no further than the last complete line. That is found by searching back from
   * the end, some MiB a turn; false while it is not found yet.
   */
  #skipAhead(fd: number, size: number, buffer: Buffer): boolean {
    const floor = Math.max(this.offset, (this.#searchAt ?? size) - SEARCH_BYTES)
    let at = Math.min(this.#searchAt ?? size, size)
    let newline = -1
    while (at > floor && newline === -1) {
      const from = Math.max(floor, at - SLICE_BYTES)
      const length = readSync(fd, buffer, 0, at - from, from)
      const found = buffer.subarray(0, length).lastIndexOf(NEWLINE)
      if (found !== -1) newline = from + found
      at = from
    }
    if (newline === -1 && at > this.offset) {
      this.#searchAt = at
      return false
    }
    this.#searchAt = undefined
    const landing = newline === -1 ? size : Math.min(size - TAIL_BYTES, newline - MAX_REPORT_BYTES - 1)
    if (landing <= this.offset) return true
    // Not one newline in all of it: half a line that is too long.
    if (newline === -1 && !this.#skipping) this.malformed += 1
    this.lost += landing - this.offset
    this.offset = landing
    this.#skipping = true
    return true
  }

  #nothingNew(stat: Stats): boolean {
    if (this.#mtimeMs !== undefined && stat.mtimeMs !== this.#mtimeMs && stat.nlink === 1)
      this.#events.touched(this.offset)
    return false
  }

  /** Is there another file, or none, at its path? */
  #replaced(stat: Stats): boolean {
    const found = lstatSync(this.path, { throwIfNoEntry: false })
    return found === undefined || found.ino !== stat.ino || found.dev !== stat.dev
  }

  /** Anything to read, or to look into? One system call, for the sweep. */
  changed(): boolean {
    let found: Stats | undefined
    try {
      found = lstatSync(this.path, { throwIfNoEntry: false })
    } catch (cause) {
      this.#events.trouble(cause)
    }
    if (found === undefined) return this.#fd !== undefined
    if (this.#fd === undefined || this.#identity === undefined || !isSame(found, this.#identity)) return true
    this.suspect = false
    return found.size !== this.offset || found.mtimeMs !== this.#mtimeMs || found.nlink !== 1
  }

  #open(): number | undefined {
    const opened = openOwn(this.path)
    if (opened === undefined) return undefined
    if ('wrong' in opened) {
      this.#reject(opened.wrong)
      return undefined
    }
    // Moved away and back, it is the same; an adopted one is taken on its word.
    if (this.#identity !== undefined && !isSame(opened.stat, this.#identity)) this.#restart()
    this.#identity = identityOf(opened.stat)
    this.#fd = opened.fd
    return opened.fd
  }

  #restart(): void {
    this.offset = 0
    this.#skipping = false
    this.#searchAt = undefined
    this.#mtimeMs = undefined
  }

  #reject(cause: string): false {
    this.rejected += 1
    if (!this.#causes.has(cause)) {
      this.#causes.add(cause)
      this.#events.rejected(cause)
    }
    return false
  }
}

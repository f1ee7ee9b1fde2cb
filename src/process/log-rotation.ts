/**
 * Rotates one log, whose writers keep their `O_APPEND` descriptor and know nothing of it: the oldest live part is
 * copied into `.1`, `<log>.offset` says so, and a hole is punched over what was copied. Nothing is lost; the log's
 * apparent size goes on growing, its allocated blocks do not. Parts end at the end of a line where there is one.
 *
 * What SIGKILL leaves, at each point, and what the next pass (or a reader) makes of it:
 *
 * 1. while `.next` is copied: the log is as it was; `.next` is nobody's and is removed;
 * 2. after `<log>.offset` was replaced, before the files are renamed: the part is rotated; readers know the files by
 *    identity, under whatever name, and the names are put right;
 * 3. between two renames: the same (files are only ever moved to a higher number, the oldest first);
 * 4. before the hole is punched, or while it is: the log still takes the room; readers start behind it; it is punched.
 *
 * Without holes a log is read to its end and truncated: what is written between the last read and the truncation, some
 * microseconds, is lost. There a crash leaves:
 *
 * 5. while the last part is copied: `<log>.offset` says that it goes as far as its file; the log's rest follows;
 * 6. after the truncation: the log is shorter than it can be, so the stream goes on at its beginning.
 */
import { constants, fstatSync, ftruncateSync, readSync, type Stats, writeSync } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import { errnoOf } from '../errors.ts'
import type { Punched, PunchHole } from './log-hole.ts'
import {
  closed,
  identityOf,
  isSame,
  type KeptPart,
  keptFile,
  type LogState,
  type OpenState,
  possibleNumbers,
  readState,
  type Stamp,
  stampOf,
  textOf,
  viewOf,
  writeState,
  writeStateNow,
} from './log-state.ts'

export interface LogLimits {
  /** A live part of this many bytes is rotated. */
  readonly maxBytes: number
  /** How many older files are kept. */
  readonly keep: number
}

export interface RotationPorts {
  readonly clock: Clock
  readonly punch: PunchHole
  /** Leave as soon as it is safe. */
  readonly stopped: () => boolean
}

/** What a pass has to tell. */
export interface Pass {
  /** There is more to do at once: it grows faster than it is copied. */
  readonly again: boolean
  /** What came of the hole; `undefined`: none was needed. */
  readonly punched: Punched | undefined
  /** So many bytes may have been lost by truncating, at most. */
  readonly lost: number
}

const MIB = 1024 * 1024
/** Copied at once, outside the event loop. */
const SLICE_BYTES = MIB
/** A part ends at the last end of a line within so many bytes; in a longer line, at a block. */
const LINE_BYTES = 64 * 1024
/** Copied in one go before a truncation: about 2 ms. What is beyond is lost. */
const LAST_GO_BYTES = 4 * MIB
/** Nobody appends to a file faster: 4 GiB/s. */
const FASTEST_BYTES_PER_MS = 4 * MIB
/** A truncation waits for writes that are under way; it keeps the next ones out while it takes place. */
const LOCK_MS = 0.1
/** Rounds of copying what was written during the one before. */
const ROUNDS = 20
/** Failures of the hole, one after another, before a log is truncated. */
const TRIES = 3

const NOTHING_DONE: Pass = { again: false, punched: undefined, lost: 0 }

/** It was asked to leave, or the file is not what it was: nothing is done, the next look decides. */
class Abandoned extends Error {}

export class LogRotation {
  readonly file: string
  limits: LogLimits
  readonly #ports: RotationPorts
  /** Holes cannot be punched here. */
  truncates = false
  #failures = 0
  /** What was said last; it outlives the file that says it. */
  #state: LogState | undefined
  #stamp: Stamp
  /** Where in the log the live part begins; a hole is due, or was punched, before. */
  #begin = 0
  #punchedTo = 0
  /** The highest number that a file of ours may have. */
  #last = 0

  constructor(file: string, limits: LogLimits, ports: RotationPorts) {
    this.file = file
    this.limits = limits
    this.#ports = ports
  }

  /** Whether a pass is worth its while. */
  isDue(log: Stats): boolean {
    const known = this.#state
    if (known !== undefined && (!isSame(known.log, identityOf(log)) || log.size < this.#begin)) return true
    if (!this.truncates && this.#punchedTo < this.#begin) return true
    return log.size - this.#begin >= this.limits.maxBytes
  }

  /** Rotates what there is to rotate. `all`: truncates it at any size; only where nobody writes. */
  async pass({ all = false } = {}): Promise<Pass> {
    const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants
    let log: FileHandle
    try {
      log = await open(this.file, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return NOTHING_DONE
      throw error
    }
    try {
      const found = await log.stat()
      if (!found.isFile()) return NOTHING_DONE
      await this.#begins(found)
      return all || this.truncates ? await this.#truncate(log, found, all) : await this.#punch(log, found)
    } catch (error) {
      if (error instanceof Abandoned) return NOTHING_DONE
      throw error
    } finally {
      await log.close()
    }
  }

  /** Finds out where it stands, and puts right what a predecessor left, or someone else did. */
  async #begins(found: Stats): Promise<void> {
    const { state: said, stamp } = readState(this.file)
    const known = this.#state
    const isSameFile = known !== undefined && isSame(known.log, identityOf(found))
    // Only what says it was removed: what was said stands. With the log itself gone, another stream begins.
    const before = said ?? (isSameFile && known.live > 0 ? known : undefined)
    const { log, base, live, kept } = viewOf(before, found)
    const state = { log, base, live, kept }
    this.#state = state
    this.#stamp = stamp
    this.#begin = live - base
    this.#last = Math.max(this.#last, this.limits.keep + 1, kept.length + 1)
    // The first time, and in another file: is there anything in the blocks before it?
    if (!isSameFile || this.#punchedTo > this.#begin)
      this.#punchedTo = found.blocks * 512 > found.size - this.#begin + LINE_BYTES ? 0 : this.#begin
    if (before === undefined) return
    if (stamp !== textOf(state)) await this.#commit(state)
    await this.#settle()
  }

  async #punch(log: FileHandle, { size, blksize }: Stats): Promise<Pass> {
    const { maxBytes, keep } = this.limits
    let begin = this.#begin
    const parts = Math.floor((size - begin) / maxBytes)
    // What would be shifted out in this very pass is not copied first.
    if (parts > keep) {
      begin = await cut(log, begin, begin + (parts - keep) * maxBytes, blksize)
      if (keep === 0) await this.#commit({ ...this.#known, live: this.#offset(begin), kept: [] })
    }
    for (let part = Math.min(parts, keep); part > 0; part--) {
      const end = await cut(log, begin, begin + maxBytes, blksize)
      const kept = await this.#copy(log, begin, end)
      await this.#commit({ ...this.#known, live: kept.to, kept: this.#with(kept) })
      await this.#settle()
      begin = end
    }
    if (keep === 0) await this.#settle()
    if (this.#punchedTo === this.#begin) return NOTHING_DONE
    const to = this.#begin
    const punched = await this.#ports.punch(log.fd, to)
    if (punched.result === 'punched') {
      this.#failures = 0
      this.#punchedTo = to
    } else if (punched.result === 'unsupported' || ++this.#failures === TRIES) {
      this.truncates = true
    }
    const again = this.truncates || (await log.stat()).size - this.#begin >= maxBytes
    return { again, punched, lost: 0 }
  }

  get #known(): LogState {
    if (this.#state === undefined) throw new Error('a rotation begins with what is known')
    return this.#state
  }

  /** The offset in the stream of a position in the log. */
  #offset(position: number): number {
    return this.#known.base + position
  }

  #with<T extends object>(part: T): [T, ...KeptPart[]] {
    return [part, ...this.#known.kept.slice(0, this.limits.keep - 1)]
  }

  /** A part of the log, in a file of its own that nobody knows yet. */
  async #copy(log: FileHandle, from: number, to: number): Promise<KeptPart> {
    const next = await this.#next()
    try {
      for (let at = from; at < to; ) at += await this.#slice(log, next, at, to - at)
      return { ...identityOf(await next.stat()), from: this.#offset(from), to: this.#offset(to) }
    } catch (error) {
      await rm(keptFile(this.file, 0), { force: true })
      throw error
    } finally {
      await next.close()
    }
  }

  async #next(): Promise<FileHandle> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const path = keptFile(this.file, 0)
    await rm(path, { force: true })
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  }

  async #slice(log: FileHandle, next: FileHandle, at: number, most: number): Promise<number> {
    if (this.#ports.stopped()) throw new Abandoned()
    const buffer = Buffer.allocUnsafe(Math.min(most, SLICE_BYTES))
    const { bytesRead } = await log.read(buffer, 0, buffer.length, at)
    // Someone truncated it.
    if (bytesRead === 0) throw new Abandoned()
    for (let written = 0; written < bytesRead; )
      written += (await next.write(buffer, written, bytesRead - written)).bytesWritten
    return bytesRead
  }

  /** From here on it is so. */
  async #commit(state: LogState): Promise<void> {
    this.#unlessTaken()
    this.#stamp = await writeState(this.file, state)
    this.#state = state
    this.#begin = state.live - state.base
  }

  /** Two that rotate one log (a launcher that was thought dead): the second leaves. */
  #unlessTaken(): void {
    const stamp = stampOf(this.file)
    if (stamp !== undefined && stamp !== this.#stamp) throw new Abandoned()
  }

  /**
   * Gives every older file its number, and lets go of those that are not kept. Numbers only rise, the oldest file
   * first, so that none is written over that is kept. One that was removed leaves a gap, which the next one fills.
   */
  async #settle(): Promise<void> {
    const { kept } = this.#known
    const { keep } = this.limits
    const present = new Map<number, number>()
    await Promise.all(
      possibleNumbers(kept).map(async (number) => {
        const part = await this.#partIn(number)
        if (part !== undefined) present.set(part, number)
      }),
    )
    const moves: { from: number; to: number }[] = []
    const taken = new Set<number>()
    let free = 1
    for (const index of kept.keys()) {
      const from = present.get(index)
      if (from === undefined) continue
      const to = Math.max(from, free)
      free = to + 1
      taken.add(to)
      if (from !== to) moves.unshift({ from, to })
    }
    for (const { from, to } of moves) await rename(keptFile(this.file, from), keptFile(this.file, to))
    // A file that is none of these stands there until its number is needed.
    for (let number = keep + 1; number <= this.#last; number++)
      if (!taken.has(number)) await rm(keptFile(this.file, number), { force: true })
    this.#state = { ...this.#known, kept: kept.filter((_, index) => present.has(index)) }
  }

  /** Which of the kept parts is in this file. */
  async #partIn(number: number): Promise<number | undefined> {
    try {
      const identity = identityOf(await stat(keptFile(this.file, number)))
      const index = this.#known.kept.findIndex((part) => isSame(part, identity))
      return index === -1 ? undefined : index
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      return undefined
    }
  }

  /** Without holes: reads it to its end, and truncates it. */
  async #truncate(log: FileHandle, { size, blksize }: Stats, all: boolean): Promise<Pass> {
    const { maxBytes, keep } = this.limits
    if (size < maxBytes && !all) return NOTHING_DONE
    const parts = Math.max(1, Math.floor((size - this.#begin) / maxBytes))
    let begin = this.#begin
    if (parts > keep) begin = await cut(log, begin, begin + (parts - keep) * maxBytes, blksize)
    for (let part = Math.min(parts, keep); part > 1; part--) {
      const end = await cut(log, begin, begin + maxBytes, blksize)
      const kept = await this.#copy(log, begin, end)
      await this.#commit({ ...this.#known, live: kept.to, kept: this.#with(kept) })
      await this.#settle()
      begin = end
    }
    if (keep === 0) {
      await this.#commit({ ...this.#known, live: this.#offset((await log.stat()).size), kept: [] })
      ftruncateSync(log.fd, 0)
      this.#truncated(this.#known)
      await this.#settle()
      return NOTHING_DONE
    }
    const lost = await this.#lastPart(log, begin)
    await this.#settle()
    return { ...NOTHING_DONE, lost }
  }

  /** The last part: it ends where there is no more to read, and then the log is truncated in the same breath. */
  async #lastPart(log: FileHandle, begin: number): Promise<number> {
    const next = await this.#next()
    try {
      const { log: identity, base } = this.#known
      const newest = { ...identityOf(await next.stat()), from: this.#offset(begin) }
      const state: OpenState = { log: identity, base, kept: this.#with(newest) }
      this.#unlessTaken()
      this.#stamp = await writeState(this.file, state)
      let at = begin
      for (let round = 0; round < ROUNDS; round++) {
        const { size } = await log.stat()
        if (round > 0 && size - at < SLICE_BYTES) break
        while (at < size) at += await this.#slice(log, next, at, size - at)
      }
      const lost = lastGo(log.fd, next.fd, at, this.#ports.clock)
      this.#truncated(closed(state, this.file))
      return lost
    } finally {
      await next.close()
    }
  }

  /** The log is empty: the stream goes on at its beginning. */
  #truncated(state: LogState): void {
    const now = { ...state, base: state.live }
    this.#stamp = writeStateNow(this.file, now)
    this.#state = now
    this.#begin = 0
    this.#punchedTo = 0
  }
}

/**
 * Copies what was written meanwhile, until there is no more, and truncates. Synchronous: every microsecond counts.
 * Tells how much may have been written since the last look, at most.
 */
function lastGo(log: number, next: number, from: number, clock: Clock): number {
  const buffer = Buffer.allocUnsafe(SLICE_BYTES)
  let at = from
  let lookedMs = clock.now()
  for (let read = -1; read !== 0 && at - from < LAST_GO_BYTES; ) {
    lookedMs = clock.now()
    read = readSync(log, buffer, 0, buffer.length, at)
    for (let written = 0; written < read; ) written += writeSync(next, buffer, written, read - written)
    at += read
  }
  const beyond = at - from < LAST_GO_BYTES ? 0 : fstatSync(log).size - at
  const windowMs = clock.now() - lookedMs + LOCK_MS
  ftruncateSync(log, 0)
  return beyond + Math.ceil(windowMs * FASTEST_BYTES_PER_MS)
}

/** Where to end a part that begins at `from` and may go up to `most`: after the last newline, or else at a block. */
async function cut(log: FileHandle, from: number, most: number, blockBytes: number): Promise<number> {
  const start = Math.max(from, most - LINE_BYTES)
  const buffer = Buffer.allocUnsafe(most - start)
  const { bytesRead } = await log.read(buffer, 0, buffer.length, start)
  if (bytesRead < buffer.length) throw new Abandoned()
  const newline = buffer.lastIndexOf('\n')
  if (newline !== -1) return start + newline + 1
  const block = most - (most % blockBytes)
  return block > from ? block : most
}

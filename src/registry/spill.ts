/**
 * The write-ahead file of a durable registry: every entry is one line in it before anyone hears of the entry, so that
 * neither an outage of the registry nor SIGKILL of this process loses one. One write, no sync: it survives the
 * process, not the machine.
 */
import fs from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Entry, ProcessIdentity } from '../../machines/events.ts'
import type { Backlog } from './backlog.ts'
import { MemoryBacklog } from './backlog.ts'

/** Whose file it is: the first line. */
export interface SpillHeader {
  readonly spill: 1
  readonly supervisorId: string
  readonly owner: ProcessIdentity
  /** Where the registry is, as it says itself; `null` for one that does not say. */
  readonly registry: string | null
}

/** Entries kept in memory beside the file; what is beyond is read back from it. */
const WINDOW = 10_000
/** Once everything is taken, a file larger than this is cut back to its header. */
const TRIM_BYTES = 256 * 1024
/** Read back at a time. */
const CHUNK_BYTES = 1024 * 1024

export class SpillBacklog implements Backlog {
  readonly path: string
  readonly #fd: number
  readonly #headerBytes: number
  readonly #trouble: (cause: unknown) => void
  #bytes: number
  /** The oldest entries that wait. */
  #window: Entry[] = []
  /** What waits beyond the window: where in the file it begins, and how many entries it is. */
  #beyond: { from: number; count: number } | undefined
  /** The file takes no more (the disk is full): what comes now waits here, and is bounded. */
  #unwritten: MemoryBacklog | undefined
  /** Opened by whoever reads back first; those that read meanwhile wait for the same one. */
  #reader: Promise<FileHandle> | undefined

  /** Makes the file (0600). Throws what the file system says. */
  constructor(path: string, header: SpillHeader, trouble: (cause: unknown) => void) {
    const { O_CREAT, O_EXCL, O_APPEND, O_WRONLY, O_NOFOLLOW } = fs.constants
    this.path = path
    this.#trouble = trouble
    this.#fd = fs.openSync(path, O_CREAT | O_EXCL | O_APPEND | O_WRONLY | O_NOFOLLOW, 0o600)
    this.#bytes = fs.writeSync(this.#fd, `${JSON.stringify(header)}\n`)
    this.#headerBytes = this.#bytes
  }

  get size(): number {
    return this.#window.length + (this.#beyond?.count ?? 0) + (this.#unwritten?.size ?? 0)
  }

  get lost(): number {
    return this.#unwritten?.lost ?? 0
  }

  push(entry: Entry): void {
    const from = this.#bytes
    if (!this.#write(entry)) {
      this.#unwritten ??= new MemoryBacklog()
      this.#unwritten.push(entry)
    } else if (this.#beyond) this.#beyond.count += 1
    else if (this.#window.length < WINDOW) this.#window.push(entry)
    else this.#beyond = { from, count: 1 }
  }

  async peek(max: number): Promise<readonly Entry[]> {
    if (this.#window.length === 0 && this.#beyond) await this.#readBack(this.#beyond)
    if (this.#window.length > 0) return this.#window.slice(0, max)
    return this.#unwritten?.peek(max) ?? []
  }

  taken(batch: readonly Entry[]): void {
    if (this.#window.length > 0) this.#window.splice(0, batch.length)
    else this.#unwritten?.taken(batch)
    if (this.#unwritten?.size === 0) this.#unwritten = undefined
    if (this.size === 0 && this.#bytes > TRIM_BYTES) this.#cutTo(this.#headerBytes)
  }

  async of(agentId: string): Promise<readonly Entry[]> {
    const beyond: Entry[] = []
    if (this.#beyond) {
      let { from, count } = this.#beyond
      while (count > 0) {
        const { entries, bytes } = await this.#read(from, count)
        beyond.push(...entries)
        from += bytes
        count -= entries.length
      }
    }
    const unwritten = (await this.#unwritten?.of(agentId)) ?? []
    return [...this.#window, ...beyond].filter((entry) => entry.agentId === agentId).concat(unwritten)
  }

  /** Removes the file when everything in it was taken; else it stays, for a successor. */
  async close(): Promise<void> {
    // Whoever could not open it was told so.
    const reader = await this.#reader?.catch(() => undefined)
    await reader?.close()
    fs.closeSync(this.#fd)
    if (this.size === 0) fs.rmSync(this.path, { force: true })
  }

  /** One write. While something waits in memory alone, what comes after it has to wait behind it. */
  #write(entry: Entry): boolean {
    if (this.#unwritten) return false
    const line = Buffer.from(`${JSON.stringify(entry)}\n`)
    try {
      let written = fs.writeSync(this.#fd, line)
      while (written < line.length) written += fs.writeSync(this.#fd, line, written)
      this.#bytes += line.length
      return true
    } catch (cause) {
      this.#trouble(cause)
      // A part of a line may stand there now.
      this.#cutTo(this.#bytes)
      return false
    }
  }

  #cutTo(bytes: number): void {
    try {
      fs.ftruncateSync(this.#fd, bytes)
      this.#bytes = bytes
    } catch (cause) {
      this.#trouble(cause)
    }
  }

  async #readBack(beyond: { from: number; count: number }): Promise<void> {
    const { entries, bytes } = await this.#read(beyond.from, Math.min(beyond.count, WINDOW))
    // Pushes go on while the file is read: they only ever add to the count.
    beyond.from += bytes
    beyond.count -= entries.length
    this.#window.push(...entries)
    if (beyond.count === 0) this.#beyond = undefined
  }

  async #opened(): Promise<FileHandle> {
    this.#reader ??= open(this.path, 'r')
    try {
      return await this.#reader
    } catch (cause) {
      this.#reader = undefined
      throw cause
    }
  }

  /** At most `count` whole lines from there on. */
  async #read(from: number, count: number): Promise<{ entries: Entry[]; bytes: number }> {
    const reader = await this.#opened()
    let buffer = Buffer.alloc(CHUNK_BYTES)
    for (;;) {
      const { bytesRead } = await reader.read(buffer, 0, buffer.length, from)
      const text = buffer.subarray(0, bytesRead)
      const end = text.lastIndexOf(10) + 1
      if (end === 0 && bytesRead === buffer.length) {
        buffer = Buffer.alloc(buffer.length * 2)
        continue
      }
      const lines = text.subarray(0, end).toString().split('\n').slice(0, -1).slice(0, count)
      const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
      return { entries: lines.map((line) => JSON.parse(line) as Entry), bytes }
    }
  }
}

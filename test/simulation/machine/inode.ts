/** What a name of the simulated disk leads to. */
import type { Stats } from 'node:fs'

export type Kind = 'file' | 'folder' | 'fifo'

const KIND_BITS: Readonly<Record<Kind, number>> = { file: 0o100000, folder: 0o040000, fifo: 0o010000 }

const UID = process.getuid?.() ?? 0

export class Inode {
  readonly kind: Kind
  readonly ino: number
  readonly birthtimeMs: number
  mtimeMs: number
  mode: number
  nlink = 1
  size = 0
  /** Of a folder. */
  readonly names = new Map<string, Inode>()
  readonly watchers = new Set<(name: string, renamed: boolean) => void>()
  #bytes = Buffer.alloc(0)

  constructor(kind: Kind, ino: number, mode: number, nowMs: number) {
    this.kind = kind
    this.ino = ino
    this.mode = mode
    this.birthtimeMs = nowMs
    this.mtimeMs = nowMs
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.size)
  }

  write(bytes: Buffer, at: number, nowMs: number): void {
    const end = at + bytes.length
    if (end > this.#bytes.length) {
      const more = Buffer.alloc(Math.max(end, 2 * this.#bytes.length, 256))
      this.#bytes.copy(more, 0, 0, this.size)
      this.#bytes = more
    }
    if (at > this.size) this.#bytes.fill(0, this.size, at)
    bytes.copy(this.#bytes, at)
    this.size = Math.max(this.size, end)
    this.mtimeMs = nowMs
  }

  truncate(size: number, nowMs: number): void {
    if (size > this.size) this.write(Buffer.alloc(size - this.size), this.size, nowMs)
    this.size = size
    this.mtimeMs = nowMs
  }

  stat(): Stats {
    const { kind, ino, size, nlink, mode, mtimeMs, birthtimeMs } = this
    return {
      dev: 1,
      ino,
      size,
      nlink,
      mode: KIND_BITS[kind] | mode,
      uid: UID,
      gid: UID,
      mtimeMs,
      birthtimeMs,
      isFile: () => kind === 'file',
      isDirectory: () => kind === 'folder',
      isFIFO: () => kind === 'fifo',
      isSymbolicLink: () => false,
      isSocket: () => false,
    } as Stats
  }
}

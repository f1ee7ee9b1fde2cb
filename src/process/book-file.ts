/** The file of a launcher's book: lines are appended, and the whole is written anew when most of it is out of date. */
import { closeSync, constants, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import type { BookStore } from './book.ts'

const { O_WRONLY, O_RDONLY, O_APPEND, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants

export class BookFile implements BookStore {
  readonly path: string
  #fd: number | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Throws what the system says; a part of it may then stand there, at the end. */
  append(text: string): void {
    this.#fd ??= openSync(this.path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
    writeWhole(this.#fd, text)
  }

  /** All of it at once: who reads sees the old or the new. Throws what the system says; then the old one stands. */
  replace(text: string): void {
    const fresh = `${this.path}.new`
    const fd = openSync(fresh, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
    try {
      writeWhole(fd, text)
      renameSync(fresh, this.path)
    } catch (error) {
      closeSync(fd)
      rmSync(fresh, { force: true })
      throw error
    }
    this.#close()
    this.#fd = fd
  }

  remove(): void {
    this.#close()
    rmSync(this.path, { force: true })
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(fd, bytes, sent)
}

/** Its text; `undefined` when there is none. One that is not a regular file of ours is none of ours. */
export function readBookFile(path: string): string | undefined {
  let fd: number
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ELOOP') return undefined
    throw error
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.uid !== process.geteuid?.()) return undefined
    return readWhole(fd, stat.size)
  } finally {
    closeSync(fd)
  }
}

/** What is appended meanwhile is for another time. */
function readWhole(fd: number, size: number): string {
  const bytes = Buffer.alloc(size)
  let length = 0
  for (let read = -1; read !== 0 && length < size; length += read)
    read = readSync(fd, bytes, length, size - length, null)
  return bytes.toString('utf8', 0, length)
}

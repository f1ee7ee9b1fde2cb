/**
 * The simulated disk: folders, files, descriptors. It stays when processes die, and shows then what had been written
 * by that moment: of the last write perhaps a part.
 */
import path from 'node:path'
import type { Dice } from '../dice.ts'
import type { Party } from '../party.ts'
import { runningParty } from '../party.ts'
import type { Time } from '../time.ts'
import { Inode, type Kind } from './inode.ts'
import { SystemError } from './system-error.ts'

interface Descriptor {
  readonly inode: Inode
  readonly append: boolean
  readonly owner: Party | undefined
  at: number
}

export interface OpenFlags {
  readonly create?: boolean
  readonly exclusive?: boolean
  readonly truncate?: boolean
  readonly append?: boolean
}

/** A change is told to those who watch after so long, if at all: inotify drops events in silence. */
const MOST_TELL_MS = 4

export class Disk {
  readonly #time: Time
  readonly #dice: Dice
  readonly #root: Inode
  readonly #descriptors = new Map<number, Descriptor>()
  #inodes = 0
  #nextFd = 3
  /** ENOSPC. */
  full = false

  constructor(time: Time, dice: Dice) {
    this.#time = time
    this.#dice = dice
    this.#root = this.#inode('folder', 0o755)
  }

  find(name: string): Inode | undefined {
    let inode: Inode | undefined = this.#root
    for (const part of path.resolve('/', name).split('/')) if (part !== '') inode = inode?.names.get(part)
    return inode
  }

  get(name: string): Inode {
    const inode = this.find(name)
    if (!inode) throw new SystemError('ENOENT', name)
    return inode
  }

  make(name: string, kind: Kind, mode: number): Inode {
    const folder = this.get(path.dirname(name))
    if (folder.kind !== 'folder') throw new SystemError('ENOTDIR', name)
    if (folder.names.has(path.basename(name))) throw new SystemError('EEXIST', name)
    const inode = this.#inode(kind, mode)
    folder.names.set(path.basename(name), inode)
    this.#tell(folder, path.basename(name), true)
    return inode
  }

  makeFolders(name: string, mode: number): void {
    if (this.find(name)) return
    this.makeFolders(path.dirname(name), mode)
    this.make(name, 'folder', mode)
  }

  unlink(name: string): void {
    const folder = this.get(path.dirname(name))
    const inode = this.get(name)
    inode.nlink -= 1
    folder.names.delete(path.basename(name))
    this.#tell(folder, path.basename(name), true)
  }

  rename(from: string, to: string): void {
    const inode = this.get(from)
    if (this.find(to) === inode) return
    const folder = this.get(path.dirname(to))
    if (this.find(to)) this.unlink(to)
    this.get(path.dirname(from)).names.delete(path.basename(from))
    folder.names.set(path.basename(to), inode)
    this.#tell(folder, path.basename(to), true)
  }

  link(from: string, to: string): void {
    if (this.find(to)) throw new SystemError('EEXIST', to)
    const inode = this.get(from)
    inode.nlink += 1
    this.get(path.dirname(to)).names.set(path.basename(to), inode)
  }

  open(name: string, { create, exclusive, truncate, append = false }: OpenFlags, mode: number): number {
    let inode = this.find(name)
    if (inode && create && exclusive) throw new SystemError('EEXIST', name)
    if (!inode && !create) throw new SystemError('ENOENT', name)
    inode ??= this.make(name, 'file', mode)
    if (truncate) inode.truncate(0, this.#time.wallMs)
    const fd = this.#nextFd
    this.#nextFd += 1
    this.#descriptors.set(fd, { inode, append, owner: runningParty(), at: 0 })
    return fd
  }

  opened(fd: number): Inode {
    return this.#descriptor(fd).inode
  }

  close(fd: number): void {
    this.#descriptor(fd)
    this.#descriptors.delete(fd)
  }

  /** Who dies holds nothing any more. */
  closeAllOf(owner: Party): void {
    for (const [fd, descriptor] of this.#descriptors)
      if (descriptor.owner === owner) this.#descriptors.delete(fd)
  }

  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number | null): number {
    const descriptor = this.#descriptor(fd)
    const from = position ?? descriptor.at
    const bytes = descriptor.inode.bytes.subarray(from, from + length)
    buffer.set(bytes, offset)
    if (position === null) descriptor.at += bytes.length
    return bytes.length
  }

  write(fd: number, bytes: Buffer, position: number | null): number {
    if (this.full) throw new SystemError('ENOSPC')
    const descriptor = this.#descriptor(fd)
    const { inode } = descriptor
    const at = descriptor.append ? inode.size : (position ?? descriptor.at)
    inode.write(bytes, at, this.#time.wallMs)
    if (position === null) descriptor.at = at + bytes.length
    this.changed(inode)
    return bytes.length
  }

  /** The write during which its process was killed: none of it, some, or all. */
  tear(fd: number, bytes: Buffer): void {
    this.write(fd, bytes.subarray(0, this.#dice.between(0, bytes.length)), null)
  }

  truncate(inode: Inode, size: number): void {
    inode.truncate(size, this.#time.wallMs)
    this.changed(inode)
  }

  /** Someone who is not simulated writes: an agent. False when there is no such file. */
  append(name: string, text: string): boolean {
    const inode = this.find(name)
    if (inode?.kind !== 'file') return false
    inode.write(Buffer.from(text), inode.size, this.#time.wallMs)
    this.changed(inode)
    this.#tell(this.get(path.dirname(name)), path.basename(name), false)
    return true
  }

  changed(inode: Inode): void {
    this.#tell(inode, '', false)
  }

  /** Watches a folder or a file, on behalf of the one who runs. Returns what ends it. */
  watch(name: string, changed: (event: string, name: string | null) => void): () => void {
    const inode = this.get(name)
    const owner = runningParty()
    const watcher = (which: string, renamed: boolean): void => {
      if (this.#dice.chance(0.15)) return
      this.#time.after(this.#dice.between(0, MOST_TELL_MS), () =>
        owner?.deliver(() => {
          if (inode.watchers.has(watcher)) changed(renamed ? 'rename' : 'change', which)
        }),
      )
    }
    inode.watchers.add(watcher)
    return () => inode.watchers.delete(watcher)
  }

  #tell(inode: Inode, name: string, renamed: boolean): void {
    for (const watcher of inode.watchers) watcher(name, renamed)
  }

  #descriptor(fd: number): Descriptor {
    const descriptor = this.#descriptors.get(fd)
    if (!descriptor) throw new SystemError('EBADF', String(fd))
    return descriptor
  }

  #inode(kind: Kind, mode: number): Inode {
    this.#inodes += 1
    return new Inode(kind, this.#inodes, mode, this.#time.wallMs)
  }
}

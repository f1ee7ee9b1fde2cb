/** `node:fs` of the simulated machine, as far as the product uses it. What is missing says so when it is called. */
import fs from 'node:fs'
import path from 'node:path'
import { here } from '../here.ts'
import type { OpenFlags } from '../machine/disk.ts'
import type { Inode } from '../machine/inode.ts'
import { SystemError } from '../machine/system-error.ts'
import { mayAct, runningParty } from '../party.ts'

const { constants } = fs
type Options = {
  mode?: number
  flag?: string | number
  encoding?: string
  throwIfNoEntry?: boolean
} & fs.RmOptions

/** The dead ask for nothing: their code ends here. */
function act(): void {
  if (!mayAct()) throw new SystemError('EINTR', 'its process is dead')
}

export function flagsOf(flags: string | number = 'r'): OpenFlags {
  if (typeof flags === 'number')
    return {
      create: (flags & constants.O_CREAT) !== 0,
      exclusive: (flags & constants.O_EXCL) !== 0,
      truncate: (flags & constants.O_TRUNC) !== 0,
      append: (flags & constants.O_APPEND) !== 0,
    }
  return {
    create: !flags.startsWith('r'),
    exclusive: flags.includes('x'),
    truncate: flags.startsWith('w'),
    append: flags.startsWith('a'),
  }
}

const bytesOf = (data: string | Uint8Array): Buffer => Buffer.from(data as Uint8Array)
const optionsOf = (options: Options | string | undefined): Options =>
  typeof options === 'string' ? { encoding: options } : (options ?? {})

function stat(name: string, { throwIfNoEntry = true }: Options = {}): fs.Stats | undefined {
  const { disk } = here()
  return throwIfNoEntry ? disk.get(name).stat() : disk.find(name)?.stat()
}

function remove(name: string, { recursive = false, force = false }: Options): void {
  const { disk } = here()
  const inode = disk.find(name)
  if (!inode && force) return
  if (inode?.kind === 'folder') {
    if (!recursive) throw new SystemError('ERR_FS_EISDIR', name)
    for (const child of [...inode.names.keys()]) remove(path.join(name, child), { recursive, force })
  }
  disk.unlink(name)
}

function write(
  fd: number,
  data: string | Uint8Array,
  offset = 0,
  length?: number,
  position: number | null = null,
) {
  const whole = bytesOf(data)
  const bytes =
    typeof data === 'string'
      ? whole
      : whole.subarray(offset, length === undefined ? undefined : offset + length)
  const { disk } = here()
  const lived = runningParty()?.dead === false
  if (!mayAct()) {
    if (lived) disk.tear(fd, bytes)
    act()
  }
  return disk.write(fd, bytes, position)
}

const ofName = (inode: Inode, name: string, { withFileTypes }: { withFileTypes?: boolean }) =>
  withFileTypes ? { ...inode.stat(), name } : name

export const simulated = {
  constants,
  openSync(name: string, flags?: string | number, mode = 0o666): number {
    act()
    if (name === '/dev/null') return here().disk.open(name, {}, mode)
    return here().disk.open(name, flagsOf(flags), mode)
  },
  closeSync: (fd: number) => here().disk.close(fd),
  readSync: (
    fd: number,
    buffer: Uint8Array,
    offset = 0,
    length = buffer.length,
    position: number | null = null,
  ) => here().disk.read(fd, buffer, offset, length, position),
  writeSync: write,
  ftruncateSync(fd: number, size = 0): void {
    act()
    here().disk.truncate(here().disk.opened(fd), size)
  },
  truncateSync(name: string, size = 0): void {
    act()
    here().disk.truncate(here().disk.get(name), size)
  },
  fsyncSync: act,
  fdatasyncSync: act,
  fstatSync: (fd: number) => here().disk.opened(fd).stat(),
  statSync: stat,
  lstatSync: stat,
  existsSync: (name: string) => here().disk.find(name) !== undefined,
  accessSync: (name: string) => void here().disk.get(name),
  realpathSync: (name: string) => path.resolve('/', name),
  chmodSync(name: string, mode: number): void {
    act()
    here().disk.get(name).mode = mode
  },
  readFileSync(name: string, options?: Options | string): Buffer | string {
    const inode = here().disk.get(name)
    if (inode.kind === 'folder') throw new SystemError('EISDIR', name)
    const { encoding } = optionsOf(options)
    return encoding ? inode.bytes.toString(encoding as BufferEncoding) : Buffer.from(inode.bytes)
  },
  writeFileSync(name: string, data: string | Uint8Array, options?: Options | string): void {
    const { flag = 'w', mode = 0o666 } = optionsOf(options)
    const fd = simulated.openSync(name, flag, mode)
    try {
      write(fd, data)
    } finally {
      here().disk.close(fd)
    }
  },
  appendFileSync: (name: string, data: string | Uint8Array, options?: Options | string) =>
    simulated.writeFileSync(name, data, { ...optionsOf(options), flag: 'a' }),
  readdirSync(name: string, options: { withFileTypes?: boolean } = {}): unknown[] {
    const folder = here().disk.get(name)
    if (folder.kind !== 'folder') throw new SystemError('ENOTDIR', name)
    return [...folder.names].map(([each, inode]) => ofName(inode, each, options))
  },
  mkdirSync(name: string, options: { recursive?: boolean; mode?: number } | number = {}): void {
    act()
    const { recursive = false, mode = 0o777 } = typeof options === 'number' ? { mode: options } : options
    if (recursive) here().disk.makeFolders(path.resolve(name), mode)
    else here().disk.make(name, 'folder', mode)
  },
  rmSync(name: string, options: Options = {}): void {
    act()
    remove(name, options)
  },
  rmdirSync(name: string): void {
    act()
    if (here().disk.get(name).names.size > 0) throw new SystemError('ENOTEMPTY', name)
    here().disk.unlink(name)
  },
  unlinkSync(name: string): void {
    act()
    here().disk.unlink(name)
  },
  renameSync(from: string, to: string): void {
    act()
    here().disk.rename(from, to)
  },
  linkSync(from: string, to: string): void {
    act()
    here().disk.link(from, to)
  },
  watch(name: string, _options: unknown, changed: (event: string, name: string | null) => void) {
    const close = here().disk.watch(name, changed)
    return { close, on: () => {}, unref: () => {} }
  },
}

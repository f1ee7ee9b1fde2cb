/** `node:fs/promises` of the simulated machine: what `node:fs` does, in a pool of threads that takes its time. */
import { here } from '../here.ts'
import { runningParty } from '../party.ts'
import { simulated as sync } from './fs.ts'

/** A disk is slow at times. */
const SLOW = 0.01
const SLOWEST_MS = 3_000

/** Done a while later, unless its process is dead by then; told to it when it listens. */
function inThread<T>(work: () => T): Promise<T> {
  const { time, disks } = here()
  const party = runningParty()
  const ms = disks.chance(SLOW) ? disks.between(1, SLOWEST_MS) : disks.next()
  return new Promise((resolve, reject) => {
    time.after(ms, () => {
      if (party?.dead) return
      const done = party ? party.inThread(() => outcomeOf(work)) : outcomeOf(work)
      party?.deliver(() => ('error' in done ? reject(done.error) : resolve(done.value)))
    })
  })
}

function outcomeOf<T>(work: () => T): { value: T } | { error: unknown } {
  try {
    return { value: work() }
  } catch (error) {
    return { error }
  }
}

const later =
  <A extends readonly unknown[], T>(work: (...args: A) => T) =>
  (...args: A): Promise<T> =>
    inThread(() => work(...args))

class Handle {
  readonly fd: number
  constructor(fd: number) {
    this.fd = fd
  }
  async read(buffer: Uint8Array, offset = 0, length = buffer.length, position: number | null = null) {
    return {
      bytesRead: await inThread(() => sync.readSync(this.fd, buffer, offset, length, position)),
      buffer,
    }
  }
  async write(data: string | Uint8Array, offset?: number, length?: number, position?: number | null) {
    return {
      bytesWritten: await inThread(() => sync.writeSync(this.fd, data, offset, length, position)),
      buffer: data,
    }
  }
  readonly writeFile = later((data: string | Uint8Array) => void sync.writeSync(this.fd, data))
  readonly appendFile = this.writeFile
  readonly stat = later(() => sync.fstatSync(this.fd))
  readonly truncate = later((size?: number) => sync.ftruncateSync(this.fd, size))
  readonly sync = later(() => {})
  readonly datasync = this.sync
  readonly close = later(() => sync.closeSync(this.fd))
}

export const simulated = {
  constants: sync.constants,
  open: async (name: string, flags?: string | number, mode?: number) =>
    new Handle(await inThread(() => sync.openSync(name, flags, mode))),
  stat: later((name: string) => sync.statSync(name)),
  lstat: later((name: string) => sync.lstatSync(name)),
  access: later(sync.accessSync),
  readFile: later(sync.readFileSync),
  writeFile: later(sync.writeFileSync),
  appendFile: later(sync.appendFileSync),
  readdir: later(sync.readdirSync),
  mkdir: later(sync.mkdirSync),
  rm: later(sync.rmSync),
  unlink: later(sync.unlinkSync),
  rename: later(sync.renameSync),
  link: later(sync.linkSync),
  chmod: later(sync.chmodSync),
  realpath: later(sync.realpathSync),
}

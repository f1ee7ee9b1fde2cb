/**
 * One supervisor on a home. The lock belongs to an open file of this process, and to nobody else: the kernel frees it
 * when the process is gone, by SIGKILL too, so that nothing stale is ever left for a person to clear away.
 *
 * Node has no `flock(2)`, but a lock belongs to the open file and not to who took it: `flock(1)` is handed the
 * descriptor, locks it, and leaves. Where there is no such program, an abstract socket named by the folder's device
 * and inode does the same, within one network namespace. On macOS opening it locks.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import type { ProcessIdentity } from '../machines/events.ts'
import { realClock } from './clock.ts'
import { within } from './deferred.ts'
import { errnoOf, messageOf, ReeveError } from './errors.ts'
import { lockByOpening } from './lock-by-opening.ts'
import { identify, isAlive } from './process/identity.ts'

export interface HomeLock {
  release(): void | Promise<void>
}

/** Whoever has just taken the lock says who it is at once; whoever died with it is gone at once. */
const UNNAMED_FOR_MS = 1_000
const AGAIN_AFTER_MS = 10
/** `flock -n` does not wait; a machine under load may take its time to start it. */
const FLOCK_LIMIT_MS = 10_000
/** The longest that a holder's name can be, in bytes. */
const NAME_BYTES = 256
/** Where the program lies when the path that this process was given does not lead there. */
const PROGRAMS = ['flock', '/usr/bin/flock', '/bin/flock']

/**
 * @param programs for tests.
 * @throws ReeveError `home_locked`, `home_unusable`
 */
export async function lockHome(dir: string, programs: readonly string[] = PROGRAMS): Promise<HomeLock> {
  const fd = openLockFile(dir)
  try {
    const kept = await taken(fd, dir, programs)
    name(fd)
    let held = true
    return {
      release() {
        if (held) release(fd, kept)
        held = false
      },
    }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/** What holds it besides the descriptor, until it is closed. */
interface Kept {
  close(): unknown
}

const NOTHING: Kept = { close: () => {} }

/** Holds it once this resolves. */
async function taken(fd: number, dir: string, programs: readonly string[]): Promise<Kept> {
  const untilMs = realClock.now() + UNNAMED_FOR_MS
  for (;;) {
    const kept =
      process.platform === 'darwin'
        ? lockByOpening(path.join(dir, 'lock'))
        : await lockedThrough(fd, programs)
    if (kept) return kept
    const holder = holderOf(fd)
    const living = holder && isAlive(holder)
    if (living || realClock.now() >= untilMs) throw lockedBy(dir, living ? holder.pid : undefined)
    await pause(AGAIN_AFTER_MS)
  }
}

/** `undefined` when another has it. */
async function lockedThrough(fd: number, programs: readonly string[]): Promise<Kept | undefined> {
  const locked = await flock(fd, programs)
  if (locked === undefined) return listen(fd)
  return locked ? NOTHING : undefined
}

/** Whether it was locked; `undefined` where there is nothing to lock it with. */
async function flock(fd: number, programs: readonly string[]): Promise<boolean | undefined> {
  for (const program of programs) {
    const child = spawn(program, ['-n', '3'], { cwd: '/', stdio: ['ignore', 'ignore', 'ignore', fd] })
    let exited: unknown[] = []
    try {
      const exit = once(child, 'exit').then((how) => {
        exited = how
      })
      if (!(await within(exit, FLOCK_LIMIT_MS, realClock))) child.kill('SIGKILL')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') continue
      throw unusable(`the lock could not be taken: ${program}: ${messageOf(error)}`, error)
    }
    const [code, signal] = exited
    if (code === 0) return true
    if (code === 1) return false
    throw unusable(`the lock could not be taken: ${program} ended with ${signal ?? code ?? 'no answer'}`)
  }
  return undefined
}

/** `undefined` when another listens there. */
async function listen(fd: number): Promise<net.Server | undefined> {
  const { dev, ino } = fs.fstatSync(fd)
  const server = net.createServer((socket) => socket.destroy())
  server.unref()
  try {
    server.listen({ path: `\0reeve-home-${dev}-${ino}` })
    await once(server, 'listening')
    return server
  } catch (cause) {
    if (errnoOf(cause) === 'EADDRINUSE') return undefined
    throw unusable(`the lock could not be taken: ${messageOf(cause)}`, cause)
  }
}

function openLockFile(dir: string): number {
  const file = path.join(dir, 'lock')
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  let fd: number | undefined
  try {
    fd = fs.openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
    const stat = fs.fstatSync(fd)
    if (stat.isFile() && stat.uid === process.geteuid?.()) return fd
  } catch (cause) {
    throw unusable(`${file} cannot be opened: ${messageOf(cause)}`, cause)
  }
  fs.closeSync(fd)
  throw unusable(`${file} is no regular file of yours. Remove it, or give another home.`)
}

/** Says who holds it: read by those who come too late. */
function name(fd: number): void {
  const self = identify(process.pid)
  fs.ftruncateSync(fd, 0)
  fs.writeSync(fd, `${JSON.stringify(self)}\n`, 0)
}

function holderOf(fd: number): ProcessIdentity | undefined {
  const buffer = Buffer.alloc(NAME_BYTES)
  const text = buffer.toString('utf8', 0, fs.readSync(fd, buffer, 0, NAME_BYTES, 0))
  try {
    return text.endsWith('\n') ? (JSON.parse(text) as ProcessIdentity) : undefined
  } catch {
    return undefined // somebody's hand was in it: nobody is named
  }
}

/** Who was the last to say that it holds the lock, and may be gone. It is not asked for: looking disturbs nobody. */
export function lockHolder(dir: string): ProcessIdentity | undefined {
  let fd: number
  try {
    fd = fs.openSync(path.join(dir, 'lock'), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw unusable(messageOf(error), error)
  }
  try {
    return holderOf(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** Nobody is to be named who does not hold it: this process may live on. */
function release(fd: number, kept: Kept): void {
  fs.ftruncateSync(fd, 0)
  fs.closeSync(fd)
  kept.close()
}

const pause = (ms: number): Promise<boolean> => within(new Promise(() => {}), ms, realClock)

function lockedBy(dir: string, pid: number | undefined): ReeveError {
  const who =
    pid === undefined ? 'another process' : pid === process.pid ? `this process (${pid})` : `pid ${pid}`
  const message = `${dir} is in use by a supervisor in ${who}. Stop that one, or give another home.`
  return new ReeveError('home_locked', message, { field: 'home' })
}

const unusable = (message: string, cause?: unknown): ReeveError =>
  new ReeveError('home_unusable', message, { field: 'home', ...(cause !== undefined && { cause }) })

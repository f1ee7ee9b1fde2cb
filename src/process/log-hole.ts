/**
 * Takes the blocks under a part of a file away, without moving what follows: `fallocate --punch-hole` (util-linux), for
 * Node has no call for it. What was there reads as NULs. ext4, XFS, btrfs, tmpfs and others can do it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { errnoOf, messageOf } from '../errors.ts'

export interface Punched {
  /** `unsupported`: it will never work here. `failed`: it may, later. */
  readonly result: 'punched' | 'unsupported' | 'failed'
  /** Why not. */
  readonly message: string
}

/** Punches a hole over the first `length` bytes of an open file. */
export type PunchHole = (fd: number, length: number) => Promise<Punched>

/** A disk that does not answer for so long does not get the whole queue. */
const LIMIT_MS = 30_000
const MESSAGE_BYTES = 1000
/** What util-linux (two wordings), and a `fallocate` that knows no such option (BusyBox), say. */
const UNSUPPORTED = /not supported|unsupported|unrecognized option|invalid option|usage:/i

export const punchBy =
  (clock: Clock, program = 'fallocate'): PunchHole =>
  async (fd, length) => {
    let child: ChildProcess
    try {
      child = spawn(
        program,
        ['--punch-hole', '--offset', '0', '--length', String(length), '/proc/self/fd/3'],
        {
          env: { PATH: process.env.PATH, LC_ALL: 'C' },
          stdio: ['ignore', 'ignore', 'pipe', fd],
        },
      )
    } catch (error) {
      return failure(program, error)
    }
    return outcome(child, program, clock)
  }

function outcome(child: ChildProcess, program: string, clock: Clock): Promise<Punched> {
  let said = ''
  child.unref()
  if (child.stderr instanceof Socket) child.stderr.unref()
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, MESSAGE_BYTES)
  })
  return new Promise((resolve) => {
    const limit = clock.setTimeout(() => {
      child.kill('SIGKILL')
      resolve({ result: 'failed', message: `${program} did not end within ${LIMIT_MS / 1000} s` })
    }, LIMIT_MS)
    child.once('error', (error) => {
      clock.clearTimeout(limit)
      resolve(failure(program, error))
    })
    // It has no children: nobody else holds the pipe.
    child.once('close', (code, signal) => {
      clock.clearTimeout(limit)
      const message = said.trim() || `${program} ended with ${signal ?? code}`
      resolve({
        result: code === 0 ? 'punched' : UNSUPPORTED.test(said) ? 'unsupported' : 'failed',
        message: code === 0 ? '' : message,
      })
    })
  })
}

function failure(program: string, error: unknown): Punched {
  const errno = errnoOf(error)
  const missing = errno === 'ENOENT' || errno === 'EACCES' || errno === 'ENOTDIR' || errno === 'ENOEXEC'
  return {
    result: missing ? 'unsupported' : 'failed',
    message: missing ? `there is no program ${program} (${errno})` : messageOf(error),
  }
}

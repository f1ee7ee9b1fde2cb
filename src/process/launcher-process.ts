/** A launcher's process, as the one who speaks with it sees it: a child, or one that was there before. */
import type { ChildProcess } from 'node:child_process'
import type { ProcessIdentity } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { errnoOf } from '../errors.ts'
import { sleep } from './deadline.ts'
import { isAlive, liveStat, readStat } from './identity.ts'

export interface LauncherProcess {
  readonly pid: number
  /** Settles when it has ended. */
  exited(): Promise<void>
  /** By SIGSTOP, or by its terminal: it will say nothing until it goes on. */
  isStopped(): boolean
  /** SIGKILL; its agents live on. */
  kill(): void
}

const LOOK_EVERY_MS = 20

export function ofChild(child: ChildProcess): LauncherProcess {
  const isGone = () => child.exitCode !== null || child.signalCode !== null
  const pid = child.pid ?? 0
  const exited = new Promise<void>((resolve) => {
    if (isGone()) resolve()
    else child.once('exit', () => resolve())
  })
  return {
    pid,
    exited: () => exited,
    isStopped: () => !isGone() && readStat(pid)?.state === 'T',
    kill: () => void child.kill('SIGKILL'),
  }
}

export function ofIdentity(identity: ProcessIdentity, clock: Clock): LauncherProcess {
  return {
    pid: identity.pid,
    async exited() {
      while (isAlive(identity)) await sleep(clock, LOOK_EVERY_MS)
    },
    isStopped: () => liveStat(identity)?.state === 'T',
    kill() {
      if (!isAlive(identity)) return
      try {
        process.kill(identity.pid, 'SIGKILL')
      } catch (error) {
        if (errnoOf(error) !== 'ESRCH') throw error
      }
    },
  }
}

/** The daemon's own log, `daemon.log` in the home: bounded, and never a reason to stop. */
import { renameSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'
import { realClock, timestamp } from '../clock.ts'
import { errnoOf } from '../errors.ts'

export const daemonLog = (home: string): string => path.join(home, 'daemon.log')

/** Beyond this the log is set aside as `daemon.log.1` when a daemon starts, and what it says is bounded by the hour. */
const MAX_BYTES = 1024 * 1024
/** The most that is said in an hour: warnings that repeat themselves fill no disk. */
const LINES_AN_HOUR = 1_000
const HOUR_MS = 60 * 60 * 1000

/** To be called under the home's lock, or before anybody runs. */
export function setAside(home: string): void {
  const file = daemonLog(home)
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > MAX_BYTES) renameSync(file, `${file}.1`)
}

/** Writes lines to a descriptor, with their time. */
export function lineLog(fd: number): (line: string) => void {
  let hour = Number.NEGATIVE_INFINITY
  let lines = 0
  const write = (line: string) => {
    try {
      writeSync(fd, `${timestamp(realClock)} ${line}\n`)
    } catch (error) {
      // A full disk, a reader that is gone: the agents matter more. Anything else is a fault of ours.
      if (errnoOf(error) === undefined) throw error
    }
  }
  return (line) => {
    const nowMs = realClock.now()
    if (nowMs - hour >= HOUR_MS) {
      if (lines > LINES_AN_HOUR) write(`${lines - LINES_AN_HOUR} lines were left out within the hour`)
      hour = nowMs
      lines = 0
    }
    lines += 1
    if (lines <= LINES_AN_HOUR) write(line)
  }
}

/**
 * Who a process is. A pid is a number that will belong to someone else tomorrow; a pid with its start time and the
 * boot it counts from is one process for ever.
 */
import type { ProcessIdentity } from '../../machines/events.ts'
import { bootId, statLine } from './proc.ts'

/** What Reeve reads of `/proc/<pid>/stat` (proc_pid_stat(5)). Times in clock ticks. */
export interface ProcessStat {
  readonly pid: number
  readonly comm: string
  /** One letter: `R S D T t Z X …` */
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  readonly session: number
  readonly kernelThread: boolean
  readonly utime: number
  readonly stime: number
  /** Of the children that it has waited for. */
  readonly cutime: number
  readonly cstime: number
  readonly threads: number
  readonly startTime: number
  /** Resident memory, in pages; shared ones count in each process that has them. */
  readonly rssPages: number
}

const PF_KTHREAD = 0x00200000

/** Parses a stat line. `comm` may hold anything, spaces and parentheses too: it ends at the last `)`. */
export function parseStat(line: string): ProcessStat {
  const open = line.indexOf('(')
  const close = line.lastIndexOf(')')
  const fields = line.slice(close + 2).split(' ')
  // Field 3 of the manual page, the state, stands first here.
  const field = (number: number): number => Number(fields[number - 3])
  return {
    pid: Number.parseInt(line, 10),
    comm: line.slice(open + 1, close),
    state: fields[0] ?? '',
    ppid: field(4),
    pgrp: field(5),
    session: field(6),
    kernelThread: (field(9) & PF_KTHREAD) !== 0,
    utime: field(14),
    stime: field(15),
    cutime: field(16),
    cstime: field(17),
    threads: field(20),
    startTime: field(22),
    rssPages: Math.max(0, field(24)),
  }
}

/** The stat of a process; `undefined` when there is none of this pid. */
export function readStat(pid: number): ProcessStat | undefined {
  const line = statLine(pid)
  // A process that is reaped between open and read leaves an empty line.
  return line === undefined || line === '' ? undefined : parseStat(line)
}

/**
 * A zombie is dead, though it still answers `kill(pid, 0)`. One whose main thread alone has ended shows as `Z` too,
 * and lives as long as its other threads.
 */
export const isDead = (stat: ProcessStat): boolean =>
  (stat.state === 'Z' || stat.state === 'X' || stat.state === 'x') && stat.threads <= 1

export const identityOf = (stat: ProcessStat): ProcessIdentity => ({
  bootId: bootId(),
  pid: stat.pid,
  startTime: stat.startTime,
})

/** The identity of the process that has this pid now, zombies included. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid)
  return stat && identityOf(stat)
}

/** The stat of exactly this process while it lives; `undefined` once it is dead, or its pid is someone else's. */
export function liveStat(identity: ProcessIdentity): ProcessStat | undefined {
  if (identity.bootId !== bootId()) return undefined
  const stat = readStat(identity.pid)
  return stat !== undefined && stat.startTime === identity.startTime && !isDead(stat) ? stat : undefined
}

export const isAlive = (identity: ProcessIdentity): boolean => liveStat(identity) !== undefined

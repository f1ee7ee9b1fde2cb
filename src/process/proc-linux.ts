/**
 * The processes of Linux, as `/proc` tells of them. It never waits for a disk, and a read costs 10 µs where a trip through
 * the thread pool costs 60.
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import { errnoOf } from '../errors.ts'
import type { Glance, ProcessStat } from './stat.ts'

/** The kernel's clock ticks a second in `/proc` (USER_HZ: 100 on every architecture that Node runs on). */
const TICKS_PER_SECOND = 100

/** O_CLOEXEC as `/proc/<pid>/fdinfo` prints it. */
const O_CLOEXEC = 0o2000000

let scratch = Buffer.allocUnsafe(64 * 1024)

const isGone = (error: unknown): boolean => {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ESRCH'
}

const isDenied = (error: unknown): boolean => {
  const errno = errnoOf(error)
  return errno === 'EACCES' || errno === 'EPERM'
}

/** The bytes of a file of `/proc`, in a buffer that the next read overwrites. */
function readBytes(path: string): Buffer | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    let length = 0
    for (;;) {
      const read = readSync(fd, scratch, length, scratch.length - length, null)
      if (read === 0) return scratch.subarray(0, length)
      length += read
      if (length === scratch.length) scratch = Buffer.concat([scratch], scratch.length * 2)
    }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** The line of `/proc/<pid>/stat`, which the kernel gives whole in one read. */
function statLine(pid: number): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r')
    return scratch.toString('latin1', 0, readSync(fd, scratch, 0, scratch.length, null))
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

const PF_KTHREAD = 0x00200000

/** Parses a line of `/proc/<pid>/stat` (proc_pid_stat(5)). `comm` may hold anything, spaces and parentheses too: it ends at the last `)`. */
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
export function statOf(pid: number): ProcessStat | undefined {
  const line = statLine(pid)
  // A process that is reaped between open and read leaves an empty line.
  return line === undefined || line === '' ? undefined : parseStat(line)
}

/**
 * The environment that a process was started with, in a buffer that the next read overwrites. Empty for kernel
 * threads, for zombies, and for a moment during `exec`. `undefined`: gone, or not for us to read.
 */
export function environOf(pid: number): Buffer | undefined {
  try {
    return readBytes(`/proc/${pid}/environ`)
  } catch (error) {
    if (isDenied(error)) return undefined
    throw error
  }
}

/** The argv of a process; `undefined` when it is gone, empty for a zombie. */
export const commandOf = (pid: number): string[] | undefined =>
  readBytes(`/proc/${pid}/cmdline`)?.toString().split('\0').slice(0, -1)

/** The effective user of a process. */
export function uidOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid
}

const numbersIn = (text: string): number[] =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map(Number)

const childrenOfTask = (pid: number, task: string | number): number[] => {
  const list = readBytes(`/proc/${pid}/task/${task}/children`)
  return list === undefined || list.length === 0 ? [] : numbersIn(list.toString('latin1'))
}

/** The children of a process: every thread lists those that it forked. */
export function childrenOf(pid: number, threads: number): number[] {
  if (threads <= 1) return childrenOfTask(pid, pid)
  let tasks: string[]
  try {
    tasks = readdirSync(`/proc/${pid}/task`)
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
  return tasks.flatMap((task) => childrenOfTask(pid, task))
}

/** Every process there is. */
export const allPids = (): number[] => readdirSync('/proc').map(Number).filter(Number.isInteger)

/** Each is looked at when it is asked for. */
export const glance = (): Glance => ({ pids: allPids(), stat: statOf, environ: environOf, uid: uidOf })

/** Clock ticks since boot: comparable with a start time, which is at most this. */
export const ticksNow = (): number => ticksIn(readBytes('/proc/uptime')?.toString('latin1') ?? '')

/** The first number of `/proc/uptime`, in seconds and hundredths. */
export const ticksIn = (uptime: string): number => Math.round(Number.parseFloat(uptime) * TICKS_PER_SECOND)

/**
 * The memory of a process in bytes, its share of what it shares counted as a share (`Pss` of proc_pid_smaps(5)).
 * `undefined`: gone, or not for us to read.
 */
export function proportionalBytes(pid: number): number | undefined {
  try {
    const rollup = readBytes(`/proc/${pid}/smaps_rollup`)?.toString('latin1')
    const kilobytes = rollup === undefined ? undefined : /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch (error) {
    if (isDenied(error)) return undefined
    throw error
  }
}

const AT_PAGESZ = 6
const NARROW = ['arm', 'ia32', 'mips', 'mipsel', 'ppc', 's390']
let page: number | undefined

/** The size of a page of memory: 4 KiB nearly everywhere, 16 or 64 on some ARM machines. From the auxiliary vector. */
export function pageBytes(): number {
  page ??= readPageBytes()
  return page
}

function readPageBytes(): number {
  const vector = readFileSync('/proc/self/auxv')
  const width = NARROW.includes(process.arch) ? 4 : 8
  const little = endianness() === 'LE'
  const word = (at: number): number => {
    if (width === 4) return little ? vector.readUInt32LE(at) : vector.readUInt32BE(at)
    return Number(little ? vector.readBigUInt64LE(at) : vector.readBigUInt64BE(at))
  }
  for (let at = 0; at + 2 * width <= vector.length; at += 2 * width)
    if (word(at) === AT_PAGESZ) return word(at + width)
  return 4096
}

let boot: string | undefined

/** The id of this boot of the machine: a start time means something only within one. */
export function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  return boot
}

/** The machine, as far as it has a name of its own; `undefined` where it has none. */
export function machineId(): string | undefined {
  try {
    return readFileSync('/etc/machine-id', 'latin1').trim()
  } catch (error) {
    if (isGone(error) || isDenied(error)) return undefined
    throw error
  }
}

/** Where the pids of this process mean something: another container has others. */
export const pidNamespace = (): string => readlinkSync('/proc/self/ns/pid')

/**
 * The descriptors of this process above `above` that a child would inherit. Node opens everything `O_CLOEXEC`:
 * what is left came from whoever started us, or from an addon.
 */
export function inheritableDescriptors(above: number): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > above && isInheritable(fd))
}

function isInheritable(fd: number): boolean {
  const info = readBytes(`/proc/self/fdinfo/${fd}`)?.toString('latin1')
  const flags = info === undefined ? undefined : /^flags:\s*([0-7]+)$/m.exec(info)?.[1]
  return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0
}

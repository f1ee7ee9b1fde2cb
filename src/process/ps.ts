/** What `ps` and `sysctl` of macOS say, understood. In the C locale and in UTC: nothing here depends on who asks. */
import type { ProcessStat } from './stat.ts'

/** What macOS tells besides. */
export interface PsRow extends ProcessStat {
  readonly uid: number
}

/** Each column is asked for by itself, without a header: what follows a `=`, commas too, is read as one. */
const columns = (...names: readonly string[]): string[] => names.flatMap((name) => ['-o', `${name}=`])

/** What `parseTable` reads. */
export const TABLE = columns('pid', 'ppid', 'pgid', 'uid', 'stat', 'rss', 'time', 'lstart', 'comm')
/** What `parseCommands` reads. */
export const COMMANDS = columns('pid', 'command')

const ROW =
  /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(-?\d+)\s+(\S+)\s+(\d+)\s+(\S+)\s+(-|\w{3} \w{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})\s+(.*)$/
const TICKS_PER_SECOND = 100
const HIGHEST_UID = 2 ** 32

/** A row for each process. Lines that are none are left out: a name may hold a line break. */
export function parseTable(said: string): PsRow[] {
  return said.split('\n').flatMap((line) => {
    const [, pid, ppid, pgrp, uid, state = '', rss, time = '', started = '', comm = ''] = ROW.exec(line) ?? []
    if (pid === undefined) return []
    return [
      {
        pid: Number(pid),
        comm: comm.slice(comm.lastIndexOf('/') + 1),
        state: state.charAt(0),
        ppid: Number(ppid),
        pgrp: Number(pgrp),
        session: Number(pgrp),
        kernelThread: pid === '0',
        utime: cpuTicks(time),
        stime: 0,
        cutime: 0,
        cstime: 0,
        threads: 1,
        startTime: startTicks(started),
        rssPages: Number(rss),
        uid: (Number(uid) + HIGHEST_UID) % HIGHEST_UID,
      },
    ]
  })
}

/** `0:01.23`, `123:45.67`, `1:02:03`, `2-03:04:05`. */
export function cpuTicks(time: string): number {
  const [, days = '0', clock = ''] = /^(?:(\d+)-)?([\d:.]+)$/.exec(time) ?? []
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return Math.round((Number(days) * 86_400 + seconds) * TICKS_PER_SECOND)
}

/** `Sat Nov  1 09:05:07 2025`, whole seconds. What has none (`-`, a process on its way out) is nobody's. */
function startTicks(started: string): number {
  const ms = Date.parse(`${started} UTC`)
  return Number.isNaN(ms) ? 0 : (ms / 1000) * TICKS_PER_SECOND
}

/** The text behind each pid, of `COMMANDS`. A line without a number goes on with the one before. */
export function parseCommands(said: string): Map<number, string> {
  const commands = new Map<number, string>()
  let last: number | undefined
  for (const line of said.split('\n')) {
    const [, pid, command = ''] = /^\s*(\d+) ?(.*)$/s.exec(line) ?? []
    if (pid !== undefined) {
      last = Number(pid)
      commands.set(last, command)
    } else if (last !== undefined && line !== '') commands.set(last, `${commands.get(last)}\n${line}`)
  }
  return commands
}

/**
 * The environment, as `/proc` would show it: with `-E` it stands behind the command, which is known from a look without.
 * `undefined` where it is not told: of others' processes, and of the system's own programs, which it protects. Entries
 * stand apart by spaces, so that a value which holds one reads as several.
 */
export function environmentIn(withIt: string, without: string): Buffer | undefined {
  const command = without.trimEnd()
  if (!withIt.startsWith(`${command} `)) return undefined
  const environment = withIt.slice(command.length).trim()
  return environment === '' ? undefined : Buffer.from(`${environment.replaceAll(' ', '\0')}\0`)
}

/** `{ sec = 1763700000, usec = 123456 } Fri Nov 21 04:40:00 2025` */
export const bootSecond = (said: string): string | undefined => /\bsec = (\d+)/.exec(said)?.[1]

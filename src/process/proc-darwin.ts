/**
 * The processes of macOS, which has no `/proc`: `/bin/ps` tells. A look takes milliseconds in which the loop stands, so
 * that one at all of them serves everything within a moment; a look at one process is always a new one.
 *
 * Written from the formats that ps(1) documents, and tried on recordings of them.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { type Clock, realClock } from '../clock.ts'
import { bootSecond, COMMANDS, environmentIn, type PsRow, parseCommands, parseTable, TABLE } from './ps.ts'
import type { Glance, ProcessStat } from './stat.ts'

export type Ask = (
  program: string,
  args: readonly string[],
) => Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr' | 'error' | 'pid'>

const PS = '/bin/ps'
const SYSCTL = '/usr/sbin/sysctl'
const LIMIT_MS = 10_000
const MOST_BYTES = 256 * 1024 * 1024
/** Pids are given out one after another up to 99,998: none comes round within such a moment. */
const ONE_MOMENT_MS = 50

/** No setting of the user's changes what is said. */
const ask: Ask = (program, args) =>
  spawnSync(program, args, {
    encoding: 'utf8',
    env: { LC_ALL: 'C', TZ: 'UTC0', COLUMNS: '100000' },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    maxBuffer: MOST_BYTES,
  })

export interface Processes {
  statOf(pid: number): ProcessStat | undefined
  environOf(pid: number): Buffer | undefined
  commandOf(pid: number): string[] | undefined
  uidOf(pid: number): number | undefined
  childrenOf(pid: number, threads: number): number[]
  allPids(): number[]
  glance(): Glance
  ticksNow(): number
  proportionalBytes(pid: number): number | undefined
  pageBytes(): number
  bootId(): string
  machineId(): string | undefined
  pidNamespace(): string
  inheritableDescriptors(above: number): number[]
}

interface Moment {
  readonly rows: ReadonlyMap<number, PsRow>
  readonly atMs: number
}

export function macProcesses(
  asking: Ask = ask,
  clock: Pick<Clock, 'now' | 'wallNow'> = realClock,
): Processes {
  let moment: Moment | undefined
  let boot: string | undefined

  /** Empty when it knows none of whom it was asked for. A failure is thrown: it must never be taken for a death. */
  function said(program: string, args: readonly string[]): { text: string; by: number } {
    const { status, stdout, stderr, error, pid } = asking(program, args)
    const found = status === 0 || (status === 1 && stdout.trim() === '' && stderr.trim() === '')
    if (error !== undefined || !found)
      throw new Error(
        `${program} ${args.join(' ')}: ${error?.message ?? `status ${status}: ${stderr.trim()}`}`,
      )
    return { text: stdout, by: pid }
  }

  /** `undefined` where this release has none of that name. */
  function settingOf(name: string): string | undefined {
    const { status, stdout, error } = asking(SYSCTL, ['-n', name])
    if (error !== undefined) throw error
    return (status === 0 && stdout.trim()) || undefined
  }

  function look(): Moment {
    const { text, by } = said(PS, ['-axww', ...TABLE])
    // What was started to look is no part of what there is.
    const rows = parseTable(text).filter(({ pid }) => pid !== by)
    return { rows: new Map(rows.map((row) => [row.pid, row])), atMs: clock.now() }
  }

  function now(): Moment {
    if (moment === undefined || clock.now() - moment.atMs > ONE_MOMENT_MS) moment = look()
    return moment
  }

  const rowOf = (pid: number): PsRow | undefined =>
    parseTable(said(PS, ['-ww', ...TABLE, '-p', String(pid)]).text).find((row) => row.pid === pid)

  const commands = (which: readonly string[], flags: string): Map<number, string> =>
    parseCommands(said(PS, [flags, ...COMMANDS, ...which]).text)

  const environs = (which: readonly string[]): ((pid: number) => Buffer | undefined) => {
    const without = commands(which, '-ww')
    const withIt = commands(which, '-wwE')
    return (pid) => environmentIn(withIt.get(pid) ?? '', without.get(pid) ?? '\0')
  }

  return {
    statOf: rowOf,
    environOf: (pid) => environs(['-p', String(pid)])(pid),
    commandOf: (pid) =>
      commands(['-p', String(pid)], '-ww')
        .get(pid)
        ?.split(' '),
    uidOf: (pid) => rowOf(pid)?.uid,
    childrenOf: (pid) => [...now().rows.values()].filter(({ ppid }) => ppid === pid).map((row) => row.pid),
    allPids: () => [...look().rows.keys()],
    glance() {
      moment = look()
      const { rows } = moment
      let told: ((pid: number) => Buffer | undefined) | undefined
      return {
        pids: [...rows.keys()],
        stat: (pid) => rows.get(pid),
        environ(pid) {
          told ??= environs(['-ax'])
          return told(pid)
        },
        uid: (pid) => rows.get(pid)?.uid,
      }
    },
    ticksNow: () => Math.floor(clock.wallNow() / 10),
    // Shared memory is told of nowhere.
    proportionalBytes: () => undefined,
    pageBytes: () => 1024,
    bootId() {
      // The second of the boot moves with the wall clock; the session does not.
      boot ??= settingOf('kern.bootsessionuuid') ?? bootSecond(settingOf('kern.boottime') ?? '')
      if (boot === undefined) throw new Error('sysctl does not tell the boot of this machine')
      return boot
    },
    machineId: () => undefined,
    // There are no containers, and one namespace.
    pidNamespace: () => 'macos',
    // Which of its descriptors a child would inherit is not told: none is known to.
    inheritableDescriptors: () => [],
  }
}

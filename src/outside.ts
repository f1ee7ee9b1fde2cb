/** Everything of the world that a supervisor touches beside its clock, in one place, so that a world can be simulated. */
import fs from 'node:fs'
import path from 'node:path'
import type { ProcessIdentity } from '../machines/events.ts'
import type { Clock } from './clock.ts'
import { ReeveError } from './errors.ts'
import { Reports, type ReportsOptions } from './health/reports.ts'
import { type Home, runFolder } from './home.ts'
import { type HomeLock, lockHome } from './home-lock.ts'
import { type Capacity, capacityNow } from './process/capacity.ts'
import { identify, isAlive } from './process/identity.ts'
import type { Launcher, LauncherOptions } from './process/launcher.ts'
import { logLook, logSize, type ReadLogOptions, readLog } from './process/logs.ts'
import { carries } from './process/marker-pass.ts'
import { startLauncher } from './process/start-launcher.ts'
import type { Backlog } from './registry/backlog.ts'
import { locationOf, type ReplayOptions, replaySpills } from './registry/recovery.ts'
import type { Registry } from './registry/registry.ts'
import { SpillBacklog } from './registry/spill.ts'
import { SpecFile, type Specs, type SpecsOptions } from './specs.ts'

export interface Outside {
  /** One supervisor on a home. Throws `home_locked`, `home_unusable`. */
  lockHome(dir: string): Promise<HomeLock>
  /** Throws `launcher_failed`. */
  startLauncher(options: LauncherOptions): Promise<Launcher>
  /** Where agents speak. */
  openReports(options: ReportsOptions): Pick<Reports, 'expect' | 'adopt' | 'path' | 'drain' | 'end' | 'close'>
  /** Where in its log a life begins: what was ever written to it, in bytes; 0 when there is none. */
  logSize(file: string): number
  logLook(file: string, clock: Clock): ReturnType<typeof logLook>
  readLog(file: string, options: ReadLogOptions): AsyncIterable<string>
  /** Where a durable registry's entries are written ahead. */
  openSpill(options: SpillOptions): Backlog
  /** What supervisors that are gone left there comes first. */
  replaySpills(options: Omit<ReplayOptions, 'isAlive'>): Promise<void>
  /** What an agent finds in its environment beside what every agent finds there. */
  agentEnv?(agentId: string): Readonly<Record<string, string>>
  /** What a successor needs of each agent, and what supervisors before left of theirs. */
  openSpecs(options: SpecsOptions): Specs
  /** Whether exactly this process lives, and is of the life with this marker: what a registry says may be wrong. */
  whose(process: ProcessIdentity, marker: string): 'ours' | 'a_strangers' | 'nobodys'
  /** Whether this home is gone, or was made for one supervisor that is gone. */
  isDeserted(dir: string): Promise<boolean>
  /** When any of these files was written to last, as a date in milliseconds; `undefined` when there is none. */
  lastWrittenMs(files: readonly string[]): number | undefined
  /** What the machine has left for another agent. */
  capacity(): Capacity
  /** In [0, 1): the dice of the backoff's jitter. */
  random(): number
}

export interface SpillOptions {
  readonly home: Home
  readonly supervisorId: string
  readonly registry: Registry
  readonly trouble: (cause: unknown) => void
}

/** Entries of a registry that does not say where it is must reach no other: they stay in their own home. */
export const spillFolderOf = (home: Home, registry: Registry): string =>
  locationOf(registry) === null ? home.spill : home.sharedSpill

function openSpill({ home, supervisorId, registry, trouble }: SpillOptions): Backlog {
  const owner = identify(process.pid)
  if (!owner) throw new ReeveError('internal', 'this process cannot be found in /proc')
  const header = { spill: 1, supervisorId, owner, registry: locationOf(registry) } as const
  return new SpillBacklog(path.join(spillFolderOf(home, registry), `${supervisorId}.ndjson`), header, trouble)
}

/** A home that was given may have its successor yet, and is left to it. */
async function isDeserted(dir: string): Promise<boolean> {
  if (!fs.existsSync(dir)) return true
  if (path.dirname(dir) !== runFolder()) return false
  try {
    const lock = await lockHome(dir)
    await lock.release()
    return true
  } catch (error) {
    if (error instanceof ReeveError) return false
    throw error
  }
}

export const realOutside: Outside = {
  lockHome: (dir) => lockHome(dir),
  startLauncher,
  openReports: (options) => new Reports(options),
  logSize,
  logLook,
  readLog,
  openSpill,
  openSpecs: (options) => new SpecFile(options),
  whose: (process, marker) =>
    !isAlive(process) ? 'nobodys' : carries(process, marker) ? 'ours' : 'a_strangers',
  isDeserted,
  lastWrittenMs: (files) => {
    const times = files.flatMap((file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? [])
    return times.length === 0 ? undefined : Math.max(...times)
  },
  replaySpills: (options) => replaySpills({ ...options, isAlive }),
  capacity: () => capacityNow(),
  random: Math.random,
}

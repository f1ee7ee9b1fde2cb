/** Everything of the world that a supervisor touches beside its clock, in one place, so that a world can be simulated. */
import fs from 'node:fs'
import type { Clock } from './clock.ts'
import { Reports, type ReportsOptions } from './health/reports.ts'
import type { Launcher } from './process/launcher.ts'
import { logLook, type ReadLogOptions, readLog } from './process/logs.ts'
import { type LauncherOptions, startLauncher } from './process/start-launcher.ts'

export interface Outside {
  /** Throws `launcher_failed`. */
  startLauncher(options: LauncherOptions): Promise<Launcher>
  /** Where agents speak. */
  openReports(options: ReportsOptions): Pick<Reports, 'expect' | 'drain' | 'end' | 'close'>
  /** Bytes in a log before a life begins; 0 when there is none. */
  logSize(file: string): number
  logLook(file: string, clock: Clock): ReturnType<typeof logLook>
  readLog(file: string, options: ReadLogOptions): AsyncIterable<string>
  /** In [0, 1): the dice of the backoff's jitter. */
  random(): number
}

export const realOutside: Outside = {
  startLauncher,
  openReports: (options) => new Reports(options),
  logSize: (file) => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0,
  logLook,
  readLog,
  random: Math.random,
}

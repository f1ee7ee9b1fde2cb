/** The processes that no signal of ours may ever reach: Reeve's own, and whoever started them. */
import { type ProcessStat, readStat } from './identity.ts'

export class Spared {
  /** Start times by pid: a later process of the same pid is not spared. */
  readonly #processes = new Map<number, number>()
  readonly ownGroup: number

  constructor() {
    this.add(process.pid)
    this.ownGroup = readStat(process.pid)?.pgrp ?? process.pid
  }

  /** Spares a process and its ancestors. None can be added to these later: orphans go to one of them. */
  add(pid: number): void {
    for (let stat = readStat(pid); stat !== undefined; stat = readStat(stat.ppid)) {
      this.#processes.set(stat.pid, stat.startTime)
      if (stat.ppid < 1) return
    }
  }

  has(process: Pick<ProcessStat, 'pid' | 'startTime'>): boolean {
    return process.pid <= 1 || this.#processes.get(process.pid) === process.startTime
  }
}

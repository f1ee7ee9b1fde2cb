/** What Reeve knows of a process by a look at it, whatever the platform. */
export interface ProcessStat {
  readonly pid: number
  readonly comm: string
  /** One letter: `R S D T t Z X …` */
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  /** On macOS, which tells no sessions, that of the group. */
  readonly session: number
  readonly kernelThread: boolean
  /** Times in ticks of `MS_PER_TICK`. */
  readonly utime: number
  readonly stime: number
  /** Of the children that it has waited for; 0 where that is not told. */
  readonly cutime: number
  readonly cstime: number
  readonly threads: number
  /** Since boot, or since 1970: comparable within one boot of one machine. */
  readonly startTime: number
  /** Resident memory, in pages; shared ones count in each process that has them. */
  readonly rssPages: number
}

/** A look at every process: as each is when it is asked for, or all as they were in one moment. */
export interface Glance {
  readonly pids: readonly number[]
  stat(pid: number): ProcessStat | undefined
  /** See `environOf`. */
  environ(pid: number): Buffer | undefined
  uid(pid: number): number | undefined
}

/** The vocabulary of the benchmarks. */

/** `full` for figures to quote, `quick` for a look, `tiny` to see that everything runs. */
export type Size = 'full' | 'quick' | 'tiny'

export interface Figure {
  /** The statistic over all samples: a median, or what the row says (p99 …). */
  readonly value: number
  /** Of the same statistic, taken of each repetition for itself: the least and the greatest. */
  readonly low: number
  readonly high: number
  /** Samples. */
  readonly n: number
}

export interface Target {
  /** What is held to it: the figure itself, or its ratio to the raw limit. */
  readonly of: 'value' | 'ratio'
  readonly atMost?: number
  readonly atLeast?: number
}

export interface Row {
  readonly what: string
  readonly unit: string
  readonly measured: Figure
  /** The raw limit, measured in the same run. */
  readonly raw?: Figure
  /** What `raw` is, where it is not `child_process`. */
  readonly rawIs?: string
  /** Where it is not the quotient of the two figures. */
  readonly ratio?: number
  readonly target?: Target
}

export interface Result {
  readonly rows: readonly Row[]
  /** What was left out, and what explains a figure. */
  readonly notes: readonly string[]
}

export interface Benchmark {
  readonly name: string
  readonly about: string
  run(size: Size): Promise<Result>
}

/** When something happened, in milliseconds of the machine's monotonic clock: comparable between processes. */
export type Moment = number

export interface Blocked {
  /** On the clock, others' turns on the core included. */
  readonly ms: number
  /** CPU time of the process. */
  readonly cpuMs: number
}

export interface Started {
  /** From the first call until all run. */
  readonly ms: number
  /** CPU time of this process meanwhile. */
  readonly cpuMs: number
  readonly pids: readonly number[]
}

export interface Killed {
  /** From SIGKILL until its exit was known. */
  readonly knownMs: number
  /** From SIGKILL until the next process was there. */
  readonly backMs: number
}

export interface Stopped {
  readonly pids: readonly number[]
  readonly called: Moment
  readonly returned: Moment
  readonly firstTerm: Moment
  readonly lastTerm: Moment
  readonly firstKill: Moment
  readonly lastKill: Moment
  readonly firstExit: Moment
  readonly lastExit: Moment
  /** Whoever asked knows that all are over. */
  readonly over: Moment
  readonly cpuMs: number
}

/** The same work, done by Reeve or by `child_process` alone. */
export interface Crew {
  /** Starts `count` of this command, and waits until all run. */
  start(command: readonly [string, ...string[]], count: number): Promise<Started>
  /** For how long each of `count` spawns, one after another, kept the loop to itself. */
  block(command: readonly [string, ...string[]], count: number): Promise<Blocked[]>
  /** Ends one after another of `count` processes by SIGKILL; `again`: each is brought back. */
  kill(count: number, again: boolean): Promise<Killed[]>
  /** SIGTERM to all that `start` started, SIGKILL when the grace is over. */
  stop(graceMs: number): Promise<Stopped>
  /** Ends all that run. */
  clear(): Promise<void>
  /** Ends all that is left, and lets go of everything. */
  close(): Promise<void>
}

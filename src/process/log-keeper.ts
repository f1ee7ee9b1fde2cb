/**
 * Looks at the logs of live agents once a second, and has those rotated that have grown past their limit. A look is a
 * `stat` (3 µs); nothing is done for each byte or line.
 *
 * What a log takes on the disk is bounded by `maxBytes × (keep + 2)` (the older files, one that is being made, the live
 * part) and what is written between two looks, which are a second and the time of a rotation apart.
 */
import { lstatSync, type Stats } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { LATE, within } from './deadline.ts'
import { isHeld } from './log-holders.ts'
import { type PunchHole, punchBy } from './log-hole.ts'
import { type LogLimits, LogRotation, type Pass } from './log-rotation.ts'

export interface LogKeeperOptions {
  readonly clock: Clock
  readonly warning: (message: string, cause?: unknown) => void
  readonly punch?: PunchHole
  /** A log whose apparent size is beyond this begins anew between two lives. */
  readonly startOverBytes?: number
}

export const LOOK_EVERY_MS = 1000
/** Looks before the event loop gets its turn: less than a millisecond. */
const SLICE = 200
/** Rotations side by side: the thread pool has four, and launches need it too. */
const SIDE_BY_SIDE = 2
/** Of each log, a warning at most so often. */
const WARN_EVERY_MS = 60_000
/** ext4 ends a file at 16 TiB, with SIGXFSZ for whoever writes. */
const START_OVER_BYTES = 2 ** 40
const CLOSE_WITHIN_MS = 2000

interface Entry {
  readonly rotation: LogRotation
  /** Lives that write to it. */
  readonly lives: Set<string>
  /** It waits for a pass, or is in one. */
  busy: boolean
  warnedMs: number | undefined
  lost: number
}

export class LogKeeper {
  readonly #clock: Clock
  readonly #warning: LogKeeperOptions['warning']
  readonly #punch: PunchHole
  readonly #startOverBytes: number
  readonly #entries = new Map<string, Entry>()
  readonly #queue: Entry[] = []
  #running = 0
  #timer: Timer | undefined
  #stopped = false
  /** Holes cannot be punched where these logs are. */
  #truncates = false
  #idle: () => void = () => {}

  constructor({
    clock,
    warning,
    punch = punchBy(clock),
    startOverBytes = START_OVER_BYTES,
  }: LogKeeperOptions) {
    this.#clock = clock
    this.#warning = warning
    this.#punch = punch
    this.#startOverBytes = startOverBytes
  }

  /** This life writes to this log. */
  watch(life: string, file: string, limits: LogLimits): void {
    const entry = this.#entries.get(file) ?? this.#add(file, limits)
    entry.rotation.limits = limits
    entry.lives.add(life)
    if (!this.#stopped) this.#timer ??= this.#clock.setTimeout(() => void this.#look(), LOOK_EVERY_MS)
  }

  /** It writes no more. A last look: lives that are shorter than a second fill disks too. */
  forget(life: string, file: string): void {
    const entry = this.#entries.get(file)
    if (entry === undefined || !entry.lives.delete(life) || entry.lives.size > 0) return
    this.#lookAt(entry)
    this.#leave(entry)
  }

  /**
   * Before a life begins: a log at a huge offset starts over, when no process has it open. Its readers do not notice.
   * `undefined`, at once, when there is nothing to do.
   */
  startOver(file: string): Promise<void> | undefined {
    const log = lstatSync(file, { throwIfNoEntry: false })
    if (log === undefined || log.size < this.#startOverBytes || this.#stopped) return undefined
    return this.#startOver(file, log)
  }

  /** Ends what it does, where it is safe to; resolves when it has, or after 2 s. */
  async close(): Promise<void> {
    this.#stopped = true
    this.#clock.clearTimeout(this.#timer)
    this.#queue.length = 0
    if (this.#running === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve
    })
    if ((await within(this.#clock, idle, CLOSE_WITHIN_MS)) === LATE)
      this.#warning(`The rotation of a log did not end within ${CLOSE_WITHIN_MS / 1000} s.`)
  }

  #add(file: string, limits: LogLimits): Entry {
    const stopped = () => this.#stopped
    const rotation = new LogRotation(file, limits, { clock: this.#clock, punch: this.#punch, stopped })
    rotation.truncates = this.#truncates
    const entry: Entry = { rotation, lives: new Set(), busy: false, warnedMs: undefined, lost: 0 }
    this.#entries.set(file, entry)
    return entry
  }

  async #look(): Promise<void> {
    let looked = 0
    for (const entry of [...this.#entries.values()]) {
      if (++looked % SLICE === 0) await nextTurn()
      this.#lookAt(entry)
    }
    const goesOn = !this.#stopped && this.#entries.size > 0
    this.#timer = goesOn ? this.#clock.setTimeout(() => void this.#look(), LOOK_EVERY_MS) : undefined
  }

  #lookAt(entry: Entry): void {
    if (entry.busy || this.#stopped) return
    try {
      const log = lstatSync(entry.rotation.file, { throwIfNoEntry: false })
      if (log?.isFile() !== true || !entry.rotation.isDue(log)) return
    } catch (error) {
      this.#warn(entry, `The log ${entry.rotation.file} cannot be looked at: ${messageOf(error)}`, error)
      return
    }
    entry.busy = true
    this.#queue.push(entry)
    this.#start()
  }

  #start(): void {
    while (this.#running < SIDE_BY_SIDE) {
      const entry = this.#queue.shift()
      if (entry === undefined) return
      this.#running++
      void this.#rotate(entry)
    }
  }

  async #rotate(entry: Entry): Promise<void> {
    let again = false
    try {
      again = this.#told(entry, await entry.rotation.pass())
    } catch (error) {
      const message = `The log ${entry.rotation.file} was not rotated: ${messageOf(error)}. It is tried again.`
      this.#warn(entry, message, error)
    }
    this.#running--
    entry.busy = false
    if (again) this.#lookAt(entry)
    this.#leave(entry)
    this.#start()
    if (this.#running === 0) this.#idle()
  }

  /** What a pass came to; whether it is to be looked at again at once. */
  #told(entry: Entry, { again, punched, lost }: Pass): boolean {
    const { file } = entry.rotation
    if (punched?.result === 'unsupported' && !this.#truncates) {
      this.#truncates = true
      for (const each of this.#entries.values()) each.rotation.truncates = true
      this.#warning(
        `No holes can be punched in ${file}: ${punched.message}. Logs are copied and truncated instead; what is ` +
          'written in between, for some microseconds, is lost. Install util-linux, or put the home on ext4, XFS, btrfs or tmpfs.',
      )
    } else if (punched?.result === 'failed') {
      const next = entry.rotation.truncates ? 'It is copied and truncated instead' : 'It is tried again'
      this.#warn(entry, `No hole was punched in the log ${file}: ${punched.message}. ${next}.`)
    }
    entry.lost += lost
    if (
      lost > 0 &&
      this.#warn(
        entry,
        `The log ${file} was truncated: up to ${Math.ceil(entry.lost / 1024)} KiB may be lost.`,
      )
    )
      entry.lost = 0
    return again
  }

  /** Whether it was said: of each log not more often than once a minute. */
  #warn(entry: Entry, message: string, cause?: unknown): boolean {
    const nowMs = this.#clock.now()
    if (entry.warnedMs !== undefined && nowMs - entry.warnedMs < WARN_EVERY_MS) return false
    entry.warnedMs = nowMs
    this.#warning(message, cause)
    return true
  }

  #leave(entry: Entry): void {
    if (entry.lives.size === 0 && !entry.busy) this.#entries.delete(entry.rotation.file)
  }

  async #startOver(file: string, log: Stats): Promise<void> {
    const entry = this.#entries.get(file)
    if (entry === undefined || entry.busy || entry.lives.size > 1) return
    entry.busy = true
    this.#running++
    try {
      if (!(await isHeld(log))) await entry.rotation.pass({ all: true })
    } catch (error) {
      this.#warn(entry, `The log ${file} does not start over: ${messageOf(error)}`, error)
    } finally {
      entry.busy = false
      this.#running--
      this.#start()
      if (this.#running === 0) this.#idle()
    }
  }
}

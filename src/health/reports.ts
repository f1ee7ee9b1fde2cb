/**
 * The report files of all lives: one directory watch tells which were written to, one sweep a second finds what the
 * watch dropped, and every turn of the event loop reads a little of each that has something to say.
 */
import { lstatSync, rmSync, unlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type LifeAddress, lifeKey } from '../../machines/events.ts'
import { type Clock, LATE_MS, type Timer } from '../clock.ts'
import { errnoOf } from '../errors.ts'
import { DirectoryWatch, type WatchDirectory } from './directory-watch.ts'
import { parseReport, type Report } from './report.ts'
import { type ReportCounts, ReportFile, SLICE_BYTES } from './report-file.ts'
import { TURN_MS, Turns } from './turns.ts'

export type { ReportCounts } from './report-file.ts'

const SWEEP_MS = 1000
/** When the watch cannot be had, the sweep is all there is. */
const SWEEP_ALONE_MS = 100
/** Files that a sweep looks at before the next share of work. */
const SWEEP_SHARE = 64
/** A file costs a sweep about 2 µs; this keeps sweeps below a tenth of a core. */
const SWEEP_MS_PER_FILE = 0.02
/** One file is read for this long at a time: 64 KiB of short lines take longer. */
const SLICE_MS = 1
/** Slices of 64 KiB in one synchronous drain: 1 MiB. */
const DRAIN_SLICES = 16
/** What is read of it at once when its life is over: some thousand lines. What it said last may be what it used. */
const LAST_WORDS_MS = 30
/** A file whose life is over is read to its end for this long; whoever still writes to it then is not heard. */
const END_LIMIT_MS = 2000
/** A file that was written to without a word. */
const TOUCHED: Report = Object.freeze({ type: 'beat' })

export interface ReportsOptions {
  /** Where the files are: ours, 0700. */
  readonly dir: string
  readonly clock: Clock
  /** `offset`: where this report ends in its file. Commit it with the effects, and adopt from there. */
  readonly onReport: (life: LifeAddress, report: Report, offset: number) => void
  /** The file is not a regular one of ours with one link: it is not read. Told once per life and cause. */
  readonly onRejected: (life: LifeAddress, cause: string) => void
  /** Something failed that no agent has to answer for; it goes on as well as it can. */
  readonly onTrouble: (message: string, cause?: unknown) => void
  /** What tells of changes in a directory; for tests. Default: `fs.watch`. */
  readonly watch?: WatchDirectory
}

interface Ending {
  readonly untilMs: number
  readonly promise: Promise<void>
  readonly resolve: () => void
}

export class Reports {
  readonly #options: ReportsOptions
  readonly #clock: Clock
  readonly #files = new Map<string, ReportFile>()
  readonly #endings = new Map<ReportFile, Ending>()
  readonly #turns: Turns<ReportFile>
  readonly #sweeps: Turns<Iterator<ReportFile>>
  readonly #watch: DirectoryWatch
  readonly #troubled = new Set<string>()
  /** Absent while in use: a listener may drain another file. */
  #buffer: Buffer | undefined = Buffer.allocUnsafe(SLICE_BYTES)
  #sweepTimer: Timer | undefined

  constructor(options: ReportsOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#turns = new Turns(options.clock, (file) => this.#advance(file))
    this.#sweeps = new Turns(options.clock, (files) => this.#inspectSome(files))
    this.#watch = new DirectoryWatch(
      options.dir,
      options.clock,
      {
        changed: (name, renamed) => this.#changed(name, renamed),
        overlooked: () => this.sweep(),
        failed: (cause) => {
          this.#trouble('watch', `Report files are polled, they cannot be watched: ${options.dir}`, cause)
          this.#planSweep()
        },
      },
      options.watch,
    )
  }

  /**
   * A life begins: whatever was left at its path is removed, and what appears there is read. Returns the path,
   * `REEVE_REPORT`. The file itself is made by whoever forks: making it here would cost the caller half a millisecond.
   */
  expect(life: LifeAddress): string {
    const path = this.path(life)
    removeLeftover(path)
    this.#track(life, path, 0)
    return path
  }

  /** Goes on with the file of a life that another supervisor began, behind `offset`. */
  adopt(life: LifeAddress, offset: number): string {
    const path = this.path(life)
    this.#turns.add(this.#track(life, path, offset))
    return path
  }

  /** Derived from id and incarnation alone. */
  path(life: LifeAddress): string {
    return join(this.#options.dir, fileName(life))
  }

  /**
   * Reads what is there now, a slice at least, within 1 MiB and 3 ms. True when that was all; else the rest follows in the coming turns.
   * From within `onReport` of the same life it reads nothing.
   */
  drain(life: LifeAddress): boolean {
    const file = this.#files.get(fileName(life))
    if (file === undefined) return true
    file.suspect = true
    return this.#drain(file)
  }

  /**
   * The life is over: reads what is left, also a last line without newline, then closes and unlinks. Done on return
   * unless there is a backlog; resolves when it is done, within 2 s.
   */
  end(life: LifeAddress): Promise<void> {
    const file = this.#files.get(fileName(life))
    if (file === undefined) return Promise.resolve()
    const known = this.#endings.get(file)
    if (known !== undefined) return known.promise
    let resolve = (): void => {}
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    this.#endings.set(file, { untilMs: this.#clock.now() + END_LIMIT_MS, promise, resolve })
    file.suspect = true
    this.#drain(file, LAST_WORDS_MS)
    return promise
  }

  /** What was refused and lost; `undefined` for a life that is unknown or has ended. */
  counts(life: LifeAddress): ReportCounts | undefined {
    const file = this.#files.get(fileName(life))
    return file && { malformed: file.malformed, lost: file.lost, rejected: file.rejected }
  }

  /** Looks at all files, in the coming turns. Call it when the loop was held up: the watch's queue may have overrun. */
  sweep(): void {
    for (const file of this.#files.values()) file.heard = false
    this.#sweeps.add(this.#files.values())
  }

  /** Stops reading. The files of lives that go on stay, for a successor. */
  close(): void {
    this.#watch.close()
    this.#turns.close()
    this.#sweeps.close()
    this.#clock.clearTimeout(this.#sweepTimer)
    this.#sweepTimer = undefined
    for (const file of this.#endings.keys()) this.#remove(file)
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
  }

  #track(life: LifeAddress, path: string, offset: number): ReportFile {
    const address = { agentId: life.agentId, incarnation: life.incarnation }
    this.#files.get(fileName(life))?.close()
    const file: ReportFile = new ReportFile(address, path, offset, {
      line: (text, endOffset) => {
        const parsed = parseReport(text)
        if ('ok' in parsed) this.#tell(address, parsed.ok, endOffset)
        else if (text.trim() !== '') file.malformed += 1
      },
      touched: (at) => this.#tell(address, TOUCHED, at),
      rejected: (cause) => this.#options.onRejected(address, cause),
      trouble: (cause) => this.#trouble(path, `A report file cannot be read: ${path}`, cause),
    })
    this.#files.set(fileName(life), file)
    this.#watch.open()
    if (this.#sweepTimer === undefined) this.#planSweep()
    return file
  }

  /** A listener that throws is told of, and stops nothing: its report counts as delivered. */
  #tell(life: LifeAddress, report: Report, offset: number): void {
    try {
      this.#options.onReport(life, report, offset)
    } catch (cause) {
      this.#options.onTrouble(`A report could not be taken: ${report.type} of ${lifeKey(life)}`, cause)
    }
  }

  #changed(name: string, renamed: boolean): void {
    const file = this.#files.get(name)
    if (file === undefined) return
    if (renamed) file.suspect = true
    file.heard = true
    this.#turns.add(file)
  }

  #planSweep(): void {
    this.#clock.clearTimeout(this.#sweepTimer)
    const everyMs = this.#watch.works ? SWEEP_MS : SWEEP_ALONE_MS
    const delayMs = Math.max(everyMs, this.#files.size * SWEEP_MS_PER_FILE)
    const dueMs = this.#clock.now() + delayMs
    this.#sweepTimer = this.#clock.setTimeout(() => {
      this.#sweepTimer = undefined
      if (this.#files.size === 0) return
      this.#watch.open()
      // The loop may have been blocked, and the watch's queue have overrun.
      if (this.#clock.now() - dueMs > LATE_MS) this.sweep()
      else this.#sweeps.add(this.#files.values())
      this.#planSweep()
    }, delayMs)
  }

  /** A share of a sweep. Leaves out what the watch told of since the last one. */
  #inspectSome(files: Iterator<ReportFile>): boolean {
    for (let count = 0; count < SWEEP_SHARE; count += 1) {
      const { done, value: file } = files.next()
      if (done) return false
      if (!file.heard && file.changed()) {
        file.suspect = true
        this.#turns.add(file)
      }
      file.heard = false
    }
    return true
  }

  /** One slice in a turn. */
  #advance(file: ReportFile): boolean {
    const more = this.#slice(file, SLICE_MS)
    if (!more || this.#overdue(file)) this.#remove(file)
    return more
  }

  #drain(file: ReportFile, limitMs = TURN_MS): boolean {
    const untilMs = this.#clock.now() + limitMs
    if (file.reading) {
      this.#turns.add(file)
      return false
    }
    let more: boolean
    let slices = 0
    // One slice in any case: a busy machine may have taken all the time before the first.
    do {
      more = this.#slice(file, untilMs - this.#clock.now())
      slices += 1
    } while (more && slices < DRAIN_SLICES && this.#clock.now() < untilMs)
    if (more) this.#turns.add(file)
    else this.#remove(file)
    return !more
  }

  #slice(file: ReportFile, ms: number): boolean {
    if (file.suspect && !file.changed()) return false
    const buffer = this.#buffer ?? Buffer.allocUnsafe(SLICE_BYTES)
    this.#buffer = undefined
    const untilMs = this.#clock.now() + ms
    const more = file.read(buffer, () => this.#clock.now() >= untilMs)
    this.#buffer = buffer
    return more
  }

  #overdue(file: ReportFile): boolean {
    const ending = this.#endings.get(file)
    return ending !== undefined && this.#clock.now() >= ending.untilMs
  }

  /** Lets go of a file whose life is over; leaves every other alone. */
  #remove(file: ReportFile): void {
    const ending = this.#endings.get(file)
    if (ending === undefined) return
    this.#endings.delete(file)
    file.takeRest()
    file.close()
    this.#files.delete(fileName(file.life))
    this.#troubled.delete(file.path)
    if (this.#files.size === 0) {
      this.#clock.clearTimeout(this.#sweepTimer)
      this.#sweepTimer = undefined
    }
    this.#unlink(file.path).then(ending.resolve)
  }

  async #unlink(path: string): Promise<void> {
    try {
      unlinkSync(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      // A directory in its place: may hold anything, so not in this turn.
      await rm(path, { recursive: true, force: true }).catch((cause: unknown) => {
        this.#options.onTrouble(`A report file cannot be removed: ${path}`, cause)
      })
    }
  }

  #trouble(key: string, message: string, cause: unknown): void {
    if (this.#troubled.has(key)) return
    this.#troubled.add(key)
    this.#options.onTrouble(message, cause)
  }
}

/** The name of a life's file: an id holds no dot. */
const fileName = lifeKey

/** Whatever stands there was left by another run: most often nothing does. */
function removeLeftover(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })) rmSync(path, { recursive: true, force: true })
}

/**
 * What a launcher keeps in mind of its lives, and in a file of the home, for whoever comes after its supervisor, after
 * itself, or after both. A line is one write without a sync: it outlasts the processes, and nothing that it tells of
 * outlasts the machine.
 */
import type { ErrorInfo, Exit, LifeAddress, ProcessIdentity } from '../../machines/events.ts'
import { lifeKey } from '../../machines/events.ts'
import { type Clock, timestamp } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { type BookLine, type BookOwner, type Chapter, type Chapters, linesOf, write } from './chapters.ts'
import type { EndCause, LifeTerms } from './launcher.ts'
import { addressOf } from './protocol.ts'
import type { Swept } from './sweep.ts'

/** Where it is written. */
export interface BookStore {
  readonly path: string
  append(text: string): void
  replace(text: string): void
  remove(): void
}

/** For lives of which nobody will ever ask. */
export const NOWHERE: BookStore = { path: '', append: () => {}, replace: () => {}, remove: () => {} }

export interface BookOptions {
  readonly file: BookStore
  readonly owner: BookOwner
  readonly clock: Clock
  readonly warning: (message: string, cause?: unknown) => void
}

/** It is written anew when so many lines more stand there than are needed. */
const SPARE_LINES = 2000
/** After a failed write, the next one of the whole is not before. */
const HEAL_AFTER_MS = 1000
/** Ends that nobody acknowledges: beyond this the oldest is forgotten. */
const MAX_ENDED = 100_000

const textOf = (line: BookLine): string => `${JSON.stringify(line)}\n`

export class Book {
  readonly #chapters: Chapters = new Map()
  readonly #options: BookOptions
  #owner: BookOwner
  #lines = 0
  /** The last write failed, at this time: what is in the file is not what is here. */
  #failedMs: number | undefined
  #warned = false

  constructor(options: BookOptions) {
    this.#options = options
    this.#owner = options.owner
    this.#rewrite()
  }

  get size(): number {
    return this.#chapters.size
  }

  chapter(life: LifeAddress): Chapter | undefined {
    return this.#chapters.get(lifeKey(life))
  }

  chapters(): Iterable<Chapter> {
    return this.#chapters.values()
  }

  serves(supervisor: ProcessIdentity | null): void {
    this.#owner = { ...this.#owner, supervisor }
    this.#append(this.#owner)
  }

  begins(terms: LifeTerms, isChild: boolean): void {
    this.#write({ type: 'life', terms, isChild })
    if (this.#chapters.size > MAX_ENDED) this.#forgetOldest()
  }

  spawned(life: LifeAddress, process: ProcessIdentity): void {
    this.#write({ type: 'spawned', life: addressOf(life), process })
  }

  failed(life: LifeAddress, error: ErrorInfo): void {
    this.#write({ type: 'failed', life: addressOf(life), error, at: timestamp(this.#options.clock) })
  }

  /** Only the first cause counts. */
  ending(life: LifeAddress, why: EndCause): void {
    if (this.chapter(life)?.ending === undefined)
      this.#write({ type: 'ending', life: addressOf(life), why, at: timestamp(this.#options.clock) })
  }

  exited(life: LifeAddress, exit: Exit): void {
    this.#write({ type: 'exited', life: addressOf(life), exit, at: timestamp(this.#options.clock) })
  }

  swept(life: LifeAddress, swept: Swept): void {
    this.#write({ type: 'swept', life: addressOf(life), swept })
  }

  /** So many of its clean-up commands were begun; `null`: what it leaves stays. */
  cleanup(life: LifeAddress, begun: number | null): void {
    this.#write({ type: 'cleanup', life: addressOf(life), begun })
  }

  forget(life: LifeAddress): void {
    if (this.#chapters.has(lifeKey(life))) this.#write({ type: 'forgotten', life: addressOf(life) })
  }

  /** As another launcher left it. */
  copy(chapter: Chapter): void {
    this.#chapters.set(lifeKey(chapter.terms), chapter)
    for (const line of linesOf(chapter)) this.#append(line)
  }

  /** What could not be written before is tried again. */
  save(): void {
    if (this.#failedMs !== undefined) this.#rewrite()
  }

  remove(): void {
    this.#options.file.remove()
  }

  #write(line: Exclude<BookLine, BookOwner>): void {
    write(this.#chapters, line)
    this.#append(line)
  }

  #append(line: BookLine): void {
    const { file, clock } = this.#options
    if (this.#failedMs !== undefined) {
      if (clock.now() - this.#failedMs >= HEAL_AFTER_MS) this.#rewrite()
      return
    }
    if (++this.#lines > SPARE_LINES + 6 * this.#chapters.size) return this.#rewrite()
    try {
      file.append(textOf(line))
    } catch (error) {
      this.#failed(error)
    }
  }

  #rewrite(): void {
    const lines = [textOf(this.#owner)]
    for (const chapter of this.#chapters.values())
      for (const line of linesOf(chapter)) lines.push(textOf(line))
    try {
      this.#options.file.replace(lines.join(''))
      this.#lines = lines.length
      this.#failedMs = undefined
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    this.#failedMs = this.#options.clock.now()
    if (this.#warned) return
    this.#warned = true
    const { path } = this.#options.file
    this.#options.warning(
      `${path} could not be written: ${messageOf(error)}. Should supervisor and launcher both die now, their successor ` +
        'may not find every agent. It is tried again.',
      error,
    )
  }

  #forgetOldest(): void {
    for (const { terms, exited, failed } of this.#chapters.values())
      if (exited !== undefined || failed !== undefined) return this.forget(terms)
  }
}

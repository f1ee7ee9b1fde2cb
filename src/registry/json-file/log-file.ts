/** The log as a file: read to its end, appended to whole or not at all, written anew when lines are to go. */
import fs from 'node:fs/promises'
import { errnoOf, ReeveError } from '../../errors.ts'
import { corrupt, unavailable } from '../place.ts'
import { eachLine, writeAll } from './bytes.ts'
import { type Head, headOf, type Line, LOG_VERSION, lineOf, readHead, readLine } from './lines.ts'

/** Takes one line; `number` counts from 1, the head aside. */
export type TakeLine = (line: Line, number: number, text: string) => void

export class LogFile {
  readonly path: string
  #handle: fs.FileHandle
  /** Bytes that are taken; what may stand behind them is what a failed write left. */
  #size: number
  #lines: number

  private constructor(path: string, handle: fs.FileHandle) {
    this.path = path
    this.#handle = handle
    this.#size = 0
    this.#lines = 0
  }

  /**
   * Opens the log, or makes it (0600), and gives its lines to what `begin` returns for its head. What a killed writer
   * left of a last line is cut off, and kept in `<path>.torn`.
   *
   * @throws ReeveError `registry_unavailable`, `registry_corrupt`
   */
  static async open(path: string, begin: (head: Head) => TakeLine): Promise<LogFile> {
    const log = await guarded(path, async () => new LogFile(path, await openOrMake(path)))
    try {
      await guarded(path, () => log.#load(begin))
    } catch (error) {
      await log.close()
      throw error
    }
    return log
  }

  /** Lines that follow the head. */
  get lines(): number {
    return this.#lines
  }

  /**
   * Adds lines, all of them or none.
   *
   * @throws ReeveError `registry_unavailable`
   */
  async append(lines: readonly string[]): Promise<void> {
    await guarded(this.path, async () => {
      await this.#stillThere()
      const bytes = Buffer.from(lines.join(''))
      try {
        await writeAll(this.#handle, bytes, this.#size)
      } catch (cause) {
        // Shortening needs no space. Should it fail too, the next write begins at the same place.
        await this.#handle.truncate(this.#size)
        throw cause
      }
      this.#size += bytes.length
      this.#lines += lines.length
    })
  }

  /**
   * What reads the log as it stands now, once: it gives each line in which `mentioned` occurs. Lines added meanwhile are not
   * seen, and a log that is written anew does no harm.
   */
  async reader(): Promise<(mentioned: string, take: TakeLine) => Promise<void>> {
    const size = this.#size
    const handle = await guarded(this.path, () => fs.open(this.path))
    return async (mentioned, take) => {
      try {
        await guarded(this.path, () => this.#readLines(handle, size, take, { mentioned }))
      } finally {
        await handle.close()
      }
    }
  }

  /** Writes the log anew, with `head` and the lines that `keep` wants, and takes its place at once. */
  async rewrite(head: Head, keep: (line: Line, number: number) => boolean, take: TakeLine): Promise<void> {
    const temporary = `${this.path}.rewriting`
    await guarded(this.path, async () => {
      await this.#stillThere()
      await fs.rm(temporary, { force: true })
      const handle = await fs.open(temporary, 'wx+', 0o600)
      try {
        const next = new LogFile(this.path, handle)
        await next.#write(lineOf(head))
        let kept: string[] = []
        const flush = async () => {
          await next.#write(kept.join(''))
          kept = []
        }
        await this.#readLines(
          this.#handle,
          this.#size,
          (line, number, text) => {
            if (!keep(line, number)) return
            next.#lines += 1
            take(line, next.#lines, text)
            kept.push(`${text}\n`)
          },
          { between: flush },
        )
        await flush()
        await handle.sync()
        await fs.rename(temporary, this.path)
        await this.#handle.close()
        this.#handle = handle
        this.#size = next.#size
        this.#lines = next.#lines
      } catch (cause) {
        await handle.close()
        await fs.rm(temporary, { force: true })
        throw cause
      }
    })
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #write(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    await writeAll(this.#handle, bytes, this.#size)
    this.#size += bytes.length
  }

  async #load(begin: (head: Head) => TakeLine): Promise<void> {
    const { size } = await this.#handle.stat()
    if (size === 0) {
      const head = headOf([])
      await this.#write(lineOf(head))
      begin(head)
      return
    }
    let take: TakeLine | undefined
    const tail = await eachLine(this.#handle, size, (text) => {
      if (take) {
        this.#lines += 1
        take(this.#parse(text, this.#lines), this.#lines, text)
      } else take = begin(this.#head(text))
    })
    if (!take) throw corrupt(this.path, 'is not a log of Reeve: its first line has no end')
    if (tail.length > 0) await this.#cutOff(tail)
    this.#size = size - tail.length
  }

  #head(text: string): Head {
    const head = readHead(text)
    if (!head) throw corrupt(this.path, 'is not a log of Reeve: line 1 is not its head')
    if (head.version > LOG_VERSION)
      throw new ReeveError(
        'registry_unavailable',
        `${this.path} is of version ${head.version}; this Reeve knows up to ${LOG_VERSION}. Use the newer Reeve, or another file. Nothing was written.`,
      )
    return head
  }

  #parse(text: string, number: number): Line {
    const line = readLine(text)
    if (!line) throw corrupt(this.path, `is damaged: line ${number + 1} is no entry`)
    return line
  }

  /** What a killed writer left was never acknowledged: it comes again. It is kept all the same. */
  async #cutOff(tail: Buffer): Promise<void> {
    const torn = await fs.open(`${this.path}.torn`, 'a', 0o600)
    try {
      await torn.appendFile(Buffer.concat([tail, Buffer.from('\n')]))
      await torn.sync()
    } finally {
      await torn.close()
    }
    const { size } = await this.#handle.stat()
    await this.#handle.truncate(size - tail.length)
  }

  async #readLines(
    handle: fs.FileHandle,
    size: number,
    take: TakeLine,
    { mentioned = '', between }: { mentioned?: string; between?: () => Promise<void> },
  ): Promise<void> {
    let number = -1
    const takeText = (text: string) => {
      number += 1
      if (number > 0 && text.includes(mentioned)) take(this.#parse(text, number), number, text)
    }
    await eachLine(handle, size, takeText, between)
  }

  /** What is written to a file that was taken away nobody would find again. */
  async #stillThere(): Promise<void> {
    const here = await fs.stat(this.path).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    })
    const ours = await this.#handle.stat()
    if (here?.ino === ours.ino && here.dev === ours.dev) return
    throw new ReeveError(
      'registry_unavailable',
      `${this.path} was moved or replaced while in use. Put it back; it is tried again.`,
    )
  }
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw cause instanceof ReeveError ? cause : unavailable(path, cause)
  }
}

async function openOrMake(path: string): Promise<fs.FileHandle> {
  try {
    return await fs.open(path, 'wx+', 0o600)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return fs.open(path, 'r+')
    throw error
  }
}

/** The end of a log, bounded in lines and in size, as a model can read it. */
import { plainLine } from '../terminal/plain.ts'

/** Of all lines together, and of one, in characters. */
const MAX_TEXT = 64 * 1024
const MAX_LINE = 8 * 1024

export interface LogEnd {
  readonly lines: readonly string[]
  /** How many lines before these are not told. */
  readonly omitted: number
}

export interface LogEndOptions {
  readonly lines: number
  /** Control sequences too. */
  readonly raw?: boolean
}

const shortened = (line: string): string =>
  line.length <= MAX_LINE ? line : `${line.slice(0, MAX_LINE)}… (${line.length - MAX_LINE} more characters)`

/** Holds no more than it tells. */
export async function endOf(all: AsyncIterable<string>, options: LogEndOptions): Promise<LogEnd> {
  const kept: string[] = []
  let [size, omitted] = [0, 0]
  for await (const line of all) {
    const shown = shortened(options.raw ? line : plainLine(line))
    kept.push(shown)
    size += shown.length + 1
    while (kept.length > options.lines || (size > MAX_TEXT && kept.length > 1)) {
      size -= (kept.shift()?.length ?? 0) + 1
      omitted += 1
    }
  }
  return { lines: kept, omitted }
}

export const logText = ({ lines, omitted }: LogEnd): string =>
  [...(omitted > 0 ? [`(${omitted} lines before these)`] : []), ...lines].join('\n')

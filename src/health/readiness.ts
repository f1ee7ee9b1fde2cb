/** Readiness by a line of output: waits for the first line that matches, tells it once, and lets go of the log. */
import { stripVTControlCharacters } from 'node:util'

/** How much of a line is matched, in characters: a bound for patterns that backtrack. */
const MATCHED_CHARACTERS = 8 * 1024
/** How much of the found line is told. */
const TOLD_CHARACTERS = 200

export interface AwaitLineOptions {
  /** As `readLog` gives them; let go of as soon as it is found or stopped. */
  readonly lines: AsyncIterable<string>
  /** A string is looked for as it stands; the flags `g` and `y` of an expression mean nothing. */
  readonly pattern: RegExp | string
  /** The first line that matches, without colours, at most 200 characters. Called once, never after the stop. */
  readonly found: (line: string) => void
  /** The lines could not be read, or `found` threw. Without it that is an unhandled rejection. */
  readonly failed?: (cause: unknown) => void
}

/** Begins to wait, and returns what stops it. When the lines end without a match nothing is called. */
export function awaitLine(options: AwaitLineOptions): () => void {
  const iterator = options.lines[Symbol.asyncIterator]()
  const matches = matcher(options.pattern)
  let stopped = false

  const search = async (): Promise<void> => {
    while (!stopped) {
      const { done, value } = await iterator.next()
      if (done || stopped) return
      const line = stripVTControlCharacters(value)
      if (!matches(line.slice(0, MATCHED_CHARACTERS))) continue
      stopped = true
      await iterator.return?.()
      options.found(line.slice(0, TOLD_CHARACTERS))
    }
  }
  const fail = (cause: unknown): void => {
    if (options.failed === undefined) throw cause
    options.failed(cause)
  }
  void search().catch(fail)

  return () => {
    if (stopped) return
    stopped = true
    void iterator.return?.().catch(fail)
  }
}

function matcher(pattern: RegExp | string): (line: string) => boolean {
  if (typeof pattern === 'string') return (line) => line.includes(pattern)
  // Both make an expression remember where its last match ended.
  const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return (line) => stateless.test(line)
}

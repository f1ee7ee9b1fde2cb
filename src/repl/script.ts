/** What comes through a pipe is a script: one line after another, each when the one before is done, until one fails. */
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { ReeveError } from '../errors.ts'

export class Script {
  /** What the REPL reads: a line at a time. */
  readonly input = new PassThrough()
  #done: (() => void) | undefined
  #failed = false
  /** The line before was the beginning of a longer one. */
  #within = false

  get failed(): boolean {
    return this.#failed
  }

  /** The line that was fed has been carried out, or is the beginning of a longer one. */
  settle(failed: boolean, within = false): void {
    this.#failed ||= failed
    this.#within = within
    const done = this.#done
    this.#done = undefined
    done?.()
  }

  /** `refuse` says what is wrong with a line that the REPL itself would only print an error for. */
  async feed(source: NodeJS.ReadableStream, refuse: (line: string) => string | undefined): Promise<void> {
    for await (const line of createInterface({ input: source, crlfDelay: Infinity })) {
      const wrong = this.#within ? undefined : refuse(line)
      if (wrong !== undefined) throw new ReeveError('invalid_spec', wrong, { field: 'command' })
      const settled = new Promise<void>((resolve) => {
        this.#done = resolve
      })
      this.input.write(`${line}\n`)
      await settled
      if (this.#failed) break
    }
    if (this.#within && !this.#failed)
      throw new ReeveError('invalid_spec', 'the script ends in the middle of a statement', {
        field: 'command',
      })
    this.input.end()
  }
}

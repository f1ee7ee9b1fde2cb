/** Lines that arrive while somebody types: they go above the prompt and leave what is being typed untouched. */
import { clearScreenDown, cursorTo, moveCursor } from 'node:readline'
import type { REPLServer } from 'node:repl'
import { realClock, type Timer } from '../clock.ts'

/** More than a person can read at once. */
const BURST = 20
const BURST_MS = 50

export class Live {
  readonly #server: REPLServer
  #waiting: string[] = []
  #dropped = 0
  #timer: Timer | undefined
  /** While a line is evaluated there is no prompt to keep whole. */
  busy = false

  constructor(server: REPLServer) {
    this.#server = server
  }

  /** At most 20 lines in 50 ms; of the rest, how many there were. */
  line(text: string): void {
    if (this.#waiting.length < BURST) this.#waiting.push(text)
    else this.#dropped += 1
    this.#timer ??= realClock.setTimeout(() => this.flush(), BURST_MS)
  }

  flush(): void {
    realClock.clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.length === 0) return
    const lines = this.#waiting
    if (this.#dropped > 0) lines.push(`… and ${this.#dropped} more: .history NAME has them`)
    this.#waiting = []
    this.#dropped = 0
    this.#above(lines.map((each) => `  ┊ ${each}\n`).join(''))
  }

  #above(text: string): void {
    const { output, terminal } = this.#server as REPLServer & { output: NodeJS.WritableStream }
    if (!terminal || this.busy) {
      output.write(text)
      return
    }
    const { rows } = this.#server.getCursorPos()
    moveCursor(output, 0, -rows)
    cursorTo(output, 0)
    clearScreenDown(output)
    // A preview needs the line below the prompt.
    output.write(`${text}\n`)
    moveCursor(output, 0, -1)
    // readline would draw it as many rows above as it takes the cursor to be down, which a paste leaves wrong.
    Object.assign(this.#server, { prevRows: 0 })
    this.#server.displayPrompt(true)
  }
}

/** The writing end of an agent's stdin: a FIFO that is never allowed to block, with a bounded queue before it. */
import fs from 'node:fs'
import type { Clock } from '../clock.ts'
import { errnoOf, ReeveError } from '../errors.ts'

/** What may wait for an agent that does not read, in bytes. */
const QUEUE_BOUND = 1024 * 1024
/** An agent that takes nothing for this long does not accept input. */
const STUCK_MS = 5_000
const RETRY_MS = 20

interface Pending {
  readonly bytes: Buffer
  sent: number
  readonly done: (error?: ReeveError) => void
}

export class InputPipe {
  readonly #fd: number
  readonly #clock: Clock
  readonly #agentId: string
  readonly #pending: Pending[] = []
  #waiting = 0
  #movedAtMs: number
  #timer: unknown
  #closed: string | undefined

  /** Opens the FIFO that the launcher made. Never blocks: it is opened for reading too, and non-blocking. */
  constructor(path: string, agentId: string, clock: Clock) {
    this.#agentId = agentId
    this.#clock = clock
    this.#movedAtMs = clock.now()
    const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = fs.constants
    try {
      this.#fd = fs.openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW)
    } catch (cause) {
      throw this.#refusal(`its stdin cannot be opened (${errnoOf(cause)})`, cause)
    }
  }

  /**
   * Resolves when the pipe has taken all of it.
   *
   * @throws ReeveError `not_accepting_input` when it takes nothing for 5 s, when more than 1 MiB waits, or when it ends.
   */
  write(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    if (this.#closed !== undefined) return Promise.reject(this.#refusal(this.#closed))
    if (this.#waiting + bytes.length > QUEUE_BOUND)
      return Promise.reject(
        this.#refusal(`${this.#waiting} bytes wait to be read already (at most ${QUEUE_BOUND})`),
      )
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) this.#movedAtMs = this.#clock.now()
      this.#waiting += bytes.length
      this.#pending.push({ bytes, sent: 0, done: (error) => (error ? reject(error) : resolve()) })
      if (this.#pending.length === 1) this.#push()
    })
  }

  /** Settles when nothing waits any more: all of it was taken, or refused. Another write is after it. */
  async drained(): Promise<void> {
    try {
      await this.write('')
    } catch {
      // Given up, or closed: nothing waits, and who had sent it was told.
    }
  }

  /** Lets go of it; what comes afterwards is refused for this reason. */
  close(why = 'it has ended'): void {
    if (this.#closed !== undefined) return
    this.#closed = why
    this.#clock.clearTimeout(this.#timer)
    this.#giveUp(why)
    fs.closeSync(this.#fd)
  }

  #push(): void {
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      const moved = this.#writeSome(next)
      if (moved === undefined) return this.#later()
      next.sent += moved
      this.#waiting -= moved
      this.#movedAtMs = this.#clock.now()
      if (next.sent < next.bytes.length) continue
      this.#pending.shift()
      next.done()
    }
  }

  /** Bytes taken; `undefined` when the pipe is full. */
  #writeSome({ bytes, sent }: Pending): number | undefined {
    // Up to PIPE_BUF bytes are taken whole or not at all (POSIX); more, and a full pipe takes a part.
    try {
      return fs.writeSync(this.#fd, bytes, sent, bytes.length - sent)
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return undefined
      throw error
    }
  }

  #later(): void {
    if (this.#clock.now() - this.#movedAtMs > STUCK_MS)
      return this.#giveUp(`it read nothing for ${STUCK_MS} ms`)
    this.#timer = this.#clock.setTimeout(() => this.#push(), RETRY_MS)
  }

  #giveUp(why: string): void {
    this.#waiting = 0
    for (const each of this.#pending.splice(0)) each.done(this.#refusal(why))
  }

  #refusal(why: string, cause?: unknown): ReeveError {
    return new ReeveError('not_accepting_input', `${this.#agentId} takes no input: ${why}`, {
      agentId: this.#agentId,
      ...(cause !== undefined && { cause }),
    })
  }
}

/**
 * What goes on for as long as someone reads: at their pace, with no more than a buffer's worth waiting. One who takes
 * longer than 30 s to read that is cut off, one who leaves is forgotten at once.
 */
import { realClock, type Timer } from '../clock.ts'
import type { Call } from './route.ts'

/** What waits for a reader, in characters; the sockets' own buffers come on top. */
const BUFFER = 64 * 1024
/** So often something is said, that a reader who is gone without a word be noticed. */
const BREATH_MS = 15_000

type Streaming = Pick<Call<unknown, unknown>, 'openStream' | 'signal' | 'cutOff' | 'slowAfterMs'>

export interface StreamOptions {
  readonly type: string
  /** Said at once, before all else. */
  readonly first?: string
  /** Said when there is nothing to say for a while. */
  readonly breath?: string
  /** How a failure on the way is told; without it the reader is cut off. */
  readonly failure?: (cause: unknown) => string
}

/** Gives text in pieces; the signal says that nobody reads any more. */
export type Pieces = (signal: AbortSignal) => AsyncIterable<string>

/** As a response. Throws `too_busy`. */
export function textStream(of: Streaming, pieces: Pieces, options: StreamOptions): Response {
  const outflow = new Outflow(of, pieces, options)
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const text = await outflow.next()
        if (text === undefined) controller.close()
        else controller.enqueue(encoder.encode(text))
      },
      cancel: () => outflow.leave(),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: { 'content-type': options.type, 'cache-control': 'no-store', 'transfer-encoding': 'chunked' },
  })
}

/** Server-sent events: what is said when there is nothing to say keeps the connection. */
export const EVENTS = { type: 'text/event-stream', breath: ':\n\n' } as const

export const event = (name: string, data: unknown, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

/** Lines, each with its newline. */
export const lineStream = (of: Streaming, lines: Pieces): Response =>
  textStream(
    of,
    async function* (signal) {
      for await (const line of lines(signal)) yield `${line}\n`
    },
    { type: 'text/plain; charset=utf-8' },
  )

/** Between a source and one who reads: neither waits for the other longer than the buffer allows. */
class Outflow {
  readonly #of: Streaming
  readonly #options: StreamOptions
  readonly #closed: () => void
  readonly #over = new AbortController()
  #waiting: string
  #ended = false
  #slow: Timer
  #arrived: () => void = () => {}
  #taken: () => void = () => {}

  constructor(of: Streaming, pieces: Pieces, options: StreamOptions) {
    this.#of = of
    this.#options = options
    this.#waiting = options.first ?? ''
    this.#closed = of.openStream()
    of.signal.addEventListener('abort', this.leave, { once: true })
    if (of.signal.aborted) this.leave()
    else void this.#fill(pieces)
  }

  /** What has come, as soon as something has; `undefined` when nothing follows. */
  async next(): Promise<string | undefined> {
    realClock.clearTimeout(this.#slow)
    while (this.#waiting === '' && !this.#ended) await this.#arrival()
    const text = this.#waiting
    this.#waiting = ''
    this.#taken()
    if (text === '') {
      this.leave()
      return undefined
    }
    this.#slow = realClock.setTimeout(() => this.#of.cutOff(), this.#of.slowAfterMs)
    return text
  }

  /** Nobody reads any more. */
  readonly leave = (): void => {
    if (this.#over.signal.aborted) return
    this.#ended = true
    realClock.clearTimeout(this.#slow)
    this.#of.signal.removeEventListener('abort', this.leave)
    this.#over.abort()
    this.#closed()
    this.#arrived()
    this.#taken()
  }

  async #fill(pieces: Pieces): Promise<void> {
    const { signal } = this.#over
    try {
      for await (const piece of pieces(signal)) {
        this.#waiting += piece
        this.#arrived()
        if (this.#waiting.length > BUFFER) await new Promise<void>((resolve) => (this.#taken = resolve))
        if (signal.aborted) return
      }
    } catch (cause) {
      if (signal.aborted) return
      if (this.#options.failure) this.#waiting += this.#options.failure(cause)
      else this.#of.cutOff()
    }
    this.#ended = true
    this.#arrived()
  }

  async #arrival(): Promise<void> {
    const { breath } = this.#options
    const breathe = () => {
      this.#waiting = breath ?? ''
      this.#arrived()
    }
    const timer = breath === undefined ? undefined : realClock.setTimeout(breathe, BREATH_MS)
    await new Promise<void>((resolve) => (this.#arrived = resolve))
    realClock.clearTimeout(timer)
  }
}

/** Listening to a daemon for as long as anyone here listens: one stream for entries, one for warnings. */
import { type Entry, isNote } from '../../machines/events.ts'
import { messageOf, ReeveError } from '../errors.ts'
import type { Listeners, SupervisorEvents, Warning } from '../listeners.ts'
import type { SinkFailure } from '../registry/journal.ts'
import { serverEvents } from '../server-events.ts'
import { fromWire } from '../wire.ts'
import { followEntries } from './follow.ts'
import { Patience } from './patience.ts'
import type { Transport } from './transport.ts'

export interface HearingOptions {
  readonly listeners: Listeners
  readonly transport: Transport
  readonly patienceMs: number
  readonly take: (entry: Entry) => void
  readonly closed: AbortSignal
}

type Stream = 'entries' | 'warnings'

export class Hearing {
  readonly #options: HearingOptions
  readonly #heard = new Map<Stream, { count: number; readonly over: AbortController }>()
  /** Requests wait for it: what they set going is heard. */
  begun: Promise<unknown> = Promise.resolve()

  constructor(options: HearingOptions) {
    this.#options = options
  }

  /** Returns what ends it. */
  hear(event: keyof SupervisorEvents): () => void {
    const stream: Stream = event === 'warning' || event === 'sink-error' ? 'warnings' : 'entries'
    const known = this.#heard.get(stream)
    const heard = known ?? { count: 0, over: new AbortController() }
    heard.count += 1
    if (!known) {
      this.#heard.set(stream, heard)
      const begun = new Promise<void>((resolve) => void this.#listen(stream, heard.over.signal, resolve))
      this.begun = Promise.all([this.begun, begun])
    }
    let deaf = false
    return () => {
      if (deaf) return
      deaf = true
      heard.count -= 1
      if (heard.count > 0) return
      heard.over.abort()
      this.#heard.delete(stream)
    }
  }

  /** Never rejects: that nothing is heard any more is told as a warning. */
  async #listen(stream: Stream, over: AbortSignal, begun: () => void): Promise<void> {
    const { listeners, closed } = this.#options
    try {
      if (stream === 'entries') await this.#entries([over, closed], begun)
      else await this.#warnings([over, closed], begun)
    } catch (cause) {
      const code = cause instanceof ReeveError ? cause.code : 'internal'
      if (!over.aborted && !closed.aborted)
        listeners.warn({ code, message: `nothing is heard any more: ${messageOf(cause)}`, cause })
    } finally {
      begun()
    }
  }

  async #entries(signals: readonly AbortSignal[], begun: () => void): Promise<void> {
    const { listeners, transport, patienceMs, take } = this.#options
    const patience = new Patience(patienceMs)
    for await (const entry of followEntries(transport, patience, { since: undefined, signals, begun })) {
      take(entry)
      listeners.emit(isNote(entry) ? 'note' : 'transition', entry)
      if (!isNote(entry) && entry.to === 'stalling') listeners.emit('stalled', entry)
    }
  }

  async #warnings(signals: readonly AbortSignal[], begun: () => void): Promise<void> {
    const { listeners, transport, patienceMs } = this.#options
    const patience = new Patience(patienceMs)
    const over = new AbortController()
    for (const signal of signals) signal.addEventListener('abort', () => over.abort(), { once: true })
    if (signals.some(({ aborted }) => aborted)) over.abort()
    while (!over.signal.aborted) {
      try {
        const text = transport.text('/v1/warnings', { signal: over.signal })
        for await (const { event, data } of serverEvents(text)) {
          patience.rest()
          const value: unknown = JSON.parse(data)
          if (event === 'hello') begun()
          else if (event === 'warning') listeners.warn(fromWire<Warning>(value))
          else listeners.sinkFailed(fromWire<SinkFailure>(value))
        }
        if (!(await patience.wait(over.signal))) return
      } catch (error) {
        begun()
        if (over.signal.aborted) return
        if (!(await patience.wait(over.signal))) throw error
      }
    }
  }
}

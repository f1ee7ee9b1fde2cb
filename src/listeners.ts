/** Who listens to a supervisor. A listener that throws harms nobody else: it is told as a warning. */
import { z } from 'zod'
import type { Entry } from '../machines/events.ts'
import { type ErrorCode, messageOf } from './errors.ts'
import type { SinkFailure } from './registry/journal.ts'
import { parseStrictly } from './strict.ts'

/** Something that is not as it should be, and that no call can report by failing. */
export interface Warning {
  readonly code: ErrorCode
  readonly message: string
  readonly agentId?: string
  readonly cause?: unknown
}

export interface SupervisorEvents {
  /** An agent changed its state. */
  readonly transition: Entry
  /** Something worth recording that changed no state. */
  readonly note: Entry
  /** A transition to `stalling`. */
  readonly stalled: Entry
  /** The registry or a sink failed; at most once a second for each. Entries are kept and offered again. */
  readonly 'sink-error': SinkFailure
  readonly warning: Warning
}

const EVENTS = [
  'transition',
  'note',
  'stalled',
  'sink-error',
  'warning',
] as const satisfies readonly (keyof SupervisorEvents)[]

const listenSchema = z.strictObject({
  event: z.enum(EVENTS),
  fn: z.custom<(payload: never) => unknown>((fn) => typeof fn === 'function', 'must be a function'),
})

/** Held to by an agent's `on`, which tells of less. */
export const agentListenSchema = listenSchema.extend({ event: z.enum(['transition', 'note', 'stalled']) })

/** What an agent's own `on` tells. */
export type AgentEvents = Pick<SupervisorEvents, 'transition' | 'note' | 'stalled'>

type Fn = (payload: never) => unknown

export class Listeners {
  readonly #byEvent = new Map<string, Set<Fn>>()

  on<E extends keyof SupervisorEvents>(event: E, fn: (payload: SupervisorEvents[E]) => unknown): () => void {
    parseStrictly(listenSchema, { event, fn }, 'on')
    const own = this.#byEvent.get(event) ?? new Set()
    this.#byEvent.set(event, own)
    // A wrapper of its own, so that one function registered twice is called twice and taken out once.
    const listener: Fn = (payload) => fn(payload)
    own.add(listener)
    return () => own.delete(listener)
  }

  emit<E extends keyof SupervisorEvents>(event: E, payload: SupervisorEvents[E]): void {
    for (const listener of [...(this.#byEvent.get(event) ?? [])]) {
      try {
        // An async listener's failure is one as well.
        const result = listener(payload as never)
        if (result instanceof Promise) result.catch((cause: unknown) => this.#listenerFailed(event, cause))
      } catch (cause) {
        this.#listenerFailed(event, cause)
      }
    }
  }

  /** Told to the listeners of `warning`; without any, to the process as Node's own warnings are. */
  warn(warning: Warning): void {
    if (this.#byEvent.get('warning')?.size) this.emit('warning', warning)
    else process.emitWarning(warning.message, { type: 'ReeveWarning', code: warning.code })
  }

  sinkFailed(failure: SinkFailure): void {
    if (this.#byEvent.get('sink-error')?.size) this.emit('sink-error', failure)
    else
      this.warn({
        code: 'registry_unavailable',
        message: `${failure.sink}: ${failure.message}`,
        cause: failure.cause,
      })
  }

  #listenerFailed(event: string, cause: unknown): void {
    const message = `a listener of "${event}" threw: ${messageOf(cause)}`
    if (event === 'warning') process.emitWarning(message, { type: 'ReeveWarning', code: 'internal' })
    else this.warn({ code: 'internal', message, cause })
  }
}

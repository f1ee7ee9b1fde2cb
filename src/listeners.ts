/** Who listens to a supervisor. A listener that throws harms nobody else: it is told as a warning. */
import type { Entry } from '../machines/events.ts'
import { type ErrorCode, messageOf, ReeveError, shown } from './errors.ts'
import type { SinkFailure } from './registry/journal.ts'

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

/** What an agent's own `on` tells. */
export type AgentEvents = Pick<SupervisorEvents, 'transition' | 'note' | 'stalled'>

export const AGENT_EVENTS = [
  'transition',
  'note',
  'stalled',
] as const satisfies readonly (keyof AgentEvents)[]

/** @throws ReeveError `invalid_spec`: no such event here, or nothing that could be called */
export function checkListening(events: readonly string[], event: unknown, fn: unknown): void {
  if (!events.includes(event as string)) {
    const known = events.map(shown).join(', ')
    throw new ReeveError('invalid_spec', `event: must be one of ${known} (given: ${shown(event)})`, {
      field: 'event',
    })
  }
  if (typeof fn !== 'function')
    throw new ReeveError('invalid_spec', `fn: must be a function (given: ${shown(fn)})`, { field: 'fn' })
}

type Fn = (payload: never) => unknown

export class Listeners {
  readonly #byEvent = new Map<string, Set<Fn>>()

  on<E extends keyof SupervisorEvents>(event: E, fn: (payload: SupervisorEvents[E]) => unknown): () => void {
    checkListening(EVENTS, event, fn)
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

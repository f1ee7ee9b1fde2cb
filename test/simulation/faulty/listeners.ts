/** Listeners, with faults put in on purpose. */
export * from '../../../src/listeners.ts'

import { Listeners as RealListeners, type SupervisorEvents } from '../../../src/listeners.ts'
import { isBroken } from '../here.ts'

type Fn = (payload: never) => unknown

export class Listeners extends RealListeners {
  readonly #bare = new Map<string, Set<Fn>>()

  override on<E extends keyof SupervisorEvents>(
    event: E,
    fn: (payload: SupervisorEvents[E]) => unknown,
  ): () => void {
    if (!isBroken('uncontained-listeners') || event === 'warning') return super.on(event, fn)
    const own = this.#bare.get(event) ?? new Set()
    this.#bare.set(event, own.add(fn as Fn))
    return () => own.delete(fn as Fn)
  }

  override emit<E extends keyof SupervisorEvents>(event: E, payload: SupervisorEvents[E]): void {
    if (isBroken('uncontained-listeners') && event !== 'warning')
      for (const fn of this.#bare.get(event) ?? []) fn(payload as never)
    else super.emit(event, payload)
  }
}

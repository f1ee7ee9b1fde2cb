/** One handle per agent, for as long as anyone holds it. */
import type { Entry } from '../../machines/events.ts'
import type { RemoteAgent } from './agent.ts'
import type { Seen } from './seen.ts'

export class Handles {
  readonly #make: (seen: Seen) => RemoteAgent
  readonly #byId = new Map<string, WeakRef<RemoteAgent>>()
  readonly #dropped = new FinalizationRegistry<string>((id) => {
    if (this.#byId.get(id)?.deref() === undefined) this.#byId.delete(id)
  })

  constructor(make: (seen: Seen) => RemoteAgent) {
    this.#make = make
  }

  of(seen: Seen): RemoteAgent {
    const { id } = seen.record
    const known = this.#byId.get(id)?.deref()
    if (known) {
      known.see(seen)
      return known
    }
    const made = this.#make(seen)
    this.#byId.set(id, new WeakRef(made))
    this.#dropped.register(made, id)
    return made
  }

  take(entry: Entry): void {
    this.#byId.get(entry.agentId)?.deref()?.take(entry)
  }
}

/** Who is known, by id and by name; and the event loop is held while anyone of them has not ended. */
import { ReeveError } from './errors.ts'
import type { AgentPlan } from './plan.ts'
import type { Seat } from './seat.ts'

/** How many agents that have ended can still be asked for by their handle, the newest of them. */
const ENDED_KEPT = 10_000

export class Roster {
  readonly #byId = new Map<string, Seat>()
  /** Those that have not ended. */
  readonly #byName = new Map<string, Seat>()
  readonly #ended = new Set<Seat>()
  /** Ids that are being taken out of the registry, with their logs: nothing begins under them until that is done. */
  readonly removing = new Set<string>()
  #hold: NodeJS.Timeout | undefined

  get(id: string): Seat | undefined {
    return this.#byId.get(id)
  }

  /** By id, or by name: a name resolves to the agent that has not ended, else to the newest that has. */
  find(idOrName: string): Seat | undefined {
    const known = this.#byId.get(idOrName) ?? this.#byName.get(idOrName)
    return known ?? [...this.#byId.values()].reverse().find((seat) => seat.plan.name === idOrName)
  }

  /** Every agent known, in the order in which they were spawned. */
  all(): Seat[] {
    return [...this.#byId.values()]
  }

  /** Those that have not ended, in the order in which they took their names. */
  live(): Seat[] {
    return [...this.#byName.values()]
  }

  /** Holds its name, and the event loop, until it is released. */
  take(seat: Seat): void {
    this.#byId.set(seat.plan.id, seat)
    this.#byName.set(seat.plan.name, seat)
    this.#ended.delete(seat)
    this.#hold ??= setInterval(() => {}, 2 ** 30)
  }

  /** It has ended. Its handle is remembered, within bounds. */
  release(seat: Seat): void {
    seat.ended = true
    this.#byName.delete(seat.plan.name)
    this.#ended.add(seat)
    for (const oldest of this.#ended) {
      if (this.#ended.size <= ENDED_KEPT) break
      this.forget(oldest)
    }
    if (this.#byName.size === 0) this.letGo()
  }

  forget(seat: Seat): void {
    this.#byId.delete(seat.plan.id)
    this.#ended.delete(seat)
  }

  /** Nobody is waited for any more: the event loop may end. */
  letGo(): void {
    clearInterval(this.#hold)
    this.#hold = undefined
  }

  /**
   * A name, and an id that reads as one, belongs to one agent at a time: what is asked of it must reach no other.
   *
   * @throws ReeveError `name_taken`
   */
  refuseTaken({ id, name }: Pick<AgentPlan, 'id' | 'name'>): void {
    const namesake = this.#byId.get(name)
    refuse('name', name, this.#byName.get(name) ?? (namesake?.ended === false ? namesake : undefined))
    refuse('id', id, this.#byName.get(id))
  }

  /** @throws ReeveError `name_taken` */
  refuseRemoving(id: string): void {
    if (!this.removing.has(id)) return
    const message = `id: ${JSON.stringify(id)} is being removed. Spawn it anew once remove() has resolved.`
    throw new ReeveError('name_taken', message, { field: 'id', agentId: id })
  }
}

function refuse(field: 'name' | 'id', wanted: string, holder: Seat | undefined): void {
  if (!holder) return
  const { record } = holder
  const what = `${JSON.stringify(wanted)} is held by agent ${record.id} (${record.state})`
  const message = `${field}: ${what}. Stop it, or choose another ${field}.`
  throw new ReeveError('name_taken', message, { field, agentId: record.id })
}

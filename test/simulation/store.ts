/**
 * A registry or sink with bad luck: slow, refusing, silent for ever, throwing where it should reject, taking a batch
 * and denying it, taking a part of one. What it holds outlives every supervisor, and is what a reader would find.
 */
import type { Entry } from '../../machines/events.ts'
import { type AgentRecord, fold, matches, type RecordFilter } from '../../src/registry/record.ts'
import type { Registry } from '../../src/registry/registry.ts'
import type { Dice } from './dice.ts'
import { isBroken } from './here.ts'
import { mayAct, type Party } from './party.ts'
import type { Time } from './time.ts'

export const MOODS = ['well', 'slow', 'refuses', 'hangs', 'throws', 'denies', 'tears', 'moody'] as const
export type Mood = (typeof MOODS)[number]

/** What one supervisor's entries came to. */
export interface Taken {
  readonly entries: Entry[]
  /** How many of them were held against what was told. */
  compared: number
}

export class Store {
  readonly name: string
  readonly durable: boolean
  readonly time: Time
  readonly dice: Dice
  mood: Mood = 'well'
  /** In the order in which they came, each once. */
  readonly entries: Entry[] = []
  /** By supervisor. */
  readonly taken = new Map<string, Taken>()
  /** What was wrong with what came. */
  readonly wrong: string[] = []
  readonly removed = new Set<string>()

  constructor(name: string, durable: boolean, time: Time, dice: Dice) {
    this.name = name
    this.durable = durable
    this.time = time
    this.dice = dice
  }

  /** As a supervisor is handed it. */
  openedBy(party: Party): StoreClient {
    return new StoreClient(this, party)
  }

  /** What it has of one supervisor. */
  of(supervisorId: string): Taken {
    const known = this.taken.get(supervisorId)
    if (known) return known
    const taken: Taken = { entries: [], compared: 0 }
    this.taken.set(supervisorId, taken)
    return taken
  }

  take(batch: readonly Entry[]): void {
    for (const entry of batch) {
      const { entries } = this.of(entry.supervisorId)
      const last = entries.length
      if (entry.seq <= last) continue
      if (entry.seq !== last + 1)
        this.wrong.push(`entry ${entry.seq} of ${entry.supervisorId} came after ${last}`)
      entries.push(entry)
      this.entries.push(entry)
      if (entry.from === null) this.removed.delete(entry.agentId)
    }
  }

  records(filter: RecordFilter): AgentRecord[] {
    const records = new Map<string, AgentRecord>()
    for (const entry of this.entries) records.set(entry.agentId, fold(records.get(entry.agentId), entry))
    return [...records.values()].filter((record) => !this.removed.has(record.id) && matches(record, filter))
  }
}

class StoreClient implements Registry {
  readonly durable: boolean
  readonly name: string
  /** Batches that came after `close()`. */
  afterClose = 0
  readonly #store: Store
  readonly #party: Party
  #closed = false

  constructor(store: Store, party: Party) {
    this.#store = store
    this.#party = party
    this.durable = store.durable
    this.name = store.name
  }

  open(): Promise<void> {
    return this.#answer(() => {})
  }

  append(batch: readonly Entry[]): Promise<void> {
    const store = this.#store
    const { dice } = store
    if (this.#closed) this.afterClose += 1
    if (!mayAct()) return new Promise(() => {})
    if (isBroken('registry-lies') && dice.chance(0.3)) return Promise.resolve()
    const mood = store.mood === 'moody' ? dice.pick(MOODS) : store.mood
    const take = () => store.take(batch)
    switch (mood) {
      case 'refuses':
        return this.#later(20, 'refused')
      case 'hangs':
        return new Promise(() => {})
      case 'throws':
        throw new Error('thrown, simulated')
      case 'denies':
        take()
        return this.#later(20, 'taken, and denied')
      case 'tears':
        store.take(batch.slice(0, dice.between(0, batch.length)))
        return this.#later(20, 'torn')
      case 'slow':
        return this.#later(dice.chance(0.2) ? 6_000 : 800, undefined, take)
      default:
        return this.#later(2, undefined, take)
    }
  }

  records(filter: RecordFilter = {}): Promise<AgentRecord[]> {
    return this.#answer(() => this.#store.records(filter))
  }

  history(agentId: string): Promise<Entry[]> {
    return this.#answer(() => this.#store.entries.filter((entry) => entry.agentId === agentId))
  }

  remove(agentId: string): Promise<void> {
    return this.#answer(() => void this.#store.removed.add(agentId))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#answer(() => {})
  }

  async #answer<T>(read: () => T): Promise<T> {
    const { mood } = this.#store
    if (mood === 'hangs') return new Promise(() => {})
    await (mood === 'refuses' ? this.#later(20, 'refused') : this.#later(5, undefined))
    return read()
  }

  /** Done in the machine's own time, whatever becomes of the one who asked; answered if that one lives. */
  #later(mostMs: number, refusal: string | undefined, first: () => void = () => {}): Promise<void> {
    const { time, dice } = this.#store
    return new Promise((resolve, reject) => {
      time.after(dice.between(0, mostMs), () => {
        first()
        this.#party.deliver(() =>
          refusal === undefined ? resolve() : reject(new Error(`${refusal}, simulated`)),
        )
      })
    })
  }
}

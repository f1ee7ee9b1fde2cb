/**
 * A registry or sink with bad luck: slow, refusing, silent for ever, throwing where it should reject, taking a batch
 * and denying it, taking a part of one. What it holds is what a reader of it would find.
 */
import { type Entry } from '../../../machines/events.ts'
import { type AgentRecord, fold, matches, type RecordFilter } from '../../../src/registry/record.ts'
import type { Registry } from '../../../src/registry/registry.ts'
import type { Dice } from '../dice.ts'
import { isBroken } from '../here.ts'
import type { Party, Time } from '../time.ts'

export const MOODS = ['well', 'slow', 'refuses', 'hangs', 'throws', 'denies', 'tears', 'moody'] as const
export type Mood = (typeof MOODS)[number]

export class Store implements Registry {
  readonly durable: boolean
  readonly name: string
  mood: Mood = 'well'
  /** Each once, in the order in which they came. */
  readonly entries: Entry[] = []
  /** What was wrong with what came. */
  readonly wrong: string[] = []
  /** How many of its entries were held against what was told. */
  compared = 0
  closed = false
  /** Batches that came after `close()`. */
  afterClose = 0
  readonly #removed = new Set<string>()
  readonly #time: Time
  readonly #dice: Dice
  readonly #owner: Party

  constructor(name: string, durable: boolean, time: Time, dice: Dice, owner: Party) {
    this.name = name
    this.durable = durable
    this.#time = time
    this.#dice = dice
    this.#owner = owner
  }

  async open(): Promise<void> {}

  append(batch: readonly Entry[]): Promise<void> {
    if (this.closed) this.afterClose += 1
    if (isBroken('registry-lies') && this.#dice.chance(0.3)) return Promise.resolve()
    const mood = this.mood === 'moody' ? this.#dice.pick(MOODS) : this.mood
    switch (mood) {
      case 'refuses':
        return this.#later(20, 'refused')
      case 'hangs':
        return new Promise(() => {})
      case 'throws':
        throw new Error('thrown, simulated')
      case 'denies':
        this.#take(batch)
        return this.#later(20, 'taken, and denied')
      case 'tears':
        this.#take(batch.slice(0, this.#dice.between(0, batch.length)))
        return this.#later(20, 'torn')
      case 'slow':
        return this.#later(this.#dice.chance(0.2) ? 6_000 : 800, undefined, () => this.#take(batch))
      default:
        return this.#later(2, undefined, () => this.#take(batch))
    }
  }

  async records(filter: RecordFilter = {}): Promise<AgentRecord[]> {
    await this.#answer()
    const records = new Map<string, AgentRecord>()
    for (const entry of this.entries) records.set(entry.agentId, fold(records.get(entry.agentId), entry))
    return [...records.values()].filter((record) => !this.#removed.has(record.id) && matches(record, filter))
  }

  async history(agentId: string): Promise<Entry[]> {
    await this.#answer()
    return this.entries.filter((entry) => entry.agentId === agentId)
  }

  async remove(agentId: string): Promise<void> {
    await this.#answer()
    this.#removed.add(agentId)
  }

  async close(): Promise<void> {
    this.closed = true
    await this.#answer()
  }

  #take(batch: readonly Entry[]): void {
    for (const entry of batch) {
      const last = this.entries.length
      if (entry.seq <= last) continue
      if (entry.seq !== last + 1) this.wrong.push(`entry ${entry.seq} came after ${last}`)
      this.entries.push(entry)
    }
  }

  #answer(): Promise<void> {
    if (this.mood === 'hangs') return new Promise(() => {})
    return this.mood === 'refuses' ? this.#later(20, 'refused') : this.#later(5, undefined)
  }

  #later(mostMs: number, refusal: string | undefined, first: () => void = () => {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#time.physical.setTimeout(() => {
        first()
        this.#owner.deliver(() => (refusal === undefined ? resolve() : reject(new Error(`${refusal}, simulated`))))
      }, this.#dice.between(0, mostMs))
    })
  }
}

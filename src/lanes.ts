/** Who is in which lane, and who waits there. What it costs does not depend on how many wait. */
import { type Entrance, entranceTo, type OnConflict, turnOf } from '../machines/lanes.ts'

interface Lane<T> {
  holder: T | null
  /** It replaces the holder. */
  next: T | null
  /** In the order in which they came. */
  readonly line: Set<T>
}

export class Lanes<T> {
  readonly #byName = new Map<string, Lane<T>>()

  holder(name: string): T | undefined {
    return this.#byName.get(name)?.holder ?? undefined
  }

  /** Who replaces the holder, and begins when that has ended. */
  next(name: string): T | undefined {
    return this.#byName.get(name)?.next ?? undefined
  }

  /** How it would come in. */
  entrance(name: string, onConflict: OnConflict): Entrance {
    const lane = this.#byName.get(name)
    return entranceTo({ held: lane?.holder != null, waiting: lane?.line.size ?? 0 }, onConflict)
  }

  hold(name: string, who: T): void {
    this.#lane(name).holder = who
  }

  /** It follows the holder. Returns the one that was to do so before, and does no more. */
  replace(name: string, who: T): T | undefined {
    const lane = this.#lane(name)
    const supplanted = lane.next
    lane.next = who
    return supplanted ?? undefined
  }

  queue(name: string, who: T): void {
    this.#lane(name).line.add(who)
  }

  /** It waits no more. */
  withdraw(name: string, who: T): void {
    const lane = this.#byName.get(name)
    if (!lane) return
    if (lane.next === who) lane.next = null
    lane.line.delete(who)
    this.#tidy(name, lane)
  }

  /** It has ended. Whoever holds the lane from now on is returned: nobody comes in between. */
  leave(name: string, who: T): T | undefined {
    const lane = this.#byName.get(name)
    if (!lane || lane.holder !== who) return undefined
    lane.holder = null
    return this.pass(name)
  }

  /** A lane that nobody holds goes to whose turn it is. */
  pass(name: string): T | undefined {
    const lane = this.#byName.get(name)
    if (!lane || lane.holder !== null) return undefined
    const turn = turnOf(lane.next, lane.line)
    if (turn !== null) {
      if (lane.next === turn) lane.next = null
      lane.line.delete(turn)
      lane.holder = turn
    }
    this.#tidy(name, lane)
    return turn ?? undefined
  }

  /** Those that wait, in the order of their turns: of one lane, or of all. */
  waiting(name?: string): T[] {
    const lanes = name === undefined ? [...this.#byName.values()] : [this.#byName.get(name)]
    return lanes.flatMap((lane) => (lane ? [...(lane.next === null ? [] : [lane.next]), ...lane.line] : []))
  }

  names(): string[] {
    return [...this.#byName.keys()]
  }

  #lane(name: string): Lane<T> {
    const known = this.#byName.get(name)
    if (known) return known
    const lane: Lane<T> = { holder: null, next: null, line: new Set() }
    this.#byName.set(name, lane)
    return lane
  }

  /** Names come and go: nothing is kept of a lane that nobody is in. */
  #tidy(name: string, { holder, next, line }: Lane<T>): void {
    if (holder === null && next === null && line.size === 0) this.#byName.delete(name)
  }
}

/** Where all chance comes from: one seed, and a stream of its own for whoever asks by a name. */

/** FNV-1a, mixed once more: names that differ in one letter have nothing in common. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  return (h ^ (h >>> 13)) >>> 0
}

export class Dice {
  readonly #name: string
  #state: number

  constructor(name: string) {
    this.#name = name
    this.#state = hash(name)
  }

  /**
   * A stream of its own. It depends on the names alone and not on how often these dice were thrown: what is left out
   * of a run changes nothing for the rest.
   */
  fork(name: string): Dice {
    return new Dice(`${this.#name}/${name}`)
  }

  /** In [0, 1). Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let y = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    y = (y + Math.imul(y ^ (y >>> 7), 61 | y)) ^ y
    return ((y ^ (y >>> 14)) >>> 0) / 2 ** 32
  }

  chance(p: number): boolean {
    return this.next() < p
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)] as T
  }

  /** One of the keys, by its weight. */
  weighed<K extends string>(weights: Readonly<Record<K, number>>): K {
    const all = Object.entries(weights) as [K, number][]
    let left = this.next() * all.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of all) {
      left -= weight
      if (left < 0) return key
    }
    return all[0]?.[0] as K
  }
}

/** So many at a time, the others in the order in which they came. */
export class Turns {
  readonly #most: number
  readonly #waiting: (() => void)[] = []
  #going = 0

  constructor(most: number) {
    this.#most = most
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#going >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#going += 1
    try {
      return await work()
    } finally {
      // Whoever comes next has this one's place.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#going -= 1
    }
  }
}

/** A lock on a file, which the kernel frees when its holder dies. */
import { ReeveError } from '../../../src/errors.ts'
import type { Party } from '../party.ts'

export class Lock {
  #holder: Party | undefined

  /** Throws `home_locked`. */
  take(party: Party): { release(): void } {
    if (this.#holder && !this.#holder.dead)
      throw new ReeveError('home_locked', `the home is locked by pid ${this.#holder.pid}`, { field: 'home' })
    this.#holder = party
    return {
      release: () => {
        if (this.#holder === party) this.#holder = undefined
      },
    }
  }
}

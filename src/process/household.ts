/**
 * What outlives the supervisors of a launcher: its lives and its book. It decides who is let in, and when there is nothing
 * left to stay for.
 */
import { realClock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Book } from './book.ts'
import { identify } from './identity.ts'
import type { KeptLife, LauncherEvents } from './launcher.ts'
import { Lives } from './lives.ts'
import type { Greeting } from './protocol.ts'
import { Spared } from './spared.ts'

export interface HouseholdOptions {
  readonly launcherId: string
  readonly book: Book
  readonly log: (message: string) => void
  /** There is nothing left to keep. */
  readonly leave: (mayRemoveHome: boolean) => void
  /** Homes that nobody looks after any more lie in this folder. */
  readonly clear: (folder: string) => void
}

export class Household {
  readonly launcherId: string
  readonly lives: Lives
  readonly log: HouseholdOptions['log']
  readonly #options: HouseholdOptions
  readonly #spared = new Spared()
  /** Who is served. */
  #guest: LauncherEvents | undefined
  #ephemeral = false
  #keepExits = false
  /** Supervisors of another protocol that stay. */
  #foreign = 0
  #isLeaving = false

  constructor(options: HouseholdOptions) {
    this.#options = options
    this.launcherId = options.launcherId
    this.log = options.log
    this.lives = new Lives({
      clock: realClock,
      spared: this.#spared,
      book: options.book,
      events: {
        answer: (answer) => this.#guest?.answer(answer),
        warning: (message) => this.warn(message),
      },
      idle: () => this.#leaveAlone(),
    })
  }

  /** What is there, for the one who is let in; `undefined` for one who is not. */
  admit(guest: LauncherEvents, greeting: Greeting): readonly KeptLife[] | undefined {
    if (this.#guest !== undefined || this.#foreign > 0 || this.#isLeaving) return undefined
    const { supervisorPid, ephemeral, keepExits, leftovers, containment, baseEnv } = greeting
    const kept = [...this.lives.kept()]
    this.#guest = guest
    this.#ephemeral = ephemeral
    this.#keepExits = keepExits
    this.#spared.add(supervisorPid)
    this.#options.book.serves(identify(supervisorPid) ?? null)
    this.lives.serve({ baseEnv, keepExits, containment })
    if (leftovers !== null) this.#options.clear(leftovers)
    return kept
  }

  /** One that speaks another protocol is there: its successor's business is left alone until it is gone. */
  hold(): () => void {
    this.log('a supervisor of another protocol looks after the agents from now on')
    this.#foreign++
    this.lives.hold()
    return () => {
      if (--this.#foreign > 0 || this.#guest !== undefined) return
      this.log('the supervisor of another protocol is gone; its agents go by their terms')
      this.lives.letGo()
    }
  }

  /** The connection of the one who is served has ended, without a good-bye. */
  gone(guest: LauncherEvents): void {
    if (this.#guest !== guest) return
    this.#guest = undefined
    if (this.#isLeaving) return
    this.log('the supervisor is gone; its agents go by their terms')
    this.lives.orphan({ neverAdopted: this.#ephemeral })
  }

  /** Ends what lives. `farewell` tells the one who asked, if it is still there to hear it. */
  async bye(farewell: (escaped: readonly number[]) => Promise<boolean>): Promise<void> {
    if (this.#isLeaving) return
    this.#isLeaving = true
    const escaped = await this.#endAll()
    if (escaped.length > 0) this.log(`could not be ended: ${escaped.join(', ')}`)
    // A supervisor that is there to hear the last word looks after its home itself.
    const wasHeard = await farewell(escaped)
    this.#leave(!wasHeard)
  }

  /** Nobody came. */
  leaveUnserved(): void {
    this.#isLeaving = true
    this.#leave(true)
  }

  warn(message: string): void {
    this.log(message)
    this.#guest?.warning(message)
  }

  /** Whatever goes wrong, a launcher does not stay for ever. */
  async #endAll(): Promise<number[]> {
    try {
      return await this.lives.endAll()
    } catch (error) {
      this.log(`fault while ending: ${error instanceof Error ? error.stack : messageOf(error)}`)
      return []
    }
  }

  #leaveAlone(): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    void this.#endAll().then(() => this.#leave(true))
  }

  #leave(isAlone: boolean): void {
    const { book, leave } = this.#options
    if (book.size === 0 || !this.#keepExits) book.remove()
    leave(isAlone && this.#ephemeral)
  }
}

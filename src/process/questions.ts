/** What a supervisor has asked of its launcher and waits for, by the number under which the answer comes. */
import type { Clock } from '../clock.ts'
import { type LATE, within } from './deadline.ts'
import { held } from './held.ts'
import type { Request } from './protocol.ts'

interface Question {
  readonly request: Request
  readonly resolve: (answer: never) => void
}

export class Questions {
  readonly #clock: Clock
  readonly #open = new Map<number, Question>()
  #lastId = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Asks, and waits for the answer: until `withinMs` have passed, then it is {@link LATE}. */
  async ask<T>(
    request: (id: number) => Request,
    send: (request: Request) => void,
    withinMs: number,
  ): Promise<T | typeof LATE> {
    const id = ++this.#lastId
    const asked = new Promise<T>((resolve) => {
      this.#open.set(id, { request: request(id), resolve })
    })
    send(request(id))
    try {
      return await held(within(this.#clock, asked, withinMs))
    } finally {
      this.#open.delete(id)
    }
  }

  answered(id: number, answer: unknown): void {
    this.#open.get(id)?.resolve(answer as never)
  }

  /** What a launcher that knows nothing yet is to be asked again. */
  *open(): Generator<Request> {
    for (const { request } of this.#open.values()) yield request
  }
}

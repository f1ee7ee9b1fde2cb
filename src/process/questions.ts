/** What a supervisor has asked of its launcher and waits for, by the number under which the answer comes. */
import type { Clock } from '../clock.ts'
import { type LATE, within } from './deadline.ts'
import { held } from './held.ts'
import type { Request } from './protocol.ts'

/** The launcher that was asked is gone. */
export const LOST = Symbol('lost')

interface Question {
  readonly request: Request
  readonly resolve: (answer: never) => void
  /** Asked again of a new launcher; else it is lost with the old one. */
  readonly again: boolean
  /** A launcher was there to be asked. */
  asked: boolean
}

export class Questions {
  readonly #clock: Clock
  /** Whether there is a launcher that takes it. */
  readonly #send: (request: Request) => boolean
  readonly #open = new Map<number, Question>()
  #lastId = 0

  constructor(clock: Clock, send: (request: Request) => boolean) {
    this.#clock = clock
    this.#send = send
  }

  /** Asks, of a new launcher again, and waits for the answer: after `withinMs` it is {@link LATE}. */
  ask<T>(request: (id: number) => Request, withinMs: number): Promise<T | typeof LATE> {
    return this.#ask<T>(request, withinMs, true)
  }

  /** Asks one launcher; what was under way in it when it died is {@link LOST}. */
  once<T>(request: (id: number) => Request, withinMs: number): Promise<T | typeof LATE | typeof LOST> {
    return this.#ask<T | typeof LOST>(request, withinMs, false)
  }

  answered(id: number, answer: unknown): void {
    this.#open.get(id)?.resolve(answer as never)
  }

  /** The launcher is gone. */
  lost(): void {
    for (const { again, asked, resolve } of [...this.#open.values()])
      if (asked && !again) resolve(LOST as never)
  }

  /** What a launcher that knows nothing yet is to be asked. */
  *open(): Generator<Request> {
    for (const question of this.#open.values()) {
      if (question.asked && !question.again) continue
      question.asked = true
      yield question.request
    }
  }

  async #ask<T>(
    request: (id: number) => Request,
    withinMs: number,
    again: boolean,
  ): Promise<T | typeof LATE> {
    const id = ++this.#lastId
    const question = request(id)
    const answer = new Promise<T>((resolve) => {
      this.#open.set(id, { request: question, resolve, again, asked: this.#send(question) })
    })
    try {
      return await held(within(this.#clock, answer, withinMs))
    } finally {
      this.#open.delete(id)
    }
  }
}

/** How long an agent may live, over all its lives: a warning at 0.8 of its `ttl`, the end at 1. */
import { WARNING_AT } from '../../machines/budget.ts'
import type { Planned } from './agenda.ts'

export class Lifetime implements Planned {
  readonly agentId: string
  plannedMs = Number.POSITIVE_INFINITY
  readonly #startMs: number
  readonly #ttlMs: number
  #warned: boolean

  constructor(agentId: string, startMs: number, ttlMs: number, warned = false) {
    this.agentId = agentId
    this.#startMs = startMs
    this.#ttlMs = ttlMs
    this.#warned = warned
  }

  nextMs(): number {
    return this.#startMs + (this.#warned ? this.#ttlMs : WARNING_AT * this.#ttlMs)
  }

  /** What its moment says. One that passed both at once has only run out. */
  verdict(nowMs: number): 'expiring' | 'expired' {
    this.#warned = true
    return nowMs >= this.#startMs + this.#ttlMs ? 'expired' : 'expiring'
  }

  elapsedMs(nowMs: number): number {
    return Math.round(nowMs - this.#startMs)
  }
}

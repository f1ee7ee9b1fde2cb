/**
 * A socket between two processes of the simulated machine: bytes arrive late, in order, torn at any place, and what
 * was written before an end is heard. As much of Node's `Socket` as the product uses.
 */
import { EventEmitter } from 'node:events'
import type { Dice } from './dice.ts'
import type { Party, Time } from './time.ts'

export class Wire extends EventEmitter {
  readonly #time: Time
  readonly #dice: Dice
  readonly #owner: Party
  /** Sees every line that is written here, and may keep it from going out. */
  readonly #tap: (line: string) => boolean
  #peer: Wire | undefined
  #lastAtMs = 0
  writable = true
  destroyed = false
  readonly writableLength = 0

  private constructor(time: Time, dice: Dice, owner: Party, tap: (line: string) => boolean) {
    super()
    this.#time = time
    this.#dice = dice
    this.#owner = owner
    this.#tap = tap
  }

  static pair(
    time: Time,
    dice: Dice,
    a: { owner: Party; tap: (line: string) => boolean },
    b: { owner: Party; tap: (line: string) => boolean },
  ): readonly [Wire, Wire] {
    const one = new Wire(time, dice.fork('there'), a.owner, a.tap)
    const other = new Wire(time, dice.fork('back'), b.owner, b.tap)
    one.#peer = other
    other.#peer = one
    return [one, other]
  }

  write(text: string): boolean {
    if (!this.writable || this.#owner.dead) return false
    const lines = text.split('\n').slice(0, -1)
    const sent = lines.filter((line) => this.#tap(line)).map((line) => `${line}\n`)
    const whole = sent.join('')
    const cut = this.#dice.chance(0.1) ? this.#dice.between(0, whole.length) : whole.length
    for (const part of [whole.slice(0, cut), whole.slice(cut)])
      if (part !== '') this.#send((peer) => !peer.destroyed && peer.emit('data', part))
    return true
  }

  end(text = '', done: () => void = () => {}): void {
    if (text !== '') this.write(text)
    this.writable = false
    this.#send((peer) => peer.destroy())
    this.#time.physical.setTimeout(() => this.#owner.deliver(done), 1)
    this.#time.physical.setTimeout(() => this.destroy(), 2)
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.writable = false
    this.#send((peer) => peer.destroy())
    this.#time.physical.setTimeout(() => this.#owner.deliver(() => this.emit('close')), 0)
  }

  setEncoding(): void {}
  unref(): void {}
  ref(): void {}

  #send(fn: (peer: Wire) => void): void {
    const peer = this.#peer
    if (!peer) return
    const latencyMs = this.#dice.chance(0.05) ? this.#dice.between(1, 8) : this.#dice.next()
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#time.nowMs + latencyMs)
    this.#time.physical.setTimeout(() => peer.#owner.deliver(() => fn(peer)), this.#lastAtMs - this.#time.nowMs)
  }
}

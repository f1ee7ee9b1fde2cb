/**
 * A socket between two processes of the simulated machine: bytes arrive late, in order, torn at any place, and what
 * was written before an end is heard. As much of Node's `Socket` as the product uses.
 */
import { EventEmitter } from 'node:events'
import type { Dice } from '../dice.ts'
import { mayAct, type Party } from '../party.ts'
import type { Time } from '../time.ts'

export interface WireEnd {
  readonly owner: Party
  /** Sees every line that is written here, and may keep it from going out. */
  readonly tap: (line: string) => boolean
}

export class Wire extends EventEmitter {
  readonly #time: Time
  readonly #dice: Dice
  readonly #end: WireEnd
  #peer: Wire | undefined
  #lastAtMs = 0
  writable = true
  destroyed = false
  readonly writableLength = 0

  private constructor(time: Time, dice: Dice, end: WireEnd) {
    super()
    this.#time = time
    this.#dice = dice
    this.#end = end
    // What was written is heard; then the kernel closes what it held.
    end.owner.whenDead(() => this.#send((peer) => peer.destroy()))
  }

  static pair(time: Time, dice: Dice, a: WireEnd, b: WireEnd): readonly [Wire, Wire] {
    const one = new Wire(time, dice.fork('there'), a)
    const other = new Wire(time, dice.fork('back'), b)
    one.#peer = other
    other.#peer = one
    return [one, other]
  }

  write(text: string): boolean {
    if (!this.writable || !mayAct()) return false
    const lines = text.split('\n').slice(0, -1)
    const sent = lines.filter((line) => this.#end.tap(line)).map((line) => `${line}\n`)
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
    this.#later(1, done)
    this.#later(2, () => this.destroy())
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.writable = false
    this.#send((peer) => peer.destroy())
    this.#later(0, () => this.emit('close'))
  }

  setEncoding(): void {}
  unref(): void {}
  ref(): void {}

  #later(ms: number, fn: () => void): void {
    this.#time.after(ms, () => this.#end.owner.deliver(fn))
  }

  #send(fn: (peer: Wire) => void): void {
    const peer = this.#peer
    if (!peer) return
    const latencyMs = this.#dice.chance(0.05) ? this.#dice.between(1, 8) : this.#dice.next()
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#time.nowMs + latencyMs)
    this.#time.after(this.#lastAtMs - this.#time.nowMs, () => peer.#end.owner.deliver(() => fn(peer)))
  }
}

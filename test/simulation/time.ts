/**
 * The world's one time: a heap of what is due. Nothing in it waits for the real world, and what is due at the same
 * moment happens in the order in which it was set.
 */

export interface Due {
  readonly atMs: number
  readonly order: number
  /** `undefined` once it is taken back. */
  fn: (() => void) | undefined
}

/** So much in one moment is a loop that will never end. */
const MOST_AT_ONCE = 100_000

export class Time {
  nowMs = 0
  /** 1970-based, of the machine. It may be stepped; nothing but dates depends on it. */
  wallOffsetMs = Date.UTC(2026, 0, 1)
  #order = 0
  readonly #heap: Due[] = []

  get wallMs(): number {
    return this.wallOffsetMs + this.nowMs
  }

  after(ms: number, fn: () => void): Due {
    const due: Due = { atMs: this.nowMs + Math.max(0, ms), order: ++this.#order, fn }
    this.#push(due)
    return due
  }

  /** Goes forward, from each moment at which something is due to the next. `halted` ends it before its time. */
  advance(ms: number, halted: () => boolean): void {
    const untilMs = this.nowMs + ms
    let atOnce = 0
    for (let due = this.#heap[0]; due && due.atMs <= untilMs; due = this.#heap[0]) {
      this.#pop()
      if (!due.fn) continue
      atOnce = due.atMs > this.nowMs ? 0 : atOnce + 1
      if (atOnce > MOST_AT_ONCE) throw new Error(`time stands still at ${this.nowMs} ms: something spins`)
      this.nowMs = Math.max(this.nowMs, due.atMs)
      const { fn } = due
      due.fn = undefined
      fn()
      if (halted()) return
    }
    this.nowMs = untilMs
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(due)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as Due
      if (!isBefore(due, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Due
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const right = heap[below + 1]
      if (right && isBefore(right, heap[below] as Due)) below += 1
      const child = heap[below]
      if (!child || !isBefore(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

const isBefore = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/**
 * One timer for any number of moments that mostly move away before they come.
 *
 * A heartbeat moves its deadline and must cost nothing, so nothing here is told of it: each item is asked for its
 * moment when the timer fires. What falls due within the coming second stands in a short sorted list; all items
 * are asked once a second, no more often.
 */
import { type Clock, LATE_MS, type Timer } from '../clock.ts'

/** How far ahead the sorted list reaches, and so how often every item is asked. */
const HORIZON_MS = 1000

export interface Planned {
  /** Monotonic time at which something is to be done about it; `Infinity`: nothing. */
  nextMs(): number
  /** Where it stands in the list. The agenda's own note; starts at `Infinity`. */
  plannedMs: number
}

export interface AgendaOptions<T extends Planned> {
  readonly clock: Clock
  /** Visits every item that is kept. */
  readonly each: (visit: (item: T) => void) => void
  /** How many those are; with none there is no timer. */
  readonly size: () => number
  /** Their moment has come. */
  readonly due: (items: readonly T[], nowMs: number) => void
  /** The loop was held up for this long. Called before anything is held to be due. */
  readonly late: (lostMs: number, nowMs: number) => void
}

interface Line<T> {
  readonly atMs: number
  readonly item: T
}

export class Agenda<T extends Planned> {
  readonly #options: AgendaOptions<T>
  readonly #clock: Clock
  /** Sorted, the earliest last. May hold lines that their items have left. */
  #near: Line<T>[] = []
  #timer: Timer | undefined
  #armedMs = Number.POSITIVE_INFINITY
  /** What it was armed for; the timer itself keeps whole milliseconds. */
  #targetMs = Number.POSITIVE_INFINITY
  /** How long before that the timer was set: the loop ran then. */
  #aheadMs = 0
  #scanMs = 0

  constructor(options: AgendaOptions<T>) {
    this.#options = options
    this.#clock = options.clock
  }

  /** An item is new, or its moment may have come nearer. Not needed when it moved away. */
  plan(item: T): void {
    const nowMs = this.#clock.now()
    if (this.#timer === undefined) this.#scanMs = nowMs + HORIZON_MS
    const nextMs = item.nextMs()
    if (nextMs < item.plannedMs && nextMs < this.#scanMs) this.#list(item, nextMs)
    this.#arm(nowMs)
  }

  /** Something was taken out: without anything left the timer goes too. */
  settle(): void {
    if (this.#options.size() === 0) this.close()
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#armedMs = Number.POSITIVE_INFINITY
    this.#near = []
  }

  #tick(): void {
    const nowMs = this.#clock.now()
    const lateMs = nowMs - this.#armedMs
    this.#timer = undefined
    this.#armedMs = Number.POSITIVE_INFINITY
    const due: T[] = []
    // A long pause began before the tick was due, nobody knows when: at the earliest when the timer was set.
    const lostMs = lateMs > HORIZON_MS ? lateMs + this.#aheadMs : lateMs
    if (lateMs > LATE_MS) this.#options.late(lostMs, nowMs)
    if (nowMs >= this.#scanMs) this.#scan(nowMs)
    for (let line = this.#near.at(-1); line !== undefined && line.atMs <= nowMs; line = this.#near.at(-1)) {
      this.#near.pop()
      if (line.item.plannedMs !== line.atMs) continue
      line.item.plannedMs = Number.POSITIVE_INFINITY
      const nextMs = line.item.nextMs()
      if (nextMs <= nowMs) due.push(line.item)
      else if (nextMs < this.#scanMs) this.#list(line.item, nextMs)
    }
    this.#arm(nowMs)
    if (due.length > 0) this.#options.due(due, nowMs)
  }

  #scan(nowMs: number): void {
    this.#scanMs = nowMs + HORIZON_MS
    const near: Line<T>[] = []
    this.#options.each((item) => {
      const nextMs = item.nextMs()
      const soon = nextMs < this.#scanMs
      item.plannedMs = soon ? nextMs : Number.POSITIVE_INFINITY
      if (soon) near.push({ atMs: nextMs, item })
    })
    this.#near = near.sort((a, b) => b.atMs - a.atMs)
  }

  #list(item: T, atMs: number): void {
    item.plannedMs = atMs
    let low = 0
    let high = this.#near.length
    while (low < high) {
      const middle = (low + high) >> 1
      const line = this.#near[middle]
      if (line !== undefined && line.atMs > atMs) low = middle + 1
      else high = middle
    }
    this.#near.splice(low, 0, { atMs, item })
  }

  #arm(nowMs: number): void {
    if (this.#options.size() === 0) return
    const targetMs = Math.min(this.#near.at(-1)?.atMs ?? Number.POSITIVE_INFINITY, this.#scanMs)
    // An overdue timer fires next, and knows how late it is; one armed anew would not.
    if (this.#timer !== undefined && (this.#targetMs <= targetMs || this.#armedMs <= nowMs)) return
    this.#clock.clearTimeout(this.#timer)
    // Whole milliseconds: Node keeps a list of timers per distinct delay.
    const delayMs = Math.max(0, Math.ceil(targetMs - nowMs))
    this.#armedMs = nowMs + delayMs
    this.#targetMs = targetMs
    this.#aheadMs = delayMs
    this.#timer = this.#clock.setTimeout(() => this.#tick(), delayMs)
  }
}

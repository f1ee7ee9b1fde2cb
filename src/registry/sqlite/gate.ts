/**
 * Whether the worker is within SQLite. A thread that is ended there aborts the whole process, host and all: the addon
 * cannot throw into an environment that is going, and what it throws nobody catches. So the worker says when it goes in, and
 * whoever ends it shuts the gate first; inside, the thread ends by itself once it comes out.
 */
const INSIDE = 0
const SHUT = 1

export class Gate {
  readonly memory: SharedArrayBuffer
  readonly #cells: Int32Array

  constructor(memory = new SharedArrayBuffer(8)) {
    this.memory = memory
    this.#cells = new Int32Array(memory)
  }

  /** The worker goes in; `false`: it may not any more. Whoever goes in says so before looking, so none slips through. */
  enter(): boolean {
    Atomics.store(this.#cells, INSIDE, 1)
    if (Atomics.load(this.#cells, SHUT) === 0) return true
    return this.leave()
  }

  /** The worker is out; `false`: for good. */
  leave(): boolean {
    Atomics.store(this.#cells, INSIDE, 0)
    Atomics.notify(this.#cells, INSIDE)
    return Atomics.load(this.#cells, SHUT) === 0
  }

  /** Nobody goes in from now on. Answers whether nobody is inside: then the thread may be ended. */
  shut(): boolean {
    Atomics.store(this.#cells, SHUT, 1)
    return Atomics.load(this.#cells, INSIDE) === 0
  }

  /** Blocks this thread until nobody is inside, or the time is over. To be called when shut. */
  waitUntilEmpty(ms: number): void {
    Atomics.wait(this.#cells, INSIDE, 1, ms)
  }
}

/** A promise with its handles outside. One that is rejected while nobody waits for it is no unhandled rejection. */
export class Deferred<T> {
  readonly promise: Promise<T>
  settled = false
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void

  constructor() {
    let handles: [(value: T) => void, (error: unknown) => void] | undefined
    this.promise = new Promise<T>((resolve, reject) => {
      handles = [resolve, reject]
    })
    const [resolve, reject] = handles as unknown as [(value: T) => void, (error: unknown) => void]
    this.#resolve = resolve
    this.#reject = reject
    this.promise.catch(() => {
      // Whoever awaits it hears of it; whoever does not has `record.error`.
    })
  }

  resolve(value: T): void {
    this.settled = true
    this.#resolve(value)
  }

  reject(error: unknown): void {
    this.settled = true
    this.#reject(error)
  }
}

/**
 * `true` when the promise settled in time, `false` when the time ran out. A rejection is passed on. It holds the event
 * loop meanwhile: someone awaits it, and the clock's own timers do not.
 */
export async function within(
  promise: Promise<unknown>,
  limitMs: number,
  clock: { setTimeout(fn: () => void, ms: number): unknown; clearTimeout(timer: unknown): void },
): Promise<boolean> {
  const hold = setInterval(() => {}, 2 ** 30)
  let timer: unknown
  const late = new Promise<false>((resolve) => {
    timer = clock.setTimeout(() => resolve(false), limitMs)
  })
  try {
    return await Promise.race([promise.then(() => true as const), late])
  } finally {
    clock.clearTimeout(timer)
    clearInterval(hold)
  }
}

/**
 * Waiting for promises that may settle in weeks, on behalf of people who may leave in seconds: each promise is waited
 * for once, and who leaves is forgotten at once.
 */

type Waiter = (settled: PromiseSettledResult<unknown>) => void

const waiters = new WeakMap<Promise<unknown>, Set<Waiter>>()

/** As the promise settles; rejects with the signal's reason when that is aborted first. */
export function awaited<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const all = waiters.get(promise) ?? begin(promise)
  return new Promise((resolve, reject) => {
    const leave = () => {
      all.delete(waiter)
      reject(signal.reason)
    }
    const waiter: Waiter = (settled) => {
      signal.removeEventListener('abort', leave)
      if (settled.status === 'fulfilled') resolve(settled.value as T)
      else reject(settled.reason)
    }
    if (signal.aborted) return leave()
    all.add(waiter)
    signal.addEventListener('abort', leave, { once: true })
  })
}

function begin(promise: Promise<unknown>): Set<Waiter> {
  const all = new Set<Waiter>()
  waiters.set(promise, all)
  void Promise.allSettled([promise]).then(([settled]) => {
    waiters.delete(promise)
    for (const waiter of all) waiter(settled)
  })
  return all
}

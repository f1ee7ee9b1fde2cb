/** Long work in short turns: the event loop is given back in between. */
import { realClock } from '../clock.ts'

/** The longest turn, in milliseconds; one item more is always finished. */
const TURN_MS = 1

/** What `fn` makes of each item, in order. Nothing is awaited as long as it fits into one turn. */
export async function mapInTurns<T, U>(items: readonly T[], fn: (item: T) => U): Promise<U[]> {
  const made: U[] = []
  let sinceMs = realClock.now()
  for (const item of items) {
    made.push(fn(item))
    if (realClock.now() - sinceMs < TURN_MS) continue
    await new Promise<void>((resolve) => setImmediate(resolve))
    sinceMs = realClock.now()
  }
  return made
}

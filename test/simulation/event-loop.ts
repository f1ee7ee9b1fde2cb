/**
 * What stands in for Node's event loop: `setImmediate` is a turn of whoever called it, at the same moment, and nobody
 * gets a real timer.
 */
import { runningParty } from './party.ts'
import type { Due } from './time.ts'

const real = { setImmediate, clearImmediate, setTimeout, clearTimeout, setInterval, clearInterval }

function refused(): never {
  throw new Error('a real timer was asked for within the simulation')
}

const simulated = {
  setImmediate: (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
    runningParty()?.nextTurn(() => callback(...args)),
  clearImmediate: (due: Due | undefined) => {
    if (due) due.fn = undefined
  },
  setTimeout: refused,
  clearTimeout: () => {},
  // The roster holds the real loop with one; there is none to hold.
  setInterval: () => undefined,
  clearInterval: () => {},
}

/** Runs `fn` to its end in a turn of the real loop, where its microtasks run when a party's turn ends, not later. */
export function inSimulatedLoop<T>(fn: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    real.setImmediate(() => {
      Object.assign(globalThis, simulated)
      try {
        resolve(fn())
      } catch (cause) {
        reject(cause)
      } finally {
        Object.assign(globalThis, real)
      }
    })
  })
}

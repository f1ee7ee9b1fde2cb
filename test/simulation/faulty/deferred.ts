/** Promises and their limits, with faults put in on purpose. */
export * from '../../../src/deferred.ts'

import * as real from '../../../src/deferred.ts'
import { isBroken } from '../here.ts'

export class Deferred<T> extends real.Deferred<T> {
  override reject(error: unknown): void {
    if (isBroken('ready-lies')) super.resolve((error as { record: T }).record)
    else super.reject(error)
  }
}

export const within: typeof real.within = (promise, limitMs, clock) =>
  isBroken('no-limits') ? promise.then(() => true) : real.within(promise, limitMs, clock)

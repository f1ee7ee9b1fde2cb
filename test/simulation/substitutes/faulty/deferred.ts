/** Promises, with faults put in on purpose. */
export * from '../../../../src/deferred.ts'
import { Deferred as RealDeferred } from '../../../../src/deferred.ts'
import { isBroken } from '../../here.ts'

export class Deferred<T> extends RealDeferred<T> {
  override reject(error: unknown): void {
    if (isBroken('ready-lies')) super.resolve((error as { record: T }).record)
    else super.reject(error)
  }
}

/** A watched life, with faults put in on purpose. */
export * from '../../../src/health/watched.ts'

import { Watched as RealWatched } from '../../../src/health/watched.ts'
import { isBroken } from '../here.ts'

export class Watched extends RealWatched {
  override act(...args: Parameters<RealWatched['act']>): void {
    if (isBroken('no-patience')) this.beatMs = args[1]
    else super.act(...args)
  }
}

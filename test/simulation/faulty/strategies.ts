/** Who goes with whom, with faults put in on purpose. */
export * from '../../../machines/strategies.ts'

import * as real from '../../../machines/strategies.ts'
import { isBroken } from '../here.ts'

export const affectedBy: typeof real.affectedBy = (strategy, members, failed) => {
  if (strategy === 'one_for_all' && isBroken('siblings-stay')) return [failed]
  return real.affectedBy(isBroken('rest-takes-all') ? 'one_for_all' : strategy, members, failed)
}

export const shutsDown: typeof real.shutsDown = (...args) =>
  !isBroken('significance-unheeded') && real.shutsDown(...args)

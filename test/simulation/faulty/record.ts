/** The fold of entries, with faults put in on purpose. */
export * from '../../../src/registry/record.ts'

import * as real from '../../../src/registry/record.ts'
import { isBroken } from '../here.ts'

export const fold: typeof real.fold = (record, entry) => {
  const folded = real.fold(record, entry)
  return isBroken('dead-listed-alive') && folded.state === 'reaping'
    ? { ...folded, alive: true, pid: entry.pid ?? record?.pid ?? null }
    : folded
}

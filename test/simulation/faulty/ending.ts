/** Asking for ends, with faults put in on purpose. */
export * from '../../../src/ending.ts'

import * as real from '../../../src/ending.ts'
import { here, isBroken } from '../here.ts'

export const endAgent: typeof real.endAgent = (...args) => {
  const asked = real.endAgent(...args)
  if (!isBroken('hung-stop') || !here().chances.chance(0.2)) return asked
  asked.catch(() => {})
  return new Promise(() => {})
}

/** Starting a launcher on the simulated machine: what stands in for `src/process/helper-process.ts`. */
import type * as real from '../../../src/process/helper-process.ts'
import { here } from '../here.ts'

export const startHelper: typeof real.startHelper = ({ home, launcherId }) =>
  here().launchers.start(home, launcherId)

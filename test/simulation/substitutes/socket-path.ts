/** A socket is found by the id of who listens: what stands in for `src/process/socket-path.ts`. */
import type * as real from '../../../src/process/socket-path.ts'

export const socketPath: typeof real.socketPath = (_home, launcherId) => ({
  address: launcherId,
  path: launcherId,
  close: () => {},
})
export const launcherLog: typeof real.launcherLog = (_home, launcherId) => `${launcherId}.log`

/** `node:net` of the simulated machine: sockets of launchers, by their path. */
import { here } from '../here.ts'

export const simulated = {
  connect: (path: string): unknown => here().launchers.connect(path),
}

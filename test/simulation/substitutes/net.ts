/** `connect` of the simulated machine: what `src/process/connection.ts` gets for `node:net`. */
import { here } from '../here.ts'

export const connect = (launcherId: string): unknown => here().launchers.connect(launcherId)

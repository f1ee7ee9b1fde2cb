/** `reeve/daemon`: run a daemon in this process, start one in the background, find the one that runs. */
export { type Daemon, runDaemon } from './daemon.ts'
export type { DaemonOptions } from './daemon-options.ts'
export { doctor, type Finding } from './doctor.ts'
export { type DaemonStatus, findDaemon } from './reach.ts'
export { type Started, startDaemon } from './start.ts'

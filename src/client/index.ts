/** `reeve/client`: speak with the daemon of this user, from any directory. */
export { ERRORS, type ErrorCode, ReeveError } from '../errors.ts'
export { RemoteAgent } from './agent.ts'
export { ReeveClient, type ShutdownOptions, type ShutdownResult } from './client.ts'
export { type ConnectOptions, connect } from './connect.ts'
export { RemoteGroup } from './group.ts'

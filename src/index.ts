/** `reeve`: supervise agents from within a Node app. */
export type {
  Activity,
  AgentState,
  EndState,
  Entry,
  EntryEvent,
  ErrorInfo,
  Evidence,
  Exit,
  LiveState,
  Reason,
  ReasonKind,
  Usage,
  WaitingOn,
} from '../machines/events.ts'
export type { Agent } from './agent.ts'
export type { AgentHealth, Health } from './agent-health.ts'
export { type Clock, SteppingClock } from './clock.ts'
export type { Duration } from './duration.ts'
export { ERRORS, type ErrorCode, ReeveError } from './errors.ts'
export type { Group } from './group.ts'
export type { GroupOptions, StopGroupOptions, StopGroupResult } from './group-options.ts'
export type { GroupEnd, GroupRecord, GroupState } from './group-record.ts'
export type {
  CancelOptions,
  KillOptions,
  KillResult,
  KillStalledOptions,
  KillStalledResult,
  StopOptions,
} from './kill.ts'
export type { SupervisorEvents, Warning } from './listeners.ts'
export { sentenceOf } from './observe/sentence.ts'
export type { SupervisorOptions } from './options.ts'
export type {
  AgentHandle,
  Awaitable,
  EntriesOptions,
  GroupHandle,
  LogOptions,
  Reeve,
  Selection,
} from './reeve.ts'
export type { SinkFailure } from './registry/journal.ts'
export { type MemoryRegistryOptions, memoryRegistry } from './registry/memory.ts'
export { type AgentRecord, fold, matches, type RecordFilter } from './registry/record.ts'
export type { Place, Registry, RegistrySink } from './registry/registry.ts'
export type { StopSupervisorOptions, StopSupervisorResult } from './shutdown.ts'
export { type AgentDefaults, type AgentSpec, type CleanupHook, DEFAULTS } from './spec.ts'
export { stopOnSignals } from './stop-on-signals.ts'
export {
  createSupervisor,
  type Supervisor,
} from './supervisor.ts'

/** `reeve/machines`: the pure heart, for those who draw it, test against it, or watch it in an inspector. */
export { agentMachine } from './agent.ts'
export * from './budget.ts'
export * from './children.ts'
export * from './context.ts'
export * from './effects.ts'
export * from './escalation.ts'
export * from './events.ts'
export * from './keeping.ts'
export * from './lanes.ts'
export * from './members.ts'
export * from './restart.ts'
export * from './strategies.ts'
export {
  type SupervisorContext,
  type SupervisorEmitted,
  type SupervisorEvent,
  supervisorMachine,
} from './supervisor.ts'

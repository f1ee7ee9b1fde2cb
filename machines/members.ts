/**
 * Whom one supervisor keeps, the root or a group: agents and groups, in one mutable structure. The children's logic
 * writes it, the supervisor's guards read it; nothing of it is ever copied.
 */
import type { ActorRefFrom, AnyActorRef } from 'xstate'
import type { agentMachine } from './agent.ts'
import type { LifePolicy } from './context.ts'
import type { AgentState, Exit, Reason } from './events.ts'
import type { Intensity, RestartHistory, RestartPolicy } from './restart.ts'
import type { AutoShutdown, Placed, Strategy } from './strategies.ts'

/** An agent to be kept, as its supervisor asks for it. */
export interface ChildSpec {
  readonly agentId: string
  readonly name: string
  readonly life: LifePolicy
  readonly restart: RestartPolicy
  /** 1 for a new agent; one more than its last for an ended one that starts again. */
  readonly incarnation: number
  /** The state it comes from: `null` for a new agent. */
  readonly from: AgentState | null
  /** The path of its group; absent: the root keeps it. */
  readonly group?: string
  /** Its place among its siblings, the same in all its lives; absent: the last. */
  readonly order?: number
  /** Its end may be the end of its group: see `autoShutdown`. */
  readonly significant?: boolean
}

/** A group to be kept. */
export interface GroupSpec {
  /** Its name, after those of the groups around it: `crew/inner`. */
  readonly path: string
  readonly order?: number
  readonly strategy: Strategy
  /** Of all its members together. */
  readonly intensity: Intensity | false
  readonly autoShutdown: AutoShutdown
  /** What its parent does when it gives up, which is its crash, or shuts itself down, which is its completion. */
  readonly restart: RestartPolicy
  readonly significant: boolean
}

/** What is wanted of an agent once its present life is over. */
export type Intent = 'by_policy' | 'end' | 'again'

export interface Child extends Placed {
  readonly kind: 'agent'
  readonly spec: ChildSpec
  readonly significant: boolean
  incarnation: number
  /** The present life's actor; `null` between two lives. */
  ref: ActorRefFrom<typeof agentMachine> | null
  /** The state last told. */
  state: AgentState | null
  intent: Intent
  /** Why the end of this life was asked for, by the strongest of those who did: intent, said of one too that had exited. */
  asked: Reason | null
  history: RestartHistory
  /** The exit of this life as it arrived: a fault while it was being processed must not lose it. */
  exit: Exit | null
  faulted: boolean
  /** It had a life. */
  begun: boolean
  /** It was `running` once: its siblings may depend on it. */
  wasReady: boolean
}

export interface GroupChild extends Placed {
  readonly kind: 'group'
  readonly spec: GroupSpec
  readonly significant: boolean
  readonly ref: AnyActorRef
  /** Not all of its members have been ended. */
  up: boolean
  history: RestartHistory
}

export type Member = Child | GroupChild

/** Where an agent of a group, or a group, is to be found. */
export interface Place {
  readonly children: Children
  /** The actor of these children: what is asked of their agents goes there, past the groups around it. */
  readonly keeper: AnyActorRef
  /** The actor of the group itself. */
  readonly group: AnyActorRef
}

/** What the root and all groups under it have together. */
export interface Shared {
  /** All entries are told to it. */
  readonly root: AnyActorRef
  /** Agents in groups by id, groups by `/` and their path. */
  readonly places: Map<string, Place>
  /** Ends that the root has still to hear of: it counts them down as it tells them on. */
  untold: number
  /** The last place that was given to one who came without. */
  lastOrder: number
}

export interface Children {
  readonly byId: Map<string, Child>
  readonly groups: Map<string, GroupChild>
  /** `null`: the root's. */
  readonly group: GroupSpec | null
  readonly shared: Shared
  /** All are ended: those that would come back wait until this supervisor is started again, or do not come back. */
  closing: false | 'for_now' | 'for_good'
  /** Some are ended and started together. */
  regrouping: boolean
  /** Those that are still to be told to end, the first to be told last. */
  toEnd: Member[]
  /** The one that is waited for: it was told to end, or is starting. */
  current: { readonly member: Member; readonly ending: boolean } | null
  /** Those that are down, and will be started in their order. */
  readonly due: Set<Member>
  /** How many are not down. */
  live: number
  /** Monotonic milliseconds of the restarts that the window of the group's intensity still holds. */
  restartsMs: readonly number[]
  /** When all had started, in monotonic milliseconds. */
  upSinceMs: number
}

export const newChildren = (group: GroupSpec | null, shared: Shared, nowMs: number): Children => ({
  byId: new Map(),
  groups: new Map(),
  group,
  shared,
  closing: false,
  regrouping: false,
  toEnd: [],
  current: null,
  due: new Set(),
  live: 0,
  restartsMs: [],
  upSinceMs: nowMs,
})

export const membersOf = (children: Children): Member[] => [
  ...children.byId.values(),
  ...children.groups.values(),
]

/** It has a life, or members that have one. */
export const isLive = (member: Member): boolean => (member.kind === 'agent' ? member.ref !== null : member.up)

/** It has not ended. */
export const isKept = ({ byId, groups }: Children, member: Member): boolean =>
  member.kind === 'agent' ? byId.get(member.spec.agentId) === member : groups.get(member.spec.path) === member

/** Nothing of one is undone by another: they are ended and started side by side. */
export const isOneForOne = ({ group }: Children): boolean =>
  group === null || group.strategy === 'one_for_one'

/** How a group stands in `places`. No agent's id holds a slash. */
export const placeOf = (path: string): string => `/${path}`

/** An agent that has not ended, in whichever group. */
export const childOf = (root: Children, agentId: string): Child | undefined =>
  root.byId.get(agentId) ?? root.shared.places.get(agentId)?.children.byId.get(agentId)

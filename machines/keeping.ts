/** The words between a supervisor, the root or a group, and the logic of its children. */
import type { ActorScope, AnyActorRef, Snapshot } from 'xstate'
import type { Adoption } from './context.ts'
import type { EntryDraft, Exit, LifeAnswer, StopRequest } from './events.ts'
import type { Children, ChildSpec, GroupSpec, Intent } from './members.ts'
import type { Regroup, RegroupingRequest } from './regrouping.ts'
import type { RestartHistory } from './restart.ts'

export type AgentRequest =
  | ({ readonly type: 'STOP' | 'KILL'; readonly agentId: string } & StopRequest)
  | ({ readonly type: 'RESTART'; readonly agentId: string } & StopRequest)

/** An exit told by someone who knows the agent and not its incarnation: the present life's. */
export interface HeardExit {
  readonly type: 'EXITED'
  readonly agentId: string
  readonly incarnation?: undefined
  readonly exit: Exit
}

/** An agent that a supervisor before kept, as its log and its launcher tell of it. */
export interface Heir {
  /** Its `from` is the state that the log has it in, its `incarnation` the present life, or the last one. */
  readonly child: ChildSpec
  /** `null` between two lives: `backoffLeftMs` are left of the backoff. */
  readonly life: Adoption | null
  readonly backoffLeftMs: number
  /** Between two lives, in a group whose members go together: it waits for {@link Regroup}. */
  readonly regroups?: boolean
  /** The log is told that it has a new supervisor. */
  readonly told: boolean
  readonly intent: Intent
  readonly history: RestartHistory
}

/** A group to be opened: under the group of this path, or under the root. */
export interface OpenGroup {
  readonly type: 'OPEN'
  readonly group: GroupSpec
  readonly parent?: string
}

/** How a group came down: it gave up, it shut itself down, or its end was asked for. */
export type Outcome = 'crashed' | 'completed' | 'killed'

/** What the actor of a group tells its parent's children. */
export type GroupNews =
  /** All its members have started. */
  | { readonly type: 'GROUP_UP'; readonly path: string }
  /** All are ended. It waits to be started again, or to be ended for good. */
  | ({ readonly type: 'GROUP_DOWN' } & GroupOutput)

/** What the actor of a group leaves behind. */
export interface GroupOutput {
  readonly path: string
  readonly outcome: Outcome
  /** No restart would mend it: it is not tried. */
  readonly hopeless: boolean
  readonly cause: string
}

/** What becomes of a group, told to the root: in all but the first no member lives, and none comes back. */
export interface GroupTold {
  readonly type: 'GROUP_TOLD'
  readonly path: string
  readonly state: 'giving_up' | 'failed' | 'stopped'
  readonly cause: string
}

/** A backoff is over: an agent's, or a group's. */
export type BackoffOver =
  | { readonly type: 'BACKOFF_OVER'; readonly agentId: string; readonly incarnation: number }
  | { readonly type: 'GROUP_BACKOFF_OVER'; readonly path: string }

export type ChildrenEvent =
  | { readonly type: 'SPAWN'; readonly child: ChildSpec }
  | { readonly type: 'ADOPT'; readonly heir: Heir }
  | Regroup
  | OpenGroup
  | AgentRequest
  | LifeAnswer
  | HeardExit
  | BackoffOver
  | RegroupingRequest
  | GroupNews

/** What the children tell the root. `ended`: no further life follows. */
export interface Told {
  readonly type: 'TOLD'
  readonly entry: EntryDraft
  readonly ended: boolean
}

export interface ChildrenPorts {
  readonly now: () => number
  /** In [0, 1): the dice of the jitter. */
  readonly random: () => number
  /** The last resort for a life whose logic failed twice: its tree is killed, nobody waits for an answer. */
  readonly abandon: (life: { agentId: string; incarnation: number }) => void
  readonly fault: (cause: unknown, agentId: string) => void
}

export interface ChildrenInput {
  readonly children: Children
  /** The actor of the supervisor whose children they are. */
  readonly parent: AnyActorRef
  readonly ports: ChildrenPorts
}

export type ChildrenSnapshot = Snapshot<undefined> & { readonly context: ChildrenInput }
export type ChildrenScope = ActorScope<ChildrenSnapshot, ChildrenEvent>

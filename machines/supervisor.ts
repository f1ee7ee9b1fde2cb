/**
 * The root supervisor: one_for_one. It takes what is asked of agents and what is learned of them, hands it to its
 * children, tells every entry on, and ends all of them when it is told to shut down.
 */
import { type AnyActorRef, assign, emit, sendTo, setup } from 'xstate'
import { agentMachine } from './agent.ts'
import {
  type AgentRequest,
  type Children,
  type ChildrenPorts,
  type ChildSpec,
  childrenLogic,
  type HeardExit,
  type Heir,
  type Told,
} from './children.ts'
import { type EntryDraft, isNote, type LifeAnswer, type Reason } from './events.ts'

/** A heartbeat or an exit may be spoken by anyone who holds the actor: it need not know the incarnation. */
export type SupervisorEvent =
  | { readonly type: 'SPAWN'; readonly child: ChildSpec }
  | { readonly type: 'ADOPT'; readonly heir: Heir }
  | AgentRequest
  | LifeAnswer
  | { readonly type: 'HEARTBEAT'; readonly agentId: string; readonly incarnation?: undefined }
  | HeardExit
  | Told
  | {
      readonly type: 'SHUTDOWN'
      readonly reason: Reason
      /** Milliseconds from now after which what still lives is killed. */
      readonly killAfterMs: number
      /** Milliseconds from now after which nothing is waited for any more. */
      readonly giveUpAfterMs: number
    }

export interface SupervisorInput {
  readonly ports: ChildrenPorts
}

export interface SupervisorContext {
  readonly children: Children
  readonly ports: ChildrenPorts
  readonly shutdown: {
    readonly reason: Reason
    readonly killAfterMs: number
    readonly giveUpAfterMs: number
  } | null
  /** Agents that the shutdown has still to signal, last spawned first out. */
  readonly unsignalled: readonly string[]
}

/** What the root emits: each entry, under the kind it is of, and whether its agent has thereby ended. */
export interface SupervisorEmitted {
  readonly type: 'transition' | 'note'
  readonly entry: EntryDraft
  readonly ended: boolean
}

/** How many agents a shutdown signals before it lets the event loop turn. */
const SIGNALS_A_TURN = 200

const supervisor = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorInput,
    emitted: {} as SupervisorEmitted,
  },
  actors: { children: childrenLogic(agentMachine) },
  delays: {
    turn: 0,
    killAfter: ({ context }) => context.shutdown?.killAfterMs ?? 0,
    giveUpAfter: ({ context }) => context.shutdown?.giveUpAfterMs ?? 0,
  },
  guards: {
    allGone: ({ context }) => context.children.byId.size === 0 && context.children.untold === 0,
    allSignalled: ({ context }) => context.unsignalled.length === 0,
    isStalling: ({ context, event }) =>
      'agentId' in event && context.children.byId.get(event.agentId)?.state === 'stalling',
  },
  actions: {
    toChildren: sendTo('children', ({ event }) => event),
    beatToChild: sendTo('children', ({ context, event }) => {
      if (event.type !== 'HEARTBEAT') return event
      const incarnation = event.incarnation ?? context.children.byId.get(event.agentId)?.incarnation ?? 0
      return { ...event, incarnation }
    }),
    tell: emit(({ event }) => {
      const { entry, ended } = event as Told
      return { type: isNote(entry) ? 'note' : 'transition', entry, ended } as SupervisorEmitted
    }),
    countDown: ({ context, event }) => {
      if (event.type === 'TOLD' && event.ended) context.children.untold -= 1
    },
    beginShutdown: assign(({ context, event }) => {
      if (event.type !== 'SHUTDOWN') return {}
      context.children.closing = true
      return { shutdown: event, unsignalled: [...context.children.byId.keys()].reverse() }
    }),
    signalSome: ({ context, self }) => {
      for (const agentId of context.unsignalled.slice(0, SIGNALS_A_TURN))
        askChild(self, 'STOP', agentId, context)
    },
    signalledSome: assign({ unsignalled: ({ context }) => context.unsignalled.slice(SIGNALS_A_TURN) }),
    killRest: ({ context, self }) => {
      for (const agentId of [...context.children.byId.keys()].reverse())
        askChild(self, 'KILL', agentId, context)
    },
    /** Provided by the outside: marks a sign of life. A running agent's beat goes no further. */
    stampHeartbeat: () => {},
  },
})

function askChild(
  self: AnyActorRef,
  type: 'STOP' | 'KILL',
  agentId: string,
  context: SupervisorContext,
): void {
  const reason = context.shutdown?.reason ?? { kind: 'shutdown', by: 'supervisor' }
  self.send({ type, agentId, reason } satisfies AgentRequest)
}

const forward = { actions: 'toChildren' } as const
const answers = {
  SPAWNED: forward,
  SPAWN_FAILED: forward,
  READY: forward,
  STALLED: forward,
  PROBED: forward,
  ACTIVITY: forward,
  SIGNALLED: forward,
  ASKED: forward,
  EXITED: forward,
  SWEPT: forward,
  CLEANED: forward,
  NOTE: forward,
} as const

export const supervisorMachine = supervisor.createMachine({
  id: 'supervisor',
  initial: 'running',
  context: ({ input }) => ({
    children: { byId: new Map(), closing: false, untold: 0 },
    ports: input.ports,
    shutdown: null,
    unsignalled: [],
  }),
  invoke: {
    id: 'children',
    src: 'children',
    input: ({ context, self }) => ({ children: context.children, parent: self, ports: context.ports }),
  },
  on: {
    ...answers,
    STOP: forward,
    KILL: forward,
    HEARTBEAT: [
      { guard: 'isStalling', actions: ['stampHeartbeat', 'beatToChild'] },
      { actions: 'stampHeartbeat' },
    ],
    TOLD: { actions: ['tell', 'countDown'] },
  },
  states: {
    running: {
      on: {
        SPAWN: forward,
        ADOPT: forward,
        RESTART: forward,
        SHUTDOWN: { target: 'stopping', actions: 'beginShutdown' },
      },
    },
    stopping: {
      initial: 'signalling',
      always: { guard: 'allGone', target: 'stopped' },
      after: { killAfter: '.forcing', giveUpAfter: 'stopped' },
      states: {
        signalling: {
          entry: ['signalSome', 'signalledSome'],
          always: { guard: 'allSignalled', target: 'waiting' },
          after: { turn: { target: 'signalling', reenter: true } },
        },
        waiting: {},
        forcing: { entry: 'killRest' },
      },
    },
    stopped: { type: 'final' },
  },
})

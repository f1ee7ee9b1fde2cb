/**
 * A supervisor: the root, and every group. It takes what is asked of agents and what is learned of them, hands it to
 * its children, and ends all of them when it is told to. The root is one_for_one and tells every entry on. A group
 * ends and starts its members together, as its strategy says, and gives up when they fail too often; then its parent
 * decides, as it does for an agent.
 */
import { type AnyActorRef, assign, emit, sendTo, setup } from 'xstate'
import { agentMachine } from './agent.ts'
import { childrenLogic } from './children.ts'
import { type EntryDraft, isNote, type LifeAnswer, type Reason } from './events.ts'
import type {
  AgentRequest,
  ChildrenPorts,
  GroupNews,
  GroupOutput,
  GroupTold,
  HeardExit,
  Heir,
  OpenGroup,
  Outcome,
  Told,
} from './keeping.ts'
import {
  type Children,
  type ChildSpec,
  childOf,
  type GroupSpec,
  isOneForOne,
  membersOf,
  newChildren,
  type Place,
  placeOf,
  type Shared,
} from './members.ts'
import type { EndRequest, Regroup, RegroupingNews } from './regrouping.ts'
import { inOrder } from './strategies.ts'

/** A heartbeat or an exit may be spoken by anyone who holds the actor: it need not know the incarnation. */
export type SupervisorEvent =
  | { readonly type: 'SPAWN'; readonly child: ChildSpec }
  | { readonly type: 'ADOPT'; readonly heir: Heir }
  | Regroup
  | OpenGroup
  | AgentRequest
  | LifeAnswer
  | { readonly type: 'HEARTBEAT'; readonly agentId: string; readonly incarnation?: undefined }
  | HeardExit
  | Told
  | GroupTold
  /** Ends one group and all in it. */
  | ({ readonly type: 'END_GROUP'; readonly path: string } & Limits)
  | ({ readonly type: 'SHUTDOWN' } & Limits)
  | GroupEvent

interface Limits {
  readonly reason: Reason
  /** Milliseconds from now after which what still lives is killed; absent: each ladder has its own time. */
  readonly killAfterMs?: number
  /** Milliseconds from now after which nothing is waited for any more. */
  readonly giveUpAfterMs?: number
}

/** What a group is told by its parent, and by its own children. */
type GroupEvent =
  | ({ readonly type: 'END'; readonly comesBack: boolean } & EndRequest)
  | { readonly type: 'START' }
  | RegroupingNews

export interface SupervisorInput {
  readonly ports: ChildrenPorts
  /** Of a group, which has them from its parent. */
  readonly group?: GroupSpec
  readonly shared?: Shared
}

export interface SupervisorContext {
  readonly children: Children
  readonly ports: ChildrenPorts
  /** Why all are being ended, and by when. */
  readonly ending: EndRequest | null
  /** How long a group waits before it starts again those that it has ended. */
  readonly pauseMs: number
  /** How a group is coming down, and why. */
  readonly outcome: Outcome
  readonly hopeless: boolean
  readonly cause: string
}

/** What the root emits: each entry, under the kind it is of, and whether its agent has thereby ended. */
export type SupervisorEmitted =
  | { readonly type: 'transition' | 'note'; readonly entry: EntryDraft; readonly ended: boolean }
  | { readonly type: 'group'; readonly told: GroupTold }

const MAX_DELAY_MS = 2 ** 31 - 1
const clamp = (ms: number): number => Math.min(Math.max(0, ms), MAX_DELAY_MS)
const untilMs = ({ ports }: SupervisorContext, atMs: number | null | undefined): number =>
  clamp((atMs ?? Number.POSITIVE_INFINITY) - ports.now())

const supervisor = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorInput,
    emitted: {} as SupervisorEmitted,
    output: {} as GroupOutput,
  },
  actors: { children: childrenLogic(agentMachine) },
  delays: {
    turn: 0,
    pause: ({ context }) => clamp(context.pauseMs),
    killAfter: ({ context }) => untilMs(context, context.ending?.killAtMs),
    giveUpAfter: ({ context }) => untilMs(context, context.ending?.giveUpAtMs),
  },
  guards: {
    /** Nothing of it is left, and all of it is told. */
    allGone: ({ context: { children } }) =>
      children.closing === 'for_good' &&
      children.byId.size + children.groups.size === 0 &&
      (children.group !== null || children.shared.untold === 0),
    /** All are down, and wait to be started again. */
    allDown: ({ context: { children } }) =>
      children.closing === 'for_now' && allTold(children) && children.live === 0,
    allTold: ({ context }) => allTold(context.children),
    allStarted: ({ context: { children } }) => children.due.size === 0 && children.current === null,
    isStalling: ({ context, event }) =>
      'agentId' in event && childOf(context.children, event.agentId)?.state === 'stalling',
    moreAbreast: ({ context: { children } }) => isOneForOne(children) && children.toEnd.length > 0,
    oneAfterAnother: ({ context }) => !isOneForOne(context.children),
    killIsDue: ({ context }) => context.ending?.killAtMs != null,
    givingUpIsDue: ({ context }) => context.ending?.giveUpAtMs != null,
    isForGood: ({ event }) => event.type === 'SHUTDOWN' || (event.type === 'END' && !event.comesBack),
    hadGivenUp: ({ context, event }) =>
      context.outcome === 'crashed' && event.type === 'END' && !event.comesBack,
  },
  actions: {
    toChildren: sendTo(
      ({ context, event }) => placeFor(context.children, event)?.keeper ?? 'children',
      ({ event }) => event,
    ),
    beatToChild: sendTo(
      ({ context, event }) => placeFor(context.children, event)?.keeper ?? 'children',
      ({ context, event }) => {
        if (event.type !== 'HEARTBEAT') return event
        const incarnation = event.incarnation ?? childOf(context.children, event.agentId)?.incarnation ?? 0
        return { ...event, incarnation }
      },
    ),
    tell: emit(({ event }) => {
      const { entry, ended } = event as Told
      return { type: isNote(entry) ? ('note' as const) : ('transition' as const), entry, ended }
    }),
    tellOfGroup: emit(({ event }) => ({ type: 'group' as const, told: event as GroupTold })),
    countDown: ({ context, event }) => {
      if (event.type === 'TOLD' && event.ended) context.children.shared.untold -= 1
    },
    endGroup: ({ context, event }) => {
      if (event.type !== 'END_GROUP') return
      const place = context.children.shared.places.get(placeOf(event.path))
      place?.group.send({ type: 'END', comesBack: false, ...limitsOf(context.ports, event) })
    },

    /** All are to end, the last started first out: those that come back wait until this supervisor is started again. */
    close: assign(({ context, event }) => {
      const { children, ports } = context
      const { group } = children
      children.closing = comesBackAfter(event, group) ? 'for_now' : 'for_good'
      children.regrouping = false
      children.toEnd = inOrder(membersOf(children))
      if (children.current && !children.current.ending) children.current = null
      return endingOf(context, event, ports)
    }),
    endSome: sendTo('children', ({ context }) => ({ type: 'END_SOME' as const, ...requestOf(context) })),
    killRest: sendTo('children', ({ context }) => ({
      type: 'KILL_REST' as const,
      ...requestOf(context),
      killAtMs: context.ports.now(),
    })),

    plan: assign(({ event }) =>
      event.type === 'FAILED' ? { pauseMs: event.pauseMs, cause: event.cause } : {},
    ),
    open: assign(({ context: { children } }) => {
      children.closing = false
      children.regrouping = true
      children.restartsMs = []
      return { ending: null, outcome: 'killed' as const }
    }),
    startNext: sendTo('children', { type: 'START_NEXT' as const }),
    allUp: ({ context: { children, ports } }) => {
      children.regrouping = false
      children.upSinceMs = ports.now()
    },
    tellUp: ({ context: { children }, self }) => {
      toParent(self, { type: 'GROUP_UP', path: children.group?.path ?? '' })
    },
    tellDown: ({ context, self }) => {
      toParent(self, { type: 'GROUP_DOWN', ...outputOf(context) })
    },
    tellGivingUp: ({ context: { children, cause } }) => {
      const path = children.group?.path ?? ''
      const told: GroupTold = { type: 'GROUP_TOLD', path, state: 'giving_up', cause }
      children.shared.root.send(told)
    },
    /** Provided by the outside: marks a sign of life. A running agent's beat goes no further. */
    stampHeartbeat: () => {},
  },
})

const allTold = ({ toEnd, current }: Children): boolean => toEnd.length === 0 && !current?.ending

/** Where an event's agent or group is kept, when that is not here. */
function placeFor({ shared: { places } }: Children, event: SupervisorEvent): Place | undefined {
  if (event.type === 'SPAWN' || event.type === 'ADOPT') {
    const { group } = event.type === 'SPAWN' ? event.child : event.heir.child
    return group === undefined ? undefined : places.get(placeOf(group))
  }
  if (event.type === 'OPEN') return event.parent === undefined ? undefined : places.get(placeOf(event.parent))
  return 'agentId' in event ? places.get(event.agentId) : undefined
}

const limitsOf = (ports: ChildrenPorts, { reason, killAfterMs, giveUpAfterMs }: Limits): EndRequest => ({
  reason,
  killAtMs: killAfterMs === undefined ? null : ports.now() + killAfterMs,
  giveUpAtMs: giveUpAfterMs === undefined ? null : ports.now() + giveUpAfterMs,
})

const strategyReason = (group: GroupSpec | null, message: string): Reason => ({
  kind: 'strategy',
  by: group?.path ?? 'supervisor',
  message,
})

/** Whether its parent may start it again: as a policy looks at a crash, or at a completion. */
function comesBackAfter(event: SupervisorEvent, group: GroupSpec | null): boolean {
  if (event.type === 'END') return event.comesBack
  if (event.type === 'GAVE_UP') return !event.hopeless && group?.restart.type !== 'temporary'
  return event.type === 'AUTO_SHUTDOWN' && group?.restart.type === 'permanent'
}

function endingOf(
  { children: { group }, outcome, cause }: SupervisorContext,
  event: SupervisorEvent,
  ports: ChildrenPorts,
): Partial<SupervisorContext> {
  switch (event.type) {
    case 'SHUTDOWN':
      return { ending: limitsOf(ports, event) }
    case 'END': {
      const { reason, killAtMs, giveUpAtMs } = event
      return {
        ending: { reason, killAtMs, giveUpAtMs },
        cause: outcome === 'crashed' ? cause : (reason.message ?? reason.kind),
      }
    }
    case 'GAVE_UP':
    case 'AUTO_SHUTDOWN': {
      const reason = strategyReason(group, event.cause)
      const gaveUp = event.type === 'GAVE_UP'
      return {
        ending: { reason, killAtMs: null, giveUpAtMs: null },
        outcome: gaveUp ? 'crashed' : 'completed',
        hopeless: gaveUp && event.hopeless,
        cause: event.cause,
      }
    }
    default:
      return {}
  }
}

/** As all are being ended, or as those are that go with one that failed. */
const requestOf = ({ children: { group }, ending, cause }: SupervisorContext): EndRequest =>
  ending ?? {
    reason: strategyReason(group, `${cause}${group ? ` (${group.strategy})` : ''}`),
    killAtMs: null,
    giveUpAtMs: null,
  }

const outputOf = ({ children: { group }, outcome, hopeless, cause }: SupervisorContext): GroupOutput => ({
  path: group?.path ?? '',
  outcome,
  hopeless,
  cause,
})

const toParent = (self: AnyActorRef, news: GroupNews): void => {
  self._parent?.send(news)
}

const forward = { actions: 'toChildren' } as const
const answers = {
  SPAWNED: forward,
  SPAWN_FAILED: forward,
  READY: forward,
  STALLED: forward,
  PROBED: forward,
  ACTIVITY: forward,
  EXTENDED: forward,
  SIGNALLED: forward,
  ASKED: forward,
  EXITED: forward,
  SWEPT: forward,
  CLEANED: forward,
  NOTE: forward,
} as const

const endings = {
  GAVE_UP: { target: 'giving_up', actions: ['close', 'tellGivingUp'] },
  AUTO_SHUTDOWN: { target: 'stopping', actions: 'close' },
  END: { target: 'stopping', actions: 'close' },
} as const

export const supervisorMachine = supervisor.createMachine({
  id: 'supervisor',
  initial: 'running',
  context: ({ input, self }) => {
    const { ports, group = null } = input
    const shared = input.shared ?? { root: self, places: new Map(), untold: 0, lastOrder: 0 }
    const children = newChildren(group, shared, ports.now())
    return { children, ports, ending: null, pauseMs: 0, outcome: 'killed', hopeless: false, cause: '' }
  },
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
    GROUP_TOLD: { actions: 'tellOfGroup' },
    END_GROUP: { actions: 'endGroup' },
  },
  states: {
    running: {
      on: {
        SPAWN: forward,
        ADOPT: forward,
        REGROUP: forward,
        OPEN: forward,
        RESTART: forward,
        FAILED: { target: 'regrouping', actions: 'plan' },
        ...endings,
        SHUTDOWN: { target: 'stopping', actions: 'close' },
      },
    },
    /** A group's members that go together: each ends after the one behind it is gone, and starts after the one before it is ready. */
    regrouping: {
      initial: 'ending',
      on: { FAILED: { target: '.ending', actions: 'plan', reenter: true }, ...endings },
      states: {
        ending: {
          entry: 'endSome',
          always: { guard: 'allTold', target: 'pausing' },
          on: { MOVED: { target: 'ending', reenter: true } },
        },
        pausing: {
          on: { RESUME: 'starting' },
          after: { pause: 'starting' },
        },
        starting: {
          entry: 'startNext',
          always: { guard: 'allStarted', target: '#supervisor.running', actions: ['allUp', 'tellUp'] },
          on: { MOVED: { target: 'starting', reenter: true } },
        },
      },
    },
    giving_up: {
      entry: 'endSome',
      always: [
        { guard: 'allGone', target: 'failed' },
        { guard: 'allDown', target: 'resting' },
      ],
      on: {
        MOVED: { guard: 'oneAfterAnother', target: 'giving_up', reenter: true },
        END: { guard: 'isForGood', target: 'stopping', actions: 'close' },
      },
      after: { turn: { guard: 'moreAbreast', target: 'giving_up', reenter: true } },
    },
    /** A group whose members are down, until its parent starts it again, or does not. */
    resting: {
      entry: 'tellDown',
      on: {
        START: { target: 'regrouping.starting', actions: 'open' },
        END: [
          { guard: 'hadGivenUp', target: 'giving_up', actions: 'close' },
          { guard: 'isForGood', target: 'stopping', actions: 'close' },
        ],
      },
    },
    stopping: {
      initial: 'signalling',
      always: [
        { guard: 'allGone', target: 'stopped' },
        { guard: 'allDown', target: 'resting' },
      ],
      on: { END: { guard: 'isForGood', target: 'stopping', reenter: true, actions: 'close' } },
      after: {
        killAfter: { guard: 'killIsDue', target: '.forcing' },
        giveUpAfter: { guard: 'givingUpIsDue', target: 'stopped' },
      },
      states: {
        signalling: {
          entry: 'endSome',
          always: { guard: 'allTold', target: 'waiting' },
          on: { MOVED: { guard: 'oneAfterAnother', target: 'signalling', reenter: true } },
          after: { turn: { guard: 'moreAbreast', target: 'signalling', reenter: true } },
        },
        waiting: {},
        forcing: { entry: 'killRest' },
      },
    },
    failed: { type: 'final' },
    stopped: { type: 'final' },
  },
  output: ({ context }) => outputOf(context),
})

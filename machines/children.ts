/**
 * The supervisor's children, as actor logic of its own: one mutable Map, so that a spawn costs the same beside ten
 * agents as beside ten thousand (`spawnChild` would copy all of a machine's children each time).
 *
 * A child is an agent; its lives come and go. Here stands what outlasts a life: the intent, the restart policy and
 * its history, a pending backoff. A fault in one life's logic arrives here, and ends that agent alone. What follows a
 * failure for others stands in `following.ts` and `regrouping.ts`; groups among the children in `inner-groups.ts`.
 */
import { type ActorLogic, createActor } from 'xstate'
import type { agentMachine } from './agent.ts'
import type { LifeInput, LifeOutput } from './context.ts'
import type { AgentState, EntryDraft, ErrorInfo, Reason } from './events.ts'
import { isEnd, lifeKey } from './events.ts'
import { exceeded, Following, policyIn } from './following.ts'
import { groupOfActor, InnerGroups } from './inner-groups.ts'
import type {
  AgentRequest,
  ChildrenEvent,
  ChildrenInput,
  ChildrenScope,
  ChildrenSnapshot,
  GroupOutput,
  Heir,
  Told,
} from './keeping.ts'
import { type Child, type ChildSpec, isLive, membersOf, placeOf } from './members.ts'
import { type EndRequest, Regrouping } from './regrouping.ts'
import {
  isPassing,
  mayHaveEscaped,
  NO_HISTORY,
  type NoRestart,
  type RestartPolicy,
  refusalOf,
  strongerReason,
} from './restart.ts'
import { sendFrom } from './sending.ts'
import { inOrder } from './strategies.ts'

export type ChildrenLogic = ActorLogic<ChildrenSnapshot, ChildrenEvent, ChildrenInput>
type FromActors =
  | { readonly type: `xstate.done.actor.${string}`; readonly output: LifeOutput | GroupOutput }
  | { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown }

const NOT_RESTARTED: Record<Exclude<NoRestart, 'policy'>, string> = {
  asked: 'its end was asked for meanwhile',
  unretryable: 'no retry would mend it',
  no_retry_code: 'its exit code is one of noRetry',
  intensity: 'restart intensity exceeded',
  escaped: 'something of its tree is, or may be, still alive',
}

/** The logic of all children of one supervisor. `lifeMachine` is `agentMachine`, bound to the outside. */
export const childrenLogic = (lifeMachine: typeof agentMachine): ChildrenLogic => {
  const keepers = new WeakMap<ChildrenScope, Keeper>()
  return {
    start({ context }: ChildrenSnapshot, scope: ChildrenScope): void {
      const { children, parent } = context
      keepers.set(scope, new Keeper(context, lifeMachine, scope))
      if (children.group)
        children.shared.places.set(placeOf(children.group.path), {
          children,
          keeper: scope.self,
          group: parent,
        })
    },
    getInitialSnapshot: (_scope: ChildrenScope, context: ChildrenInput): ChildrenSnapshot => ({
      status: 'active',
      output: undefined,
      error: undefined,
      context,
    }),
    transition(snapshot: ChildrenSnapshot, event: ChildrenEvent, scope: ChildrenScope): ChildrenSnapshot {
      keepers.get(scope)?.take(event)
      return snapshot
    },
    getPersistedSnapshot: (snapshot: ChildrenSnapshot): ChildrenSnapshot => snapshot,
  }
}

/** Ends that are asked for, and that are none of a user's wishes: a group's significant member has ended by them. */
const LIMITS: readonly Reason['kind'][] = ['ttl', 'budget']

/** The children of one supervisor, kept for as long as that lives. */
class Keeper {
  readonly #input: ChildrenInput
  readonly #machine: typeof agentMachine
  readonly #scope: ChildrenScope
  readonly #regrouping: Regrouping
  readonly #following: Following
  readonly #groups: InnerGroups

  constructor(input: ChildrenInput, machine: typeof agentMachine, scope: ChildrenScope) {
    this.#input = input
    this.#machine = machine
    this.#scope = scope
    this.#regrouping = new Regrouping(input.children, input.parent, {
      begin: (member) => (member.kind === 'agent' ? this.#nextLife(member) : this.#groups.begin(member)),
      end: (member, request) => {
        if (member.kind === 'group') this.#groups.end(member, request)
        else this.#stop(member, { type: 'STOP', agentId: member.spec.agentId, reason: request.reason })
      },
      put: (member, request) => {
        if (member.kind === 'group') this.#groups.put(member, request)
        else this.#put(member, request)
      },
    })
    this.#following = new Following(input, scope, this.#regrouping)
    this.#groups = new InnerGroups(input, scope, this.#regrouping, this.#following)
  }

  take(event: ChildrenEvent | FromActors): void {
    const { byId } = this.#input.children
    if (isDone(event)) {
      const { output } = event
      if ('path' in output) {
        this.#groups.over(output)
        return
      }
      const child = byId.get(output.agentId)
      if (child && child.incarnation === output.incarnation) this.#lifeEnded(child, output)
      return
    }
    if (isError(event)) {
      this.#faulted(event.actorId, event.error)
      return
    }
    switch (event.type) {
      case 'SPAWN':
        this.#spawn(event.child)
        return
      case 'ADOPT':
        this.#adopt(event.heir)
        return
      case 'REGROUP':
        this.#regrouping.goOn(event, byId.get(event.agentId))
        return
      case 'OPEN':
        this.#groups.open(event)
        return
      case 'GROUP_UP':
      case 'GROUP_DOWN':
        this.#groups.took(event)
        return
      case 'GROUP_BACKOFF_OVER':
        this.#groups.backoffOver(event.path)
        return
      case 'END_SOME':
        this.#regrouping.endSome(event)
        return
      case 'START_NEXT':
        this.#regrouping.startNext()
        return
      case 'KILL_REST':
        this.#killRest(event)
        return
    }
    const child = byId.get(event.agentId)
    if (!child) return
    switch (event.type) {
      case 'STOP':
      case 'KILL':
        this.#stop(child, event)
        return
      case 'RESTART':
        this.#restart(child, event)
        return
      case 'BACKOFF_OVER':
        if (child.ref === null && event.incarnation === child.incarnation) this.#nextLife(child)
        return
      default:
        if (event.incarnation !== undefined && event.incarnation !== child.incarnation) return
        if (event.type === 'EXITED') child.exit = event.exit
        if (child.ref) sendFrom(this.#scope, child.ref, { ...event, incarnation: child.incarnation })
        else if (event.type === 'NOTE' && child.state) {
          // Between two lives the agent itself is what is noted.
          const { event: word, evidence } = event
          this.#tell(
            child,
            { ...this.#between(child, child.state, word), ...(evidence && { evidence }) },
            false,
          )
        }
    }
  }

  #spawn(spec: ChildSpec): void {
    const { children } = this.#input
    const child = this.#keep(spec)
    if (spec.group !== children.group?.path || children.closing === 'for_good') this.#refuse(child)
    else if (children.closing || children.regrouping) this.#await(child)
    else this.#begin(child)
  }

  /** Its siblings are down, or some: it begins with them. */
  #await(child: Child): void {
    this.#returns(child)
    this.#input.children.due.add(child)
  }

  /** One that had ended says that it is to come back: if it does not, that is an end of its own. */
  #returns(child: Child): void {
    if (!isEnd(child.state)) return
    const told = this.#between(child, 'restarting', 'regroup')
    this.#tell(child, { ...told, incarnation: child.incarnation - 1 }, false)
  }

  #adopt({ child: spec, life, backoffLeftMs, regroups, told, intent, history }: Heir): void {
    const { children } = this.#input
    const child = this.#keep(spec)
    child.intent = intent
    child.asked = life?.late ?? life?.reason ?? null
    child.history = history
    child.exit = life?.exit ?? null
    child.begun = true
    child.wasReady = true
    if (children.group)
      children.restartsMs = [...children.restartsMs, ...history.restartsMs].sort((a, b) => a - b)
    if (told && child.state) {
      const activity = life?.activity ? { activity: life.activity } : {}
      const process = life?.process ? { process: life.process } : {}
      this.#tell(child, { ...this.#between(child, child.state, 'adopted'), ...process, ...activity }, false)
    }
    if (life) {
      this.#begin(child, life)
      return
    }
    if (child.state !== 'restarting') {
      const evidence = { delayMs: backoffLeftMs }
      this.#tell(child, { ...this.#between(child, 'restarting', 'backoff'), evidence }, false)
    }
    if (regroups) children.due.add(child)
    else this.#following.pause(child, backoffLeftMs)
  }

  #keep(spec: ChildSpec): Child {
    const { children } = this.#input
    const { shared, group } = children
    const child: Child = {
      kind: 'agent',
      spec,
      order: spec.order ?? ++shared.lastOrder,
      significant: spec.significant ?? false,
      incarnation: spec.incarnation,
      ref: null,
      state: spec.from,
      intent: 'by_policy',
      asked: null,
      history: NO_HISTORY,
      exit: null,
      faulted: false,
      begun: false,
      wasReady: false,
    }
    children.byId.set(spec.agentId, child)
    if (group)
      shared.places.set(spec.agentId, { children, keeper: this.#scope.self, group: this.#input.parent })
    return child
  }

  /** Its group was over before it could begin. */
  #refuse(child: Child): void {
    this.#returns(child)
    const message = `group ${child.spec.group} was over before it could start`
    const error: ErrorInfo = { code: 'group_over', message }
    this.#end(child, { ...this.#between(child, 'crashed', 'spawn_failed'), error })
  }

  #begin(child: Child, adopt?: LifeInput['adopt']): void {
    const { spec, incarnation } = child
    const ref = createActor(this.#machine, {
      id: lifeKey({ agentId: spec.agentId, incarnation }),
      parent: this.#scope.self,
      input: {
        agentId: spec.agentId,
        incarnation,
        name: spec.name,
        from: child.state,
        policy: spec.life,
        now: this.#input.ports.now,
        ...(adopt && { adopt }),
      },
    })
    child.ref = ref
    child.begun = true
    this.#input.children.live += 1
    const { byId } = this.#input.children
    ref.on('entry', ({ entry }) => {
      if (byId.get(spec.agentId) === child) this.#tell(child, entry, false)
    })
    ref.start()
  }

  #tell(child: Child, entry: EntryDraft, ended: boolean): void {
    child.state = entry.to
    const { shared, current } = this.#input.children
    sendFrom(this.#scope, shared.root, { type: 'TOLD', entry, ended } satisfies Told)
    if (entry.to !== 'running' || entry.from === 'running') return
    child.wasReady = true
    if (current?.member === child && !current.ending) this.#regrouping.settled(child)
  }

  #stop(child: Child, request: AgentRequest): void {
    if (!isPassing(request.reason)) this.#intend(child, request)
    if (child.ref) {
      const { incarnation } = child
      sendFrom(this.#scope, child.ref, {
        ...request,
        type: request.type === 'KILL' ? 'KILL' : 'STOP',
        incarnation,
      })
      return
    }
    if (child.intent !== 'end') return
    // Between two lives there is no process: the pending backoff is all there is to end.
    this.#following.cancel(child)
    this.#end(child, {
      ...this.#between(child, 'killed', request.type === 'KILL' ? 'kill' : 'stop'),
      reason: request.reason,
    })
    this.#usedUp(child, request.reason)
  }

  /** What its limits have ended has ended by itself. */
  #usedUp(child: Child, reason: Reason | null): void {
    if (reason && LIMITS.includes(reason.kind))
      this.#following.over(child, null, `${child.spec.name} ended (${reason.kind})`)
  }

  /** No policy brings it back. Of a life that is ending already no other entry would tell that. */
  #intend(child: Child, { reason }: AgentRequest): void {
    child.intent = 'end'
    const before = child.asked
    child.asked = strongerReason(before, reason)
    const { ref, state } = child
    if (child.asked === before || !ref || (state !== 'terminating' && state !== 'reaping')) return
    this.#tell(child, { ...this.#between(child, state, 'stop'), reason }, false)
  }

  #restart(child: Child, request: AgentRequest): void {
    const { closing, due } = this.#input.children
    if (closing === 'for_good') return
    if (child.ref) {
      child.intent = 'again'
      // A successor of this supervisor has to know that it is to come back.
      const evidence = { ...request.evidence, again: true as const }
      sendFrom(this.#scope, child.ref, { ...request, evidence, type: 'STOP', incarnation: child.incarnation })
    } else if (due.has(child)) this.#regrouping.resume()
    else {
      this.#following.cancel(child)
      this.#nextLife(child)
    }
  }

  #lifeEnded(child: Child, over: LifeOutput): void {
    const { children } = this.#input
    const { restart } = child.spec
    child.ref = null
    children.live -= 1
    if (children.closing !== 'for_good' && (children.closing || this.#regrouping.isPlanned(child))) {
      this.#endedWithOthers(child, over)
      return
    }
    if (child.intent === 'again' && !children.closing) {
      if (mayHaveEscaped(over)) {
        this.#end(child, explained(notAgain(over.entry), 'escaped', restart))
        this.#following.over(child, 'escaped', `${child.spec.name} ${over.end}`)
        return
      }
      this.#tell(child, { ...over.entry, evidence: { ...over.entry.evidence, again: true } }, false)
      this.#tell(child, this.#between(child, 'restarting', 'restart'), false)
      this.#nextLife(child)
      return
    }
    if (child.intent !== 'by_policy' || children.closing) {
      this.#end(child, this.#asked(child, over))
      // Of one that had exited by itself only what was asked says so.
      this.#usedUp(child, over.reason ?? child.asked)
      return
    }
    const cause = `${child.spec.name} ${over.end}`
    const decision = this.#following.decide(child, over)
    if (!decision.restart) {
      const policy = policyIn(children, restart)
      const limit = decision.why === 'intensity' ? exceeded(children, restart) : ''
      const entry = explained(over.entry, decision.why, policy, limit)
      // One that was the last straw comes back with its group, where that does.
      if (decision.why === 'intensity' && children.group && children.group.restart.type !== 'temporary')
        this.#wait(child, entry)
      else this.#end(child, entry)
      this.#following.over(child, decision.why, cause)
      return
    }
    this.#tell(child, over.entry, false)
    const { delayMs, attempt } = decision
    const { intensity } = policyIn(children, restart)
    const attempts = intensity === false ? {} : { attempts: intensity.restarts }
    this.#tell(
      child,
      { ...this.#between(child, 'restarting', 'backoff'), evidence: { delayMs, attempt, ...attempts } },
      false,
    )
    this.#following.restart(child, delayMs, cause)
  }

  /** Ended because others ended: it comes back with them, unless its policy or a user is against it. */
  #endedWithOthers(child: Child, over: LifeOutput): void {
    const { restart } = child.spec
    const why =
      child.intent === 'by_policy'
        ? refusalOf(restart, over)
        : child.intent === 'end'
          ? 'asked'
          : mayHaveEscaped(over)
            ? 'escaped'
            : null
    if (why !== null) {
      this.#end(child, why === 'asked' ? this.#asked(child, over) : explained(over.entry, why, restart))
      if (why !== 'policy' && why !== 'asked')
        this.#following.over(child, why, `${child.spec.name} ${over.end}`)
      return
    }
    this.#wait(child, over.entry)
    this.#regrouping.settled(child)
  }

  /** Down, until it is started with others. */
  #wait(child: Child, entry: EntryDraft): void {
    this.#tell(child, entry, false)
    this.#tell(child, this.#between(child, 'restarting', 'regroup'), false)
    this.#input.children.due.add(child)
  }

  /** It is down already: its group's end is its own, or it waits with it. */
  #put(child: Child, { reason }: EndRequest): void {
    const { children } = this.#input
    this.#following.cancel(child)
    if (children.closing === 'for_good')
      this.#end(child, { ...this.#between(child, 'killed', 'stop'), reason })
    else children.due.add(child)
  }

  /** The time is over for turns: what lives is killed, and what is down has ended. */
  #killRest(request: EndRequest): void {
    for (const member of inOrder(membersOf(this.#input.children)).reverse())
      if (member.kind === 'agent') this.#killOrPut(member, request)
      else if (isLive(member)) this.#groups.end(member, request)
      else this.#groups.put(member, request)
  }

  #killOrPut(child: Child, request: EndRequest): void {
    if (isLive(child))
      this.#stop(child, { type: 'KILL', agentId: child.spec.agentId, reason: request.reason })
    else this.#put(child, request)
  }

  #faulted(actorId: string, cause: unknown): void {
    const path = groupOfActor(actorId)
    if (path !== undefined) {
      this.#groups.faulted(path, cause, (child) => this.#abandon(child))
      return
    }
    const child = this.#input.children.byId.get(actorId.slice(0, actorId.lastIndexOf('.')))
    if (child && lifeKey({ agentId: child.spec.agentId, incarnation: child.incarnation }) === actorId)
      this.#lifeFaulted(child, cause)
  }

  /**
   * Its end was asked for, perhaps when it had ended already. What was cancelled bears that reason in any case, for its
   * task is: nobody tries it again. What was completed is completed.
   */
  #asked(child: Child, { end, reason, entry: said }: LifeOutput): EntryDraft {
    const entry = notAgain(said)
    // A successor has to know that it does not come back with its group.
    const told =
      reason?.kind === 'strategy'
        ? { ...entry, evidence: { ...entry.evidence, notRestarted: 'its group is over' } }
        : explained(entry, 'asked', child.spec.restart)
    return child.asked?.kind === 'cancelled' && end !== 'completed' ? { ...told, reason: child.asked } : told
  }

  /** A faulted life gets a second actor, which ends it; a second fault ends the agent, its tree killed by the port. */
  #lifeFaulted(child: Child, cause: unknown): void {
    const { ports, children } = this.#input
    ports.fault(cause, child.spec.agentId)
    const last = child.ref?.getSnapshot().context
    const error: ErrorInfo = {
      code: 'internal',
      message: `a fault in the logic of this life: ${cause instanceof Error ? cause.message : String(cause)}`,
    }
    child.ref = null
    children.live -= 1
    if (child.intent !== 'again') child.intent = 'end'
    if (!child.faulted) {
      child.faulted = true
      const reason: Reason | null = last?.reason ?? null
      const runningSinceMs = last?.times.running ?? null
      const process = last?.process ?? null
      this.#begin(child, { door: 'faulted', process, exit: child.exit, reason, error, runningSinceMs })
      return
    }
    this.#abandon(child, error)
  }

  /** Nobody can tell any more how it ends: its tree is killed by the port. */
  #abandon(
    child: Child,
    error: ErrorInfo = { code: 'internal', message: 'a fault in the logic of its group' },
  ): void {
    if (child.begun)
      this.#input.ports.abandon({ agentId: child.spec.agentId, incarnation: child.incarnation })
    this.#end(child, {
      ...this.#between(child, 'crashed', 'fault'),
      error,
      ...(child.exit && { exit: child.exit }),
    })
  }

  #nextLife(child: Child): void {
    if (child.begun) child.incarnation += 1
    child.intent = 'by_policy'
    child.asked = null
    child.exit = null
    child.faulted = false
    this.#begin(child)
  }

  #end(child: Child, entry: EntryDraft): void {
    const { byId, shared } = this.#input.children
    const { agentId } = child.spec
    byId.delete(agentId)
    shared.places.delete(agentId)
    shared.untold += 1
    this.#tell(child, entry, true)
    this.#regrouping.lost(child)
  }

  #between(child: Child, to: AgentState, event: EntryDraft['event']): EntryDraft {
    const { agentId, name } = child.spec
    return { agentId, name, incarnation: child.incarnation, from: child.state, to, event }
  }
}

/** A restart was asked for, and is not to be: a successor that reads of it would do it. */
function notAgain(entry: EntryDraft): EntryDraft {
  const { again, ...evidence } = entry.evidence ?? {}
  return again ? { ...entry, evidence } : entry
}

/** The end of an agent that its policy would have restarted says why it was not. */
function explained(entry: EntryDraft, why: NoRestart, policy: RestartPolicy, limit = ''): EntryDraft {
  // What Reeve asked for on its own says nothing of what is wanted: a successor would restart it.
  const saysSo = why === 'asked' && entry.reason !== undefined && !isPassing(entry.reason)
  if (why === 'policy' || saysSo || policy.type === 'temporary') return entry
  const evidence = { ...entry.evidence, notRestarted: NOT_RESTARTED[why] }
  if (why !== 'intensity' || policy.intensity === false) return { ...entry, evidence }
  const message = `${limit}${entry.error ? `; last: ${entry.error.message}` : ''}`
  return { ...entry, evidence, error: { code: 'restart_intensity_exceeded', message } }
}

const isDone = (event: ChildrenEvent | FromActors): event is Extract<FromActors, { output: unknown }> =>
  event.type.startsWith('xstate.done.actor.')
const isError = (event: ChildrenEvent | FromActors): event is Extract<FromActors, { actorId: string }> =>
  event.type.startsWith('xstate.error.actor.')

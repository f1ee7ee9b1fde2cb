/**
 * The supervisor's children, as actor logic of its own: one mutable Map, so that a spawn costs the same beside ten
 * agents as beside ten thousand (`spawnChild` would copy all of a machine's children each time).
 *
 * A child is an agent; its lives come and go. Here stands what outlasts a life: the intent, the restart policy and
 * its history, a pending backoff. A fault in one life's logic arrives here, and ends that agent alone.
 */
import {
  type ActorLogic,
  type ActorRefFrom,
  type ActorScope,
  type AnyActorRef,
  createActor,
  type Snapshot,
} from 'xstate'
import type { agentMachine } from './agent.ts'
import type { Adoption, LifeInput, LifeOutput, LifePolicy } from './context.ts'
import type { AgentState, EntryDraft, ErrorInfo, Exit, LifeAnswer, Reason, StopRequest } from './events.ts'
import { lifeKey } from './events.ts'
import {
  decideRestart,
  isCrashlike,
  mayHaveEscaped,
  NO_HISTORY,
  type NoRestart,
  type RestartHistory,
  type RestartPolicy,
  strongerReason,
} from './restart.ts'

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
}

/** What is wanted of an agent once its present life is over. */
export type Intent = 'by_policy' | 'end' | 'again'

export interface Child {
  readonly spec: ChildSpec
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
}

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
  /** The log is told that it has a new supervisor. */
  readonly told: boolean
  readonly intent: Intent
  readonly history: RestartHistory
}

export type ChildrenEvent =
  | { readonly type: 'SPAWN'; readonly child: ChildSpec }
  | { readonly type: 'ADOPT'; readonly heir: Heir }
  | AgentRequest
  | LifeAnswer
  | HeardExit
  | { readonly type: 'BACKOFF_OVER'; readonly agentId: string; readonly incarnation: number }

/** What the children tell their supervisor. `ended`: no further life follows. */
export interface Told {
  readonly type: 'TOLD'
  readonly entry: EntryDraft
  readonly ended: boolean
}

/** The Map, shared: written by this logic alone, read by the supervisor's guards. */
export interface Children {
  readonly byId: Map<string, Child>
  /** The supervisor stops: nothing begins a further life. */
  closing: boolean
  /** Ends that the supervisor has still to hear of: it counts them down as it tells them on. */
  untold: number
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
  readonly parent: AnyActorRef
  readonly ports: ChildrenPorts
}

export type ChildrenSnapshot = Snapshot<undefined> & { readonly context: ChildrenInput }
export type ChildrenLogic = ActorLogic<ChildrenSnapshot, ChildrenEvent, ChildrenInput>
type FromLives =
  | { readonly type: `xstate.done.actor.${string}`; readonly output: LifeOutput }
  | { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown }
type Scope = ActorScope<ChildrenSnapshot, ChildrenEvent>

const NOT_RESTARTED: Record<Exclude<NoRestart, 'policy'>, string> = {
  asked: 'its end was asked for meanwhile',
  unretryable: 'no retry would mend it',
  no_retry_code: 'its exit code is one of noRetry',
  intensity: 'restart intensity exceeded',
  escaped: 'something of its tree is, or may be, still alive',
}

/** The logic of all children of one supervisor. `lifeMachine` is `agentMachine`, bound to the outside. */
export const childrenLogic = (lifeMachine: typeof agentMachine): ChildrenLogic => ({
  getInitialSnapshot: (_scope: Scope, context: ChildrenInput): ChildrenSnapshot => ({
    status: 'active',
    output: undefined,
    error: undefined,
    context,
  }),
  transition(snapshot: ChildrenSnapshot, event: ChildrenEvent, scope: Scope): ChildrenSnapshot {
    new Keeper(snapshot.context, lifeMachine, scope).take(event)
    return snapshot
  },
  getPersistedSnapshot: (snapshot: ChildrenSnapshot): ChildrenSnapshot => snapshot,
})

/** One event's worth of keeping children. */
class Keeper {
  readonly #input: ChildrenInput
  readonly #machine: typeof agentMachine
  readonly #scope: Scope

  constructor(input: ChildrenInput, machine: typeof agentMachine, scope: Scope) {
    this.#input = input
    this.#machine = machine
    this.#scope = scope
  }

  take(event: ChildrenEvent | FromLives): void {
    const { byId } = this.#input.children
    if (isDone(event)) {
      const child = byId.get(event.output.agentId)
      if (child && child.incarnation === event.output.incarnation) this.#lifeEnded(child, event.output)
      return
    }
    if (isError(event)) {
      const child = byId.get(event.actorId.slice(0, event.actorId.lastIndexOf('.')))
      if (child && lifeKey({ agentId: child.spec.agentId, incarnation: child.incarnation }) === event.actorId)
        this.#lifeFaulted(child, event.error)
      return
    }
    if (event.type === 'SPAWN') {
      this.#spawn(event.child)
      return
    }
    if (event.type === 'ADOPT') {
      this.#adopt(event.heir)
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
        if (child.ref) child.ref.send({ ...event, incarnation: child.incarnation })
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
    const child: Child = {
      spec,
      incarnation: spec.incarnation,
      ref: null,
      state: spec.from,
      intent: 'by_policy',
      asked: null,
      history: NO_HISTORY,
      exit: null,
      faulted: false,
    }
    this.#input.children.byId.set(spec.agentId, child)
    this.#begin(child)
  }

  #adopt({ child: spec, life, backoffLeftMs, told, intent, history }: Heir): void {
    const child: Child = {
      spec,
      incarnation: spec.incarnation,
      ref: null,
      state: spec.from,
      intent,
      asked: life?.late ?? life?.reason ?? null,
      history,
      exit: life?.exit ?? null,
      faulted: false,
    }
    this.#input.children.byId.set(spec.agentId, child)
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
    this.#pause(child, backoffLeftMs)
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
    ref.on('entry', ({ entry }) => this.#tell(child, entry, false))
    ref.start()
  }

  #tell(child: Child, entry: EntryDraft, ended: boolean): void {
    child.state = entry.to
    this.#input.parent.send({ type: 'TOLD', entry, ended } satisfies Told)
  }

  #stop(child: Child, request: AgentRequest): void {
    if (!isCrashlike(request.reason)) this.#intend(child, request)
    if (child.ref) {
      const { incarnation } = child
      child.ref.send({ ...request, type: request.type === 'KILL' ? 'KILL' : 'STOP', incarnation })
      return
    }
    if (child.intent !== 'end') return
    // Between two lives there is no process: the pending backoff is all there is to end.
    this.#scope.system.scheduler.cancel(this.#scope.self, child.spec.agentId)
    this.#end(child, {
      ...this.#between(child, 'killed', request.type === 'KILL' ? 'kill' : 'stop'),
      reason: request.reason,
    })
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
    if (this.#input.children.closing) return
    child.intent = 'again'
    // A successor of this supervisor has to know that it is to come back.
    const evidence = { ...request.evidence, again: true as const }
    if (child.ref) child.ref.send({ ...request, evidence, type: 'STOP', incarnation: child.incarnation })
    else {
      this.#scope.system.scheduler.cancel(this.#scope.self, child.spec.agentId)
      this.#nextLife(child)
    }
  }

  #lifeEnded(child: Child, over: LifeOutput): void {
    child.ref = null
    const { ports, children } = this.#input
    if (child.intent === 'again' && !mayHaveEscaped(over) && !children.closing) {
      this.#tell(child, over.entry, false)
      this.#tell(child, this.#between(child, 'restarting', 'restart'), false)
      this.#nextLife(child)
      return
    }
    if (child.intent !== 'by_policy' || children.closing) {
      this.#end(child, this.#asked(child, over))
      return
    }
    const { restart } = child.spec
    const decision = decideRestart(restart, over, child.history, ports.now(), ports.random())
    if (!decision.restart) {
      this.#end(child, explained(over.entry, decision.why, restart))
      return
    }
    child.history = decision.history
    this.#tell(child, over.entry, false)
    const { delayMs, attempt } = decision
    const attempts = restart.intensity === false ? {} : { attempts: restart.intensity.restarts }
    this.#tell(
      child,
      { ...this.#between(child, 'restarting', 'backoff'), evidence: { delayMs, attempt, ...attempts } },
      false,
    )
    this.#pause(child, delayMs)
  }

  /** The next life begins after this long. */
  #pause({ spec: { agentId }, incarnation }: Child, delayMs: number): void {
    const { self, system } = this.#scope
    const backoffOver: ChildrenEvent = { type: 'BACKOFF_OVER', agentId, incarnation }
    // A timer of 0 ms is one of 1 ms, and a turn of the loop.
    if (delayMs === 0) self.send(backoffOver)
    else system.scheduler.schedule(self, self, backoffOver, delayMs, agentId)
  }

  /**
   * Its end was asked for, perhaps when it had ended already. What was cancelled bears that reason in any case, for its
   * task is: nobody tries it again. What was completed is completed.
   */
  #asked(child: Child, { end, reason, entry }: LifeOutput): EntryDraft {
    const told = reason ? entry : explained(entry, 'asked', child.spec.restart)
    return child.asked?.kind === 'cancelled' && end !== 'completed' ? { ...told, reason: child.asked } : told
  }

  /** A faulted life gets a second actor, which ends it; a second fault ends the agent, its tree killed by the port. */
  #lifeFaulted(child: Child, cause: unknown): void {
    const { ports } = this.#input
    ports.fault(cause, child.spec.agentId)
    const last = child.ref?.getSnapshot().context
    const error: ErrorInfo = {
      code: 'internal',
      message: `a fault in the logic of this life: ${cause instanceof Error ? cause.message : String(cause)}`,
    }
    child.ref = null
    if (child.intent !== 'again') child.intent = 'end'
    if (!child.faulted) {
      child.faulted = true
      const reason: Reason | null = last?.reason ?? null
      const runningSinceMs = last?.times.running ?? null
      const process = last?.process ?? null
      this.#begin(child, { door: 'faulted', process, exit: child.exit, reason, error, runningSinceMs })
      return
    }
    ports.abandon({ agentId: child.spec.agentId, incarnation: child.incarnation })
    this.#end(child, {
      ...this.#between(child, 'crashed', 'fault'),
      error,
      ...(child.exit && { exit: child.exit }),
    })
  }

  #nextLife(child: Child): void {
    child.incarnation += 1
    child.intent = 'by_policy'
    child.asked = null
    child.exit = null
    child.faulted = false
    this.#begin(child)
  }

  #end(child: Child, entry: EntryDraft): void {
    const { children } = this.#input
    children.byId.delete(child.spec.agentId)
    children.untold += 1
    this.#tell(child, entry, true)
  }

  #between(child: Child, to: AgentState, event: EntryDraft['event']): EntryDraft {
    const { agentId, name } = child.spec
    return { agentId, name, incarnation: child.incarnation, from: child.state, to, event }
  }
}

/** The end of an agent that its policy would have restarted says why it was not. */
function explained(entry: EntryDraft, why: NoRestart, policy: RestartPolicy): EntryDraft {
  if (why === 'policy' || (why === 'asked' && entry.reason) || policy.type === 'temporary') return entry
  const evidence = { ...entry.evidence, notRestarted: NOT_RESTARTED[why] }
  if (why !== 'intensity' || policy.intensity === false) return { ...entry, evidence }
  const { restarts, withinMs } = policy.intensity
  const message = `more than ${restarts} restarts within ${withinMs} ms (restart.intensity)${entry.error ? `; last: ${entry.error.message}` : ''}`
  return { ...entry, evidence, error: { code: 'restart_intensity_exceeded', message } }
}

const isDone = (event: ChildrenEvent | FromLives): event is Extract<FromLives, { output: LifeOutput }> =>
  event.type.startsWith('xstate.done.actor.')
const isError = (event: ChildrenEvent | FromLives): event is Extract<FromLives, { actorId: string }> =>
  event.type.startsWith('xstate.error.actor.')

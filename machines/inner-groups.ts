/**
 * The groups among a supervisor's children. A group is an actor of the same machine as its parent; it stays while its
 * members are down, so that they can be stopped, and started with it again.
 */
import { type Actor, type AnyStateMachine, createActor } from 'xstate'
import type { Following } from './following.ts'
import type { ChildrenInput, ChildrenScope, GroupNews, GroupOutput, GroupTold, OpenGroup } from './keeping.ts'
import { type Child, type GroupChild, placeOf } from './members.ts'
import type { EndRequest, Regrouping } from './regrouping.ts'
import { type LifeEnd, NO_HISTORY, refusalOf } from './restart.ts'
import { sendFrom } from './sending.ts'

/** The id of a group's actor. No agent's id holds a colon. */
const ACTOR = 'group:'
export const groupOfActor = (actorId: string): string | undefined =>
  actorId.startsWith(ACTOR) ? actorId.slice(ACTOR.length) : undefined

export class InnerGroups {
  readonly #input: ChildrenInput
  readonly #scope: ChildrenScope
  readonly #regrouping: Regrouping
  readonly #following: Following

  constructor(input: ChildrenInput, scope: ChildrenScope, regrouping: Regrouping, following: Following) {
    this.#input = input
    this.#scope = scope
    this.#regrouping = regrouping
    this.#following = following
  }

  get(path: string): GroupChild | undefined {
    return this.#input.children.groups.get(path)
  }

  open({ group: spec }: OpenGroup): void {
    const { children, ports, parent } = this.#input
    const { shared } = children
    if (children.closing === 'for_good' || children.groups.has(spec.path)) {
      if (!children.groups.has(spec.path))
        this.#told(spec.path, 'stopped', 'the group around it is being stopped')
      return
    }
    // The machine of its parent, bound to the same outside.
    const { logic } = parent as Actor<AnyStateMachine>
    const id = `${ACTOR}${spec.path}`
    const ref = createActor(logic, { id, parent: this.#scope.self, input: { ports, group: spec, shared } })
    const order = spec.order ?? ++shared.lastOrder
    const group: GroupChild = {
      kind: 'group',
      spec,
      order,
      significant: spec.significant,
      ref,
      up: true,
      history: NO_HISTORY,
    }
    children.groups.set(spec.path, group)
    children.live += 1
    ref.start()
    // Its siblings are down: it begins with them.
    if (children.closing) this.end(group, { reason: { kind: 'strategy', by: spec.path }, ...NO_LIMIT })
  }

  begin(group: GroupChild): void {
    this.#input.children.live += group.up ? 0 : 1
    group.up = true
    sendFrom(this.#scope, group.ref, { type: 'START' })
  }

  end(group: GroupChild, { reason, killAtMs, giveUpAtMs }: EndRequest): void {
    const comesBack = this.#input.children.closing !== 'for_good' && group.spec.restart.type !== 'temporary'
    sendFrom(this.#scope, group.ref, { type: 'END', comesBack, reason, killAtMs, giveUpAtMs })
  }

  /** It is down already. */
  put(group: GroupChild, request: EndRequest): void {
    this.#following.cancel(group)
    if (this.#input.children.closing === 'for_good') this.end(group, request)
    else this.#input.children.due.add(group)
  }

  took(news: GroupNews): void {
    const group = this.get(news.path)
    if (!group) return
    if (news.type === 'GROUP_UP') this.#regrouping.settled(group)
    else this.#down(group, news)
  }

  backoffOver(path: string): void {
    const group = this.get(path)
    if (group && !group.up && !this.#input.children.closing) this.begin(group)
  }

  /** Its actor is done: no member of it lives, and none comes back. */
  over({ path, outcome, hopeless, cause }: GroupOutput): void {
    const group = this.get(path)
    if (!group) return
    const { children } = this.#input
    const planned = this.#regrouping.isPlanned(group)
    if (group.up) children.live -= 1
    group.up = false
    children.groups.delete(path)
    children.shared.places.delete(placeOf(path))
    this.#told(path, outcome === 'crashed' ? 'failed' : 'stopped', cause)
    this.#regrouping.lost(group)
    const why = hopeless ? 'unretryable' : null
    if (hopeless || (!planned && outcome !== 'killed'))
      this.#following.over(group, why, `group ${path} ${verb(outcome)}`)
  }

  /** A fault of its own logic: nobody keeps its members any more, so each is abandoned. */
  faulted(path: string, cause: unknown, abandon: (child: Child) => void): void {
    const { children, ports } = this.#input
    ports.fault(cause, `group ${path}`)
    for (const [key, { children: kept }] of [...children.shared.places]) {
      const around = kept.group?.path
      if (around !== path && !around?.startsWith(`${path}/`)) continue
      const child = kept.byId.get(key)
      if (child) {
        kept.byId.delete(key)
        abandon(child)
      } else if (key !== placeOf(path)) {
        children.shared.places.delete(key)
        this.#told(key.slice(1), 'failed', 'a fault in the group around it')
      }
    }
    this.over({ path, outcome: 'crashed', hopeless: true, cause: 'a fault in its logic' })
  }

  #down(group: GroupChild, { outcome, cause }: GroupOutput): void {
    const { children, ports } = this.#input
    children.live -= group.up ? 1 : 0
    const ranMs = group.up ? ports.now() - (this.#place(group)?.upSinceMs ?? ports.now()) : 0
    group.up = false
    if (children.closing === 'for_good') {
      // It is told again, and for good, in its turn.
      this.#regrouping.settled(group)
      return
    }
    if (children.closing === 'for_now' || this.#regrouping.isPlanned(group) || outcome === 'killed') {
      if (refusalOf(group.spec.restart, endOf('crashed', ranMs)) === null) {
        children.due.add(group)
        this.#regrouping.settled(group)
      } else this.#discard(group, cause)
      return
    }
    const decision = this.#following.decide(group, endOf(outcome, ranMs))
    const told = `group ${group.spec.path} ${verb(outcome)}`
    if (decision.restart) {
      this.#following.restart(group, decision.delayMs, told)
      return
    }
    this.#discard(group, cause)
    if (decision.why === 'intensity') this.#following.over(group, decision.why, told)
  }

  /** Nobody starts it again: those of its members that waited for that end. */
  #discard(group: GroupChild, message: string): void {
    const reason = { kind: 'strategy', by: group.spec.path, message } as const
    sendFrom(this.#scope, group.ref, { type: 'END', comesBack: false, reason, ...NO_LIMIT })
  }

  #place(group: GroupChild) {
    return this.#input.children.shared.places.get(placeOf(group.spec.path))?.children
  }

  #told(path: string, state: GroupTold['state'], cause: string): void {
    sendFrom(this.#scope, this.#input.children.shared.root, {
      type: 'GROUP_TOLD',
      path,
      state,
      cause,
    } satisfies GroupTold)
  }
}

const NO_LIMIT = { killAtMs: null, giveUpAtMs: null } as const

const verb = (outcome: GroupOutput['outcome']): string =>
  outcome === 'crashed' ? 'gave up' : 'shut itself down'

/** A group's end, as a policy looks at an agent's. */
const endOf = (outcome: GroupOutput['outcome'], ranMs: number): LifeEnd => ({
  end: outcome,
  exit: null,
  reason: null,
  error: null,
  escaped: [],
  unverified: false,
  ranMs,
})

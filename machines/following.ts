/**
 * What follows when a member, an agent or a group, has come down by itself: a restart and when, others that go with
 * it, the giving up of its group, or its shutting down.
 */
import type { BackoffOver, ChildrenInput, ChildrenScope } from './keeping.ts'
import { type Children, isOneForOne, type Member, membersOf } from './members.ts'
import type { Regrouping } from './regrouping.ts'
import {
  decideRestart,
  type LifeEnd,
  type NoRestart,
  type RestartDecision,
  type RestartPolicy,
} from './restart.ts'
import { shutsDown } from './strategies.ts'

/** An end that its policy would have followed by a restart, and that nothing can. */
const CANNOT: readonly NoRestart[] = ['unretryable', 'no_retry_code', 'escaped']

/** In a group only the group's intensity counts. */
export const policyIn = ({ group }: Children, policy: RestartPolicy): RestartPolicy =>
  group ? { ...policy, intensity: group.intensity } : policy

/** The limit in words, and whose it is. */
export function exceeded({ group }: Children, { intensity }: RestartPolicy): string {
  const limit = group?.intensity ?? intensity
  const times =
    limit === false ? 'any number of' : `${limit.restarts} restart${limit.restarts === 1 ? '' : 's'}`
  const within = limit === false ? '' : ` within ${limit.withinMs} ms`
  return `more than ${times}${within} (${group ? `intensity of group ${group.path}` : 'restart.intensity'})`
}

export class Following {
  readonly #input: ChildrenInput
  readonly #scope: ChildrenScope
  readonly #regrouping: Regrouping

  constructor(input: ChildrenInput, scope: ChildrenScope, regrouping: Regrouping) {
    this.#input = input
    this.#scope = scope
    this.#regrouping = regrouping
  }

  /** Decides, and remembers what it granted: in the group's window, and in the streak of the one that failed. */
  decide(member: Member, end: LifeEnd): RestartDecision {
    const { children, ports } = this.#input
    const { history, spec } = member
    const policy = policyIn(children, spec.restart)
    const known = children.group ? { ...history, restartsMs: children.restartsMs } : history
    const decision = decideRestart(policy, end, known, ports.now(), ports.random())
    if (decision.restart) {
      member.history = decision.history
      if (children.group) children.restartsMs = decision.history.restartsMs
    }
    return decision
  }

  /** The next life after its backoff, alone or with those that go with it. */
  restart(member: Member, delayMs: number, cause: string): void {
    const { children } = this.#input
    if (!isOneForOne(children)) {
      this.#regrouping.failed(member, delayMs, cause)
      return
    }
    this.pause(member, delayMs)
  }

  /** Its next life begins after this long, by itself. */
  pause(member: Member, delayMs: number): void {
    const { self, system } = this.#scope
    const over: BackoffOver =
      member.kind === 'agent'
        ? { type: 'BACKOFF_OVER', agentId: member.spec.agentId, incarnation: member.incarnation }
        : { type: 'GROUP_BACKOFF_OVER', path: member.spec.path }
    // A timer of 0 ms is one of 1 ms, and a turn of the loop.
    if (delayMs === 0) self.send(over)
    else system.scheduler.schedule(self, self, over, delayMs, timerOf(member))
  }

  cancel(member: Member): void {
    this.#scope.system.scheduler.cancel(this.#scope.self, timerOf(member))
  }

  /**
   * It came down by itself, and its policy brings it no further. A group gives up when its intensity is exceeded, or when
   * one that the others depend on cannot come back; it shuts itself down with its significant members.
   */
  over(member: Member, why: NoRestart | null, cause: string): void {
    const { children } = this.#input
    const { group } = children
    if (!group || children.closing) return
    if (why === 'intensity') {
      this.#regrouping.giveUp(`${cause}; ${exceeded(children, member.spec.restart)}`, false)
      return
    }
    const dependedOn = !isOneForOne(children) && (member.kind === 'group' || member.wasReady)
    if (why !== null && CANNOT.includes(why) && dependedOn)
      this.#regrouping.giveUp(`${cause}, and cannot come back`, true)
    else if (shutsDown(group.autoShutdown, member, membersOf(children)))
      this.#regrouping.shutDown(`${cause} (autoShutdown: ${group.autoShutdown})`)
  }
}

const timerOf = (member: Member): string => (member.kind === 'agent' ? member.spec.agentId : member.spec.path)

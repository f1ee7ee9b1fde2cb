/**
 * What a group does with its members together: it ends them from the last to the first, each after the one before is
 * gone, and starts them from the first to the last, each after the one before is ready. The chart says when
 * (`supervisor.ts`), this says whom. A `one_for_one` group, and the root, end theirs side by side.
 */
import type { AnyActorRef } from 'xstate'
import type { Reason } from './events.ts'
import { type Child, type Children, isKept, isLive, isOneForOne, type Member, membersOf } from './members.ts'
import { affectedBy, firstOf } from './strategies.ts'

/** How many are told to end before the event loop turns. */
const TOLD_A_TURN = 200

/** What its machine asks of the children of a group, or of the root. */
export type RegroupingRequest =
  | ({ readonly type: 'END_SOME' | 'KILL_REST' } & EndRequest)
  | { readonly type: 'START_NEXT' }

export interface EndRequest {
  readonly reason: Reason
  /** Monotonic milliseconds at which what still lives is killed, and at which nothing is waited for; `null`: never. */
  readonly killAtMs: number | null
  readonly giveUpAtMs: number | null
}

/**
 * Its supervisor died while it was down with others, or before it could take them along: that goes on, once all of them
 * have been adopted. `failed`: it came down by itself, and whoever goes with it goes; else those that are down start.
 */
export interface Regroup {
  readonly type: 'REGROUP'
  readonly agentId: string
  readonly pauseMs: number
  readonly failed: boolean
}

/** What the children of a group, or of the root, tell their machine. */
export type RegroupingNews =
  /** One is gone, or ready: what was waited for may have come. */
  | { readonly type: 'MOVED' }
  /** A member failed, and others go with it. */
  | { readonly type: 'FAILED'; readonly pauseMs: number; readonly cause: string }
  /** Someone wants one of them back now. */
  | { readonly type: 'RESUME' }
  /** `hopeless`: one that the others depend on cannot come back. */
  | { readonly type: 'GAVE_UP'; readonly hopeless: boolean; readonly cause: string }
  | { readonly type: 'AUTO_SHUTDOWN'; readonly cause: string }

/** What is done with one member. */
export interface Hands {
  begin(member: Member): void
  /** Tells a live one to end. */
  end(member: Member, request: EndRequest): void
  /** One that is down ends for good, or stays down until it is started again. */
  put(member: Member, request: EndRequest): void
}

export class Regrouping {
  readonly #children: Children
  readonly #machine: AnyActorRef
  readonly #hands: Hands

  constructor(children: Children, machine: AnyActorRef, hands: Hands) {
    this.#children = children
    this.#machine = machine
    this.#hands = hands
  }

  /** It is being ended with others, or will be: its end is no failure of its own. */
  isPlanned(member: Member): boolean {
    const { regrouping, current, toEnd } = this.#children
    return regrouping && ((current?.ending === true && current.member === member) || toEnd.includes(member))
  }

  /** A member that comes back failed: those that go with it are to end. Called again meanwhile, it plans anew. */
  failed(member: Member, pauseMs: number, cause: string): void {
    const children = this.#children
    const strategy = children.group?.strategy ?? 'one_for_one'
    const affected = affectedBy(strategy, membersOf(children), member)
    children.due.add(member)
    children.toEnd = affected.filter(isLive)
    children.regrouping = true
    if (children.current && !children.current.ending && affected.includes(children.current.member))
      children.current = null
    this.#tell({ type: 'FAILED', pauseMs, cause })
  }

  /**
   * What a supervisor before had begun. Of several members the first plans it all: the others are down, and due. Of one
   * that failed, those that go with it end; else those that are due start, and nobody ends.
   */
  goOn({ pauseMs, failed }: Regroup, child: Child | undefined): void {
    const children = this.#children
    if (!child || children.regrouping || !children.due.has(child)) return
    if (failed) {
      this.failed(child, pauseMs, `${child.spec.name} failed`)
      return
    }
    children.regrouping = true
    this.#tell({ type: 'FAILED', pauseMs: 0, cause: 'its supervisor died' })
  }

  /** The last of those that are to end, once nobody is waited for; side by side, as many as fit into a turn. */
  endSome(request: EndRequest): void {
    const children = this.#children
    const abreast = isOneForOne(children)
    let looked = 0
    while (looked < TOLD_A_TURN && (abreast || !children.current?.ending)) {
      const member = children.toEnd.pop()
      if (member === undefined) break
      looked += 1
      if (!isKept(children, member)) continue
      if (!isLive(member)) {
        this.#hands.put(member, request)
        continue
      }
      if (!abreast) children.current = { member, ending: true }
      this.#hands.end(member, request)
    }
    if (looked > 0 && !children.current?.ending) this.moved()
  }

  /** The first of those that are due, once nobody is waited for. */
  startNext(): void {
    const children = this.#children
    // It may have given up since it was asked.
    if (children.current || children.closing) return
    const next = firstOf(children.due)
    if (next === undefined) return
    children.due.delete(next)
    children.current = { member: next, ending: false }
    this.#hands.begin(next)
  }

  /** It is down, or ready. */
  settled(member: Member): void {
    if (this.#children.current?.member === member) this.#children.current = null
    this.moved()
  }

  /** It has ended, and is no member any more. */
  lost(member: Member): void {
    this.#children.due.delete(member)
    this.settled(member)
  }

  moved(): void {
    const { regrouping, closing, group } = this.#children
    if (regrouping || (closing && group)) this.#tell({ type: 'MOVED' })
  }

  resume(): void {
    this.#tell({ type: 'RESUME' })
  }

  giveUp(cause: string, hopeless: boolean): void {
    this.#tell({ type: 'GAVE_UP', hopeless, cause })
  }

  shutDown(cause: string): void {
    this.#tell({ type: 'AUTO_SHUTDOWN', cause })
  }

  #tell(news: RegroupingNews): void {
    this.#machine.send(news)
  }
}

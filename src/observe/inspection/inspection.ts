/**
 * An actor system as its viewers see it: first every actor as it is now, then what happens. Nothing is converted for
 * nobody: each viewer has a short queue of what XState tells, converted as that viewer reads, a little each turn of the
 * event loop. Who reads more slowly than the actors move is told how much was skipped, and shown all anew.
 */
import type { AnyActorRef, InspectionEvent } from 'xstate'
import { agentMachine } from '../../../machines/agent.ts'
import { realClock } from '../../clock.ts'
import { actorsUnder } from './actors.ts'
import { actorFrame, frameOf, missedFrame } from './frames.ts'

/** What waits for a viewer, in events; they are references, not yet converted. */
const MAX_WAITING = 2_000
/** The longest that one turn of the loop converts. */
const TURN_MS = 2

export interface InspectionOptions {
  /** Ends it, quietly. */
  readonly signal?: AbortSignal | undefined
  /** For tests. */
  readonly maxWaiting?: number
}

/** Frames of the inspector's protocol, each as JSON, until the root actor is over. */
export async function* inspected(
  root: AnyActorRef,
  { signal, maxWaiting = MAX_WAITING }: InspectionOptions = {},
): AsyncGenerator<string, void, void> {
  const viewer = new Viewer(root, maxWaiting)
  const leave = () => viewer.end()
  signal?.addEventListener('abort', leave, { once: true })
  if (signal?.aborted) leave()
  let untilMs = realClock.now() + TURN_MS
  try {
    for (;;) {
      if (realClock.now() >= untilMs) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        untilMs = realClock.now() + TURN_MS
      }
      const frame = viewer.next()
      if (frame !== undefined) yield frame
      else if (viewer.over) return
      else await viewer.arrival()
    }
  } finally {
    signal?.removeEventListener('abort', leave)
    viewer.end()
  }
}

class Viewer {
  readonly #root: AnyActorRef
  readonly #maxWaiting: number
  readonly #unsubscribe: () => void
  /** Actors that are still to be shown as they are; what happens to them until then is part of it. */
  #unseen: Set<AnyActorRef>
  /** Those that were shown, and not yet as being over. */
  readonly #shown = new Set<AnyActorRef>()
  #waiting: InspectionEvent[] = []
  /** Where the next one stands in `waiting`. */
  #at = 0
  #missed = 0
  #arrived: () => void = () => {}
  over = false

  constructor(root: AnyActorRef, maxWaiting: number) {
    this.#root = root
    this.#maxWaiting = maxWaiting
    this.#unseen = new Set(actorsUnder(root))
    const inspecting = root.system.inspect((event: InspectionEvent) => this.#take(event))
    const ending = root.subscribe({ complete: () => this.#last(), error: () => this.#last() })
    this.#unsubscribe = () => {
      inspecting.unsubscribe()
      ending.unsubscribe()
    }
    if (root.getSnapshot().status !== 'active') this.#last()
  }

  /** What is told next, as JSON; `undefined` when there is nothing at the moment. */
  next(): string | undefined {
    if (this.#missed > 0) {
      const missed = this.#missed
      this.#missed = 0
      return JSON.stringify(missedFrame(this.#root, missed))
    }
    for (const actor of this.#unseen) {
      this.#unseen.delete(actor)
      return this.#shownAs(actor)
    }
    const event = this.#waiting[this.#at]
    if (event === undefined) return undefined
    this.#at += 1
    if (this.#at === this.#waiting.length) {
      this.#waiting = []
      this.#at = 0
    }
    const actor = event.actorRef as AnyActorRef
    if (event.type === '@xstate.actor') return this.#shownAs(actor)
    if (event.type === '@xstate.snapshot') this.#noteEnd(actor, event.snapshot.status)
    return JSON.stringify(frameOf(event as Parameters<typeof frameOf>[0]))
  }

  arrival(): Promise<void> {
    return new Promise((resolve) => (this.#arrived = resolve))
  }

  /** Nobody reads any more. */
  end(): void {
    this.#unsubscribe()
    this.#unseen.clear()
    this.#shown.clear()
    this.#waiting = []
    this.#at = 0
    this.#missed = 0
    this.#last()
  }

  #shownAs(actor: AnyActorRef): string {
    this.#shown.add(actor)
    this.#noteEnd(actor, actor.getSnapshot().status)
    return JSON.stringify(actorFrame(actor, this.#root.sessionId))
  }

  /** Nothing follows of it: it need not be shown again when a viewer begins anew. */
  #noteEnd(actor: AnyActorRef, status: string): void {
    if (status !== 'active') this.#shown.delete(actor)
  }

  /** Called from the midst of what it tells of: nothing is done here but to remember. */
  #take(event: InspectionEvent): void {
    if (!isShown(event) || this.#unseen.has(event.actorRef as AnyActorRef)) return
    if (this.#waiting.length - this.#at >= this.#maxWaiting) this.#startAnew()
    else this.#waiting.push(event)
    this.#arrived()
  }

  #startAnew(): void {
    this.#missed += this.#waiting.length - this.#at + 1
    this.#waiting = []
    this.#at = 0
    // Whose end was skipped is shown too, as it is: over.
    this.#unseen = new Set([...actorsUnder(this.#root), ...this.#shown])
  }

  #last(): void {
    this.over = true
    this.#arrived()
  }
}

/** Heartbeats are for clocks, not for eyes: one is shown only where it made a stalling life run again. */
function isShown(event: InspectionEvent): boolean {
  switch (event.type) {
    case '@xstate.actor':
      return true
    case '@xstate.event':
    case '@xstate.snapshot':
      return event.event.type !== 'HEARTBEAT' || isLife(event.actorRef as AnyActorRef)
    default:
      return false
  }
}

const isLife = (actor: AnyActorRef): boolean =>
  (actor as { logic?: { config?: unknown } }).logic?.config === agentMachine.config

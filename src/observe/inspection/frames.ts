/**
 * The words of the Stately inspector's protocol: one JSON object for each actor, event and snapshot. They are those of
 * `@statelyai/inspect` 0.7, whose own conversion costs 155 µs an event, knows no bound in breadth, and is not exported.
 */
import type { AnyActorRef, AnyEventObject, InspectionEvent } from 'xstate'
import { realClock } from '../../clock.ts'
import { BOUNDS, bounded } from './bounded.ts'

/** The version of the protocol that is spoken. */
export const PROTOCOL = '0.7.2'

interface BaseFrame {
  readonly sessionId: string
  readonly rootId: string
  /** Milliseconds since 1970, as text. */
  readonly createdAt: string
  readonly id: null
  readonly _version: string
}

/** An actor, with its machine and the state it is in: told when it appears, and to a viewer who comes later. */
export interface ActorFrame extends BaseFrame {
  readonly type: '@xstate.actor'
  readonly name: string
  readonly parentId: string | undefined
  /** The definition of its machine, as JSON. */
  readonly definition: string
  readonly snapshot: unknown
}

export interface EventFrame extends BaseFrame {
  readonly type: '@xstate.event'
  readonly event: unknown
  /** The actor that sent it. */
  readonly sourceId: string | undefined
}

export interface SnapshotFrame extends BaseFrame {
  readonly type: '@xstate.snapshot'
  readonly event: unknown
  readonly snapshot: unknown
}

export type Frame = ActorFrame | EventFrame | SnapshotFrame

type Told = Extract<InspectionEvent, { type: '@xstate.event' | '@xstate.snapshot' }>

const base = (actor: AnyActorRef, rootId: string): BaseFrame => ({
  sessionId: actor.sessionId,
  rootId,
  createdAt: String(realClock.wallNow()),
  id: null,
  _version: PROTOCOL,
})

export const actorFrame = (actor: AnyActorRef, rootId: string): ActorFrame => ({
  type: '@xstate.actor',
  ...base(actor, rootId),
  name: nameOf(actor),
  parentId: parentOf(actor)?.sessionId,
  definition: definitionOf(actor),
  snapshot: snapshotOf(actor.getSnapshot()),
})

export const frameOf = (told: Told): EventFrame | SnapshotFrame =>
  told.type === '@xstate.event'
    ? {
        type: told.type,
        ...base(told.actorRef as AnyActorRef, told.rootId),
        event: eventOf(told.event),
        sourceId: told.sourceRef?.sessionId,
      }
    : {
        type: told.type,
        ...base(told.actorRef as AnyActorRef, told.rootId),
        event: eventOf(told.event),
        snapshot: snapshotOf(told.snapshot),
      }

/** A viewer was slower than the actors: it is told how much it has not seen, as an event of the root. */
export const missedFrame = (root: AnyActorRef, missed: number): EventFrame => ({
  type: '@xstate.event',
  ...base(root, root.sessionId),
  event: { type: 'reeve.inspection.skipped', events: missed },
  sourceId: undefined,
})

const eventOf = (event: AnyEventObject): unknown => bounded(event)

/** What a viewer shows of a snapshot; its machine and its inner nodes are left out. */
function snapshotOf(snapshot: unknown): unknown {
  if (typeof snapshot !== 'object' || snapshot === null) return bounded(snapshot)
  const { status, value, context, output, error, tags } = snapshot as Record<string, unknown>
  return {
    status,
    ...(value !== undefined && { value: bounded(value) }),
    ...(context !== undefined && { context: bounded(context) }),
    ...(output !== undefined && { output: bounded(output) }),
    ...(error !== undefined && { error: bounded(error) }),
    ...(tags instanceof Set && { tags: [...tags] }),
  }
}

export const parentOf = (actor: AnyActorRef): AnyActorRef | undefined => actor._parent

/** A life is called after its agent; everything else as it calls itself. */
function nameOf(actor: AnyActorRef): string {
  const { context } = actor.getSnapshot() as { context?: { name?: unknown; incarnation?: unknown } }
  const { name, incarnation } = context ?? {}
  if (typeof name === 'string' && typeof incarnation === 'number') return `${name} · life ${incarnation}`
  const machine = configOf(actor)?.id
  return actor.id === actor.sessionId && typeof machine === 'string' ? machine : actor.id
}

const configOf = (actor: AnyActorRef): { readonly id?: unknown } | undefined =>
  (actor as { logic?: { config?: { id?: unknown } } }).logic?.config

/** One machine has thousands of actors. */
const definitions = new WeakMap<object, string>()
const WHOLE = { ...BOUNDS, depth: 40, width: 1_000, nodes: 20_000 }

function definitionOf(actor: AnyActorRef): string {
  const config = configOf(actor)
  if (config === undefined) return JSON.stringify({ id: actor.id })
  const known = definitions.get(config)
  if (known !== undefined) return known
  const text = JSON.stringify(bounded(config, WHOLE))
  definitions.set(config, text)
  return text
}

/** Every actor of a system that lives now, parents before their children: the root, groups, keepers, lives. */
import type { AnyActorRef } from 'xstate'
import type { Children } from '../../../machines/members.ts'

export function* actorsUnder(actor: AnyActorRef): Generator<AnyActorRef> {
  yield actor
  for (const child of childrenOf(actor)) yield* actorsUnder(child)
}

/** A machine has its children in its snapshot; the keeper of agents and groups has them in its context. */
function childrenOf(actor: AnyActorRef): AnyActorRef[] {
  const { children = {}, context } = actor.getSnapshot() as {
    children?: Readonly<Record<string, AnyActorRef | undefined>>
    context?: unknown
  }
  const own = Object.values(children).filter((child) => child !== undefined)
  return [...own, ...keptBy(context)]
}

function keptBy(context: unknown): AnyActorRef[] {
  if (typeof context !== 'object' || context === null) return []
  const { children, parent } = context as { children?: Partial<Children>; parent?: unknown }
  // The supervisor has the same structure in its own context; the actors are children of its keeper.
  if (parent === undefined || !(children?.byId instanceof Map)) return []
  const lives = [...children.byId.values()].flatMap(({ ref }) => (ref ? [ref] : []))
  const groups = [...(children.groups?.values() ?? [])].map(({ ref }) => ref)
  return [...groups, ...lives]
}

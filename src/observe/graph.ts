/** Any XState machine as a plain graph: every state, and every transition that its definition has. */
import type { AnyStateMachine } from 'xstate'

export interface GraphState {
  /** Its path under the root: `terminating.climbing`. The root is the empty path. */
  readonly id: string
  readonly name: string
  /** The path of the state around it; `null` for the root. */
  readonly parent: string | null
  readonly final: boolean
  /** The path of the substate that it begins in; `null` where it has none. */
  readonly initial: string | null
  /** Left at once and always: nothing but `always`, the last one without a guard. */
  readonly transient: boolean
}

/** `on`: an event. `after`: a delay. `always`: neither. */
export type EdgeKind = 'on' | 'after' | 'always'

export interface GraphEdge {
  /** `<from> <kind> <name> <index>`: unique in its machine. */
  readonly id: string
  readonly from: string
  /** `null`: it changes no state. */
  readonly to: string | null
  readonly kind: EdgeKind
  /** The event, `*`, or the delay; empty for `always`. */
  readonly name: string
  readonly guard: string | null
}

export interface Graph {
  readonly id: string
  readonly states: ReadonlyMap<string, GraphState>
  readonly edges: readonly GraphEdge[]
}

type Node = AnyStateMachine['root']
type Transition = NonNullable<Node['always']>[number]

const pathOf = (node: Node): string => node.path.join('.')

/** Walks a machine from its root. Substates follow their parents, edges the order of the definition. */
export function graphOf(machine: AnyStateMachine): Graph {
  const states = new Map<string, GraphState>()
  const edges: GraphEdge[] = []
  const walk = (node: Node): void => {
    states.set(pathOf(node), stateOf(node))
    edges.push(...edgesOf(node))
    for (const child of Object.values(node.states) as Node[]) walk(child)
  }
  walk(machine.root)
  return { id: machine.id, states, edges }
}

function stateOf(node: Node): GraphState {
  const initial = node.type === 'compound' ? node.initial.target[0] : undefined
  const leaves = node.always?.some((transition) => transition.guard === undefined) ?? false
  return {
    id: pathOf(node),
    name: node.key,
    parent: node.parent ? pathOf(node.parent) : null,
    final: node.type === 'final',
    initial: initial ? pathOf(initial) : null,
    transient: leaves && node.transitions.size === 0,
  }
}

function edgesOf(node: Node): GraphEdge[] {
  const from = pathOf(node)
  const delays = new Map(node.after.map(({ eventType, delay }) => [eventType, String(delay)]))
  const edge = (kind: EdgeKind, name: string, index: number, transition: Transition): GraphEdge => {
    const target = transition.target?.[0]
    return {
      id: `${from} ${kind} ${name} ${index}`,
      from,
      to: target ? pathOf(target) : null,
      kind,
      name,
      guard: guardOf(transition),
    }
  }
  const moved = [...node.transitions].flatMap(([eventType, transitions]) => {
    const delay = delays.get(eventType)
    return transitions.map((each, i) =>
      delay === undefined ? edge('on', eventType, i, each) : edge('after', delay, i, each),
    )
  })
  return [...(node.always ?? []).map((each, i) => edge('always', '', i, each)), ...moved]
}

function guardOf({ guard }: Transition): string | null {
  if (guard === undefined) return null
  if (typeof guard === 'string') return guard
  return 'type' in guard ? String(guard.type) : guard.name
}

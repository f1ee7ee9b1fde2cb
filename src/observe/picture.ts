/**
 * What of a graph is drawn, and how it is told: transient states are gone through, parallel edges are one arrow with
 * several words, and every edge that is not drawn is counted as hidden, with the reason.
 */
import type { Graph, GraphEdge, GraphState } from './graph.ts'
import { WORDS, type Words, wordOf } from './words.ts'

/** What a state is about; it decides the colour of the state and of the arrows that lead to it. */
export type Tone = 'start' | 'run' | 'doubt' | 'ending' | 'end' | 'between'

export interface Shape {
  readonly id: string
  readonly label: string
  readonly gloss: string | null
  /** The shape around it. */
  readonly parent: string | null
  readonly final: boolean
  readonly tone: Tone
}

export interface Arrow {
  /** `null`: where everything begins. */
  readonly from: string | null
  readonly to: string
  readonly words: readonly string[]
  /** The ids of the edges it stands for; none for an arrow that the machine's parent, not the machine, goes. */
  readonly edges: readonly string[]
  readonly dashed: boolean
  readonly tone: Tone
}

export interface Picture {
  readonly title: string
  readonly shapes: readonly Shape[]
  readonly arrows: readonly Arrow[]
  /** Edges that are not drawn, with the reason. */
  readonly hidden: ReadonlyMap<string, string>
  readonly now?: Now
}

/** Where somebody stands in a picture, and by which arrow they came. */
export interface Now {
  readonly state: string
  /** `null`: from where everything begins. */
  readonly from: string | null
  /** Who it is, and how things stand. */
  readonly caption: string
}

export const isHere = ({ now }: Picture, shape: Shape): boolean => now?.state === shape.id
export const wasWalked = ({ now }: Picture, { from, to }: Arrow): boolean =>
  now !== undefined && now.from === from && now.state === to

/** What stands before the state that somebody is in, and before the words of the arrow by which they came. */
export const HERE = '● '
export const WALKED = '▸ '

/** An arrow, or a state, that lies outside the machine: between two lives of an agent. */
export interface Beyond {
  readonly states: readonly string[]
  readonly arrows: readonly { readonly from: string; readonly to: string; readonly word: string }[]
}

export interface View {
  readonly title: string
  /** The top-level states whose substates are shown; those of all others are folded into them. */
  readonly opened: readonly string[]
  /** By top-level state. */
  readonly tones: Readonly<Record<string, Tone>>
  readonly gloss?: Readonly<Record<string, string>>
  /** Guards, or events, of edges that are left out, with the reason. */
  readonly leaveOut?: Readonly<Record<string, string>>
  /** States whose edges are drawn and add no words: what happens there is for a closer look. */
  readonly unsaid?: readonly string[]
  readonly beyond?: Beyond
  readonly words?: Words
}

interface Way {
  readonly from: string | null
  readonly to: string
  readonly word: string
  readonly edges: readonly string[]
}

export function pictureOf(graph: Graph, view: View): Picture {
  const hidden = new Map<string, string>()
  const ways: Way[] = []
  for (const way of waysOf(graph, view, hidden)) {
    const from = way.from === null ? null : folded(graph, view, way.from)
    const to = folded(graph, view, way.to)
    const inside = from === to && (way.from !== from || way.to !== to)
    if (inside) for (const edge of way.edges) hidden.set(edge, `within ${to}`)
    else for (const each of spread(graph, from, to)) ways.push({ ...way, from: each, to })
  }
  const drawn = new Set(ways.flatMap((way) => way.edges))
  for (const edge of drawn) hidden.delete(edge)
  const tone = (id: string): Tone => view.tones[id.split('.')[0] ?? ''] ?? 'between'
  return { title: view.title, shapes: shapesOf(graph, view, tone), arrows: merged(ways, view, tone), hidden }
}

/** Every way from one visible state to the next, and from the beginning. */
function waysOf(graph: Graph, view: View, hidden: Map<string, string>): Way[] {
  const hide = (edge: GraphEdge): string | undefined =>
    edge.to === null ? 'changes no state' : (view.leaveOut?.[edge.guard ?? ''] ?? view.leaveOut?.[edge.name])
  const onward = (to: string, word: string, edges: readonly string[]): Omit<Way, 'from'>[] => {
    const at = initialLeaf(graph, to)
    if (!at.transient) return [{ to: at.id, word, edges }]
    return graph.edges
      .filter((edge) => edge.from === at.id)
      .flatMap((edge) => {
        const why = hide(edge)
        if (why !== undefined) hidden.set(edge.id, why)
        if (why !== undefined || edge.to === null) return []
        return onward(edge.to, wordOf(edge, view.words ?? WORDS) || word, [...edges, edge.id])
      })
  }
  const begin = onward('', '', []).map((way) => ({ ...way, from: null }))
  const rest = graph.edges.flatMap((edge) => {
    if (graph.states.get(edge.from)?.transient) return []
    const why = hide(edge)
    if (why !== undefined) hidden.set(edge.id, why)
    if (why !== undefined || edge.to === null) return []
    const said = wordOf(edge, view.words ?? WORDS)
    const word = view.unsaid?.includes(edge.from) ? '' : said
    return onward(edge.to, word, [edge.id]).map((way) => ({ ...way, from: edge.from }))
  })
  return [...begin, ...rest]
}

function initialLeaf(graph: Graph, id: string): GraphState {
  const state = graph.states.get(id)
  if (!state) throw new Error(`the graph ${graph.id} has no state "${id}"`)
  return state.initial === null ? state : initialLeaf(graph, state.initial)
}

const folded = (graph: Graph, view: View, id: string): string => {
  const top = id.split('.')[0] ?? id
  return graph.states.has(id) && !view.opened.includes(top) ? top : id
}

/** An edge from a state into its own inside starts at each substate: no arrow can leave a box inwards. */
function spread(graph: Graph, from: string | null, to: string): (string | null)[] {
  if (from === null || !to.startsWith(`${from}.`)) return [from]
  return [...graph.states.values()]
    .filter(({ id, parent, transient }) => parent === from && !transient && id !== to)
    .map(({ id }) => id)
}

function shapesOf(graph: Graph, view: View, tone: (id: string) => Tone): Shape[] {
  const shape = (id: string, label: string, parent: string | null, final: boolean): Shape => ({
    id,
    label,
    gloss: view.gloss?.[id] ?? null,
    parent,
    final,
    tone: tone(id),
  })
  const own = [...graph.states.values()]
    .filter(({ id, transient }) => id !== '' && !transient && folded(graph, view, id) === id)
    .map(({ id, name, parent, final }) => shape(id, name, parent === '' ? null : parent, final))
  const beyond = (view.beyond?.states ?? []).map((id) => shape(id, id, null, false))
  return [...own, ...beyond]
}

/** Ways between the same two states are one arrow, its words in order, each once. */
function merged(ways: readonly Way[], view: View, tone: (id: string) => Tone): Arrow[] {
  const arrows = new Map<
    string,
    { from: string | null; to: string; words: Set<string>; edges: Set<string> }
  >()
  for (const { from, to, word, edges } of ways) {
    const key = `${from} → ${to}`
    const arrow = arrows.get(key) ?? { from, to, words: new Set(), edges: new Set() }
    arrows.set(key, arrow)
    if (word !== '') arrow.words.add(word)
    for (const edge of edges) arrow.edges.add(edge)
  }
  const own = [...arrows.values()].map(({ from, to, words, edges }) => ({
    from,
    to,
    words: [...words],
    edges: [...edges],
    dashed: false,
    tone: tone(to),
  }))
  const beyond = (view.beyond?.arrows ?? []).map(({ from, to, word }) => ({
    from,
    to,
    words: [word],
    edges: [],
    dashed: true,
    tone: tone(to),
  }))
  return [...own, ...beyond]
}

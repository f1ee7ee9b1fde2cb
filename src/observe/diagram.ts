/** The pictures of the machines, as text: those in `diagrams/`, and the machine of an agent as it stands now. */
import { dotOf } from './dot.ts'
import { mermaidOf } from './mermaid.ts'
import { type Now, type Picture, pictureOf } from './picture.ts'
import { type NamedView, VIEWS } from './views.ts'

/** A picture in the languages that draw it. */
export interface Drawable {
  readonly mermaid: string
  readonly dot: string
}

export interface Diagram extends Drawable {
  /** The name of its files, without an ending. */
  readonly name: string
  readonly picture: Picture
}

function diagramOf({ name, graph, view, layout }: NamedView, now?: Now): Diagram {
  const picture = { ...pictureOf(graph, view), ...(now && { now }) }
  return { name, picture, mermaid: mermaidOf(picture), dot: dotOf(picture, layout) }
}

export const diagrams = (): Diagram[] => VIEWS.map((view) => diagramOf(view))

/** The machine of an agent, with its present state lit and the arrow by which it came. */
export const agentDiagram = (now: Now): Diagram => diagramOf(VIEWS[0] as NamedView, now)

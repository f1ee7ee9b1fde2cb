/** The pictures in `diagrams/`, as text. */
import { dotOf } from './dot.ts'
import { mermaidOf } from './mermaid.ts'
import { type Picture, pictureOf } from './picture.ts'
import { VIEWS } from './views.ts'

export interface Diagram {
  /** The name of its files, without an ending. */
  readonly name: string
  readonly picture: Picture
  readonly mermaid: string
  readonly dot: string
}

export const diagrams = (): Diagram[] =>
  VIEWS.map(({ name, graph, view, layout }) => {
    const picture = pictureOf(graph, view)
    return { name, picture, mermaid: mermaidOf(picture), dot: dotOf(picture, layout) }
  })

/** A picture as Mermaid text, which GitHub draws by itself. */

import { COLOURS } from './colours.ts'
import { HERE, isHere, type Picture, type Shape, WALKED, wasWalked } from './picture.ts'

const idOf = (id: string): string => id.replaceAll('.', '_')

export function mermaidOf(picture: Picture): string {
  const inside = (parent: string | null): Shape[] => picture.shapes.filter((shape) => shape.parent === parent)
  const lines = (shape: Shape, indent: string): string[] => {
    const children = inside(shape.id)
    const own = `${indent}state "${isHere(picture, shape) ? HERE : ''}${shape.label}" as ${idOf(shape.id)}`
    if (children.length === 0) return [own]
    return [`${own} {`, ...children.flatMap((child) => lines(child, `${indent}  `)), `${indent}}`]
  }
  const isBox = (id: string): boolean => inside(id).length > 0
  const arrows = picture.arrows.map((arrow) => {
    const { from, to, words } = arrow
    // A colon ends the arrow and begins its words; a second one is no part of the language.
    const said = `${wasWalked(picture, arrow) ? WALKED : ''}${words.join(', ').replaceAll(':', ' –')}`
    const label = said === '' ? '' : `: ${said}`
    return `  ${from === null ? '[*]' : idOf(from)} --> ${idOf(to)}${label}`
  })
  const tones = [...new Set(picture.shapes.map((shape) => shape.tone))]
  const classes = tones.flatMap((tone) => {
    const { fill, line, text } = COLOURS[tone]
    const members = picture.shapes.filter((shape) => shape.tone === tone && !isBox(shape.id))
    return [
      `  classDef ${tone}Tone fill:${fill},stroke:${line},color:${text}`,
      `  class ${members.map((shape) => idOf(shape.id)).join(',')} ${tone}Tone`,
    ]
  })
  const title = ['---', `title: ${titleOf(picture)}`, '---', 'stateDiagram-v2']
  const here = picture.shapes.filter((shape) => isHere(picture, shape)).flatMap(lit)
  const shapes = inside(null).flatMap((shape) => lines(shape, '  '))
  return [...title, ...shapes, ...arrows, ...classes, ...here, ''].join('\n')
}

/** Quoted as YAML reads it, where somebody's name stands in it. */
const titleOf = ({ title, now }: Picture): string => (now === undefined ? title : JSON.stringify(now.caption))

function lit({ id, tone }: Shape): string[] {
  const { line, text } = COLOURS[tone]
  return [
    `  classDef here fill:${line},stroke:${text},color:#ffffff,stroke-width:4px`,
    `  class ${idOf(id)} here`,
  ]
}

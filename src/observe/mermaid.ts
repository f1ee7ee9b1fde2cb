/** A picture as Mermaid text, which GitHub draws by itself. */

import { COLOURS } from './colours.ts'
import type { Picture, Shape } from './picture.ts'

const idOf = (id: string): string => id.replaceAll('.', '_')

export function mermaidOf(picture: Picture): string {
  const inside = (parent: string | null): Shape[] => picture.shapes.filter((shape) => shape.parent === parent)
  const lines = (shape: Shape, indent: string): string[] => {
    const children = inside(shape.id)
    const own = `${indent}state "${shape.label}" as ${idOf(shape.id)}`
    if (children.length === 0) return [own]
    return [`${own} {`, ...children.flatMap((child) => lines(child, `${indent}  `)), `${indent}}`]
  }
  const isBox = (id: string): boolean => inside(id).length > 0
  const arrows = picture.arrows.map(({ from, to, words }) => {
    // A colon ends the arrow and begins its words; a second one is no part of the language.
    const label = words.length > 0 ? `: ${words.join(', ').replaceAll(':', ' –')}` : ''
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
  const title = ['---', `title: ${picture.title}`, '---', 'stateDiagram-v2']
  return [...title, ...inside(null).flatMap((shape) => lines(shape, '  ')), ...arrows, ...classes, ''].join(
    '\n',
  )
}

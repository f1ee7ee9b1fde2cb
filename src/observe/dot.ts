/** A picture as Graphviz text. */
import { COLOURS } from './colours.ts'
import { type Arrow, HERE, isHere, type Picture, type Shape, WALKED, wasWalked } from './picture.ts'

export interface Layout {
  /** States that follow each other straight down; the first line is the main path. */
  readonly lines: readonly (readonly string[])[]
  /** States that stand beside each other. */
  readonly rows: readonly (readonly string[])[]
  /** By `from → to`: Graphviz's attributes of one arrow. */
  readonly arrows?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export const FONT = 'Helvetica'
/** Words that are longer together stand below each other. */
const ONE_LINE = 16
/** A backslash, a quote and an ampersand mean something in there; a line break may stand as it is. */
export const quoted = (text: string): string => JSON.stringify(text.replaceAll('&', '&amp;'))
export const attributes = (entries: Readonly<Record<string, string | number>>): string =>
  Object.entries(entries)
    .map(([key, value]) => `${key}=${quoted(String(value))}`)
    .join(' ')

export function dotOf(picture: Picture, layout: Layout): string {
  const inside = (parent: string | null): Shape[] => picture.shapes.filter((shape) => shape.parent === parent)
  const lines = (shape: Shape): string[] => {
    const children = inside(shape.id)
    if (children.length === 0)
      return [`${quoted(shape.id)} [${nodeOf(shape, layout, isHere(picture, shape))}]`]
    const { fill, line, text } = COLOURS[shape.tone]
    const box = attributes({
      label: shape.label,
      style: 'rounded',
      color: line,
      bgcolor: `${fill}66`,
      fontcolor: text,
    })
    return [`subgraph ${quoted(`cluster ${shape.id}`)} { graph [${box}]`, ...children.flatMap(lines), '}']
  }
  /** Where an arrow of a box is tied: at the last state within, so that what follows the box stands below it. */
  const leafOf = (id: string): string => {
    const last = inside(id).at(-1)
    return last ? leafOf(last.id) : id
  }
  const isBox = (id: string): boolean => inside(id).length > 0
  const arrow = (each: Arrow): string => {
    const from = each.from ?? 'start'
    const border = {
      ...(isBox(from) && { ltail: `cluster ${from}` }),
      ...(isBox(each.to) && { lhead: `cluster ${each.to}` }),
    }
    return `${quoted(leafOf(from))} -> ${quoted(leafOf(each.to))} [${attributes({ ...arrowOf(each, layout, wasWalked(picture, each)), ...border })}]`
  }
  return [
    `digraph ${quoted(picture.title)} {`,
    `graph [${attributes({ rankdir: 'TB', compound: 'true', bgcolor: 'white', pad: 0.3, nodesep: 0.35, ranksep: 0.42, fontname: FONT, fontsize: 13, ...captionOf(picture) })}]`,
    `node [${attributes({ shape: 'box', style: 'rounded,filled', fontname: FONT, fontsize: 11, margin: '0.2,0.1', penwidth: 1.3 })}]`,
    `edge [${attributes({ fontname: FONT, fontsize: 11, arrowsize: 0.7, penwidth: 1.2 })}]`,
    '"start" [shape=circle style=filled fillcolor="#111827" label="" width=0.16 group="line 0"]',
    ...inside(null).flatMap(lines),
    ...layout.rows.map((row) => `{ rank=same; ${row.map(quoted).join('; ')} }`),
    ...picture.arrows.map(arrow),
    '}',
    '',
  ].join('\n')
}

const captionOf = ({ now }: Picture): Record<string, string> =>
  now === undefined ? {} : { label: now.caption, labelloc: 't' }

function nodeOf(shape: Shape, layout: Layout, here: boolean): string {
  const { fill, line: border, text } = COLOURS[shape.tone]
  const line = layout.lines.findIndex((each) => each.includes(shape.id))
  const label = here ? `${HERE}${shape.label}` : shape.label
  return attributes({
    label: shape.gloss === null ? label : `${label}\n${shape.gloss}`,
    fillcolor: here ? border : fill,
    color: here ? text : border,
    fontcolor: here ? '#ffffff' : text,
    ...(here && { penwidth: 3 }),
    ...(shape.final && { peripheries: 2 }),
    ...(line >= 0 && { group: `line ${line}` }),
  })
}

function arrowOf(
  { from, to, words, dashed, tone }: Arrow,
  { lines, arrows }: Layout,
  walked: boolean,
): Record<string, string | number> {
  const { line } = COLOURS[tone]
  const straight =
    from === null || lines.some((line) => line.some((id, i) => id === from && line[i + 1] === to))
  return {
    label: labelOf(walked ? [`${WALKED}${words[0] ?? ''}`, ...words.slice(1)] : words),
    color: line,
    fontcolor: line,
    ...arrows?.[`${from} → ${to}`],
    ...(dashed && { style: 'dashed' }),
    ...(straight && { weight: 20, penwidth: 2 }),
    ...(walked && { penwidth: 4, arrowsize: 1 }),
  }
}

/** One line while it is short; indented, so that it stands clear of its arrow. */
function labelOf(words: readonly string[]): string {
  const oneLine = words.join(', ')
  const lines = oneLine.length <= ONE_LINE ? [oneLine] : words
  return lines.map((line) => `\u00a0\u00a0${line}\u00a0`).join('\n')
}

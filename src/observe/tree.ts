/** A tree of what runs, as Mermaid and as Graphviz text. Names are anybody's: in neither do they mean anything. */
import { COLOURS } from './colours.ts'
import type { Drawable } from './diagram.ts'
import { attributes, FONT } from './dot.ts'
import type { Tone } from './picture.ts'

export interface Branch {
  /** A supervisor has others under it, an agent has none, `rest` stands for those that are not drawn. */
  readonly kind: 'supervisor' | 'agent' | 'rest'
  /** On lines of their own, its name first. No control characters. */
  readonly lines: readonly string[]
  readonly tone: Tone
  readonly under: readonly Branch[]
}

interface Placed {
  readonly id: string
  readonly branch: Branch
  readonly parent: string | null
}

function placed(root: Branch): Placed[] {
  const all: Placed[] = []
  const walk = (branch: Branch, parent: string | null): void => {
    const id = `n${all.length}`
    all.push({ id, branch, parent })
    for (const each of branch.under) walk(each, id)
  }
  walk(root, null)
  return all
}

export function drawableTree(title: string, root: Branch): Drawable {
  const all = placed(root)
  return { mermaid: mermaidTree(title, all), dot: dotTree(title, all) }
}

/** Everything but letters, digits and the plainest marks, as an entity: the language has no other escape. */
const entities = (text: string): string =>
  text.replaceAll(/[^\p{L}\p{N} .,_·-]/gu, (each) => `#${each.codePointAt(0)};`)

const SHAPES: Readonly<Record<Branch['kind'], readonly [string, string]>> = {
  supervisor: ['["', '"]'],
  agent: ['("', '")'],
  rest: ['[["', '"]]'],
}

function mermaidTree(title: string, all: readonly Placed[]): string {
  const nodes = all.map(({ id, branch: { kind, lines } }) => {
    const [open, close] = SHAPES[kind]
    return `  ${id}${open}${lines.map(entities).join('<br/>')}${close}`
  })
  const edges = all.flatMap(({ id, parent }) => (parent === null ? [] : [`  ${parent} --> ${id}`]))
  const classes = [...new Set(all.map(({ branch }) => branch.tone))].flatMap((tone) => {
    const { fill, line, text } = COLOURS[tone]
    const members = all.filter(({ branch }) => branch.tone === tone).map(({ id }) => id)
    return [
      `  classDef ${tone}Tone fill:${fill},stroke:${line},color:${text}`,
      `  class ${members.join(',')} ${tone}Tone`,
    ]
  })
  const head = ['---', `title: ${JSON.stringify(title)}`, '---', 'flowchart LR']
  return [...head, ...nodes, ...edges, ...classes, ''].join('\n')
}

function dotTree(title: string, all: readonly Placed[]): string {
  const nodes = all.map(({ id, branch: { kind, lines, tone } }) => {
    const { fill, line, text } = COLOURS[tone]
    const look = { label: lines.join('\n'), fillcolor: fill, color: line, fontcolor: text }
    return `${id} [${attributes({ ...look, ...(kind === 'supervisor' && { style: 'filled', penwidth: 2.2 }), ...(kind === 'rest' && { style: 'rounded,dashed' }) })}]`
  })
  const edges = all.flatMap(({ id, parent }) => (parent === null ? [] : [`${parent} -> ${id}`]))
  return [
    'digraph system {',
    `graph [${attributes({ rankdir: 'LR', bgcolor: 'white', pad: 0.3, nodesep: 0.18, ranksep: 0.6, fontname: FONT, fontsize: 13, label: title, labelloc: 't' })}]`,
    `node [${attributes({ shape: 'box', style: 'rounded,filled', fontname: FONT, fontsize: 11, margin: '0.2,0.1', penwidth: 1.3 })}]`,
    `edge [${attributes({ color: '#6b7280', arrowsize: 0.6, penwidth: 1.1 })}]`,
    ...nodes,
    ...edges,
    '}',
    '',
  ].join('\n')
}

/** Graphviz text as SVG, in this process: what draws it is loaded when it is first asked for. */
import type { Viz } from '@viz-js/viz'
import { framed } from '../observe/frame.ts'

let loading: Promise<Viz> | undefined

export async function svgOf(dot: string): Promise<string> {
  loading ??= import('@viz-js/viz').then(({ instance }) => instance())
  return framed((await loading).renderString(dot, { format: 'svg' }))
}

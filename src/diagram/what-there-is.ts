/** What can be drawn, and in which formats: known without the machines. */

export const FORMATS = ['mermaid', 'svg', 'dot'] as const
export type DiagramFormat = (typeof FORMATS)[number]

/** The machines as they are defined, and `system`: the tree of root, groups and agents. Any other word is an agent. */
export const MACHINES: readonly string[] = ['agent', 'agent-detail', 'supervisor']
export const SYSTEM = 'system'

export const needsReeve = (what: string): boolean => !MACHINES.includes(what)

const BY_ENDING: Readonly<Record<string, DiagramFormat>> = {
  svg: 'svg',
  dot: 'dot',
  gv: 'dot',
  mmd: 'mermaid',
  mermaid: 'mermaid',
}

/** The format that a file's name asks for; `undefined` where its ending says nothing. */
export const formatOf = (file: string): DiagramFormat | undefined =>
  BY_ENDING[file.slice(file.lastIndexOf('.') + 1).toLowerCase()]

/** Root, groups and agents as they run now, as a tree. */
import type { GroupRecord } from '../group-record.ts'
import type { Drawable } from '../observe/diagram.ts'
import { AGENT_TONES } from '../observe/tones.ts'
import { type Branch, drawableTree } from '../observe/tree.ts'
import { SUPERVISOR_TONES } from '../observe/views.ts'
import type { Reeve } from '../reeve.ts'
import type { AgentRecord } from '../registry/record.ts'
import { whyOf } from '../terminal/why.ts'
import { brief, standing } from './brief.ts'

/** Mermaid draws 500 arrows at most, and nobody reads more. What is not as it should be is drawn first. */
export const MOST_AGENTS = 300

export async function systemDiagram(reeve: Reeve): Promise<Drawable> {
  const [groups, agents] = await Promise.all([reeve.groups(), reeve.list()])
  const title = `${some(agents.length, 'agent')}${groups.length > 1 ? ` in ${some(groups.length - 1, 'group')}` : ''}`
  return drawableTree(title, treeOf(groups, agents))
}

type Drawn = Pick<GroupRecord, 'path' | 'state' | 'strategy' | 'cause'>

export function treeOf(groups: readonly Drawn[], agents: readonly AgentRecord[]): Branch {
  const troubled = (record: AgentRecord): number => (record.state === 'running' ? 1 : 0)
  const drawn = new Set([...agents].sort((a, b) => troubled(a) - troubled(b)).slice(0, MOST_AGENTS))
  const [root, ...others] = groups
  const known = new Set(others.map(({ path }) => path))
  /** A group that was opened between the two answers is not known yet: its agents stand under the one around it. */
  const homeOf = (path: string): string => (path === '' || known.has(path) ? path : homeOf(parentOf(path)))
  const membersOf = (path: string) => agents.filter(({ group }) => homeOf(group ?? '') === path)
  const branch = (group: Drawn): Branch => {
    const members = membersOf(group.path)
    const left = members.filter((record) => !drawn.has(record))
    return {
      kind: 'supervisor',
      lines: linesOf(group),
      tone: SUPERVISOR_TONES[group.state],
      under: [
        ...members.filter((record) => drawn.has(record)).map(leaf),
        ...(left.length > 0 ? [rest(left)] : []),
        ...others.filter(({ path }) => homeOf(parentOf(path)) === group.path).map(branch),
      ],
    }
  }
  return branch(root as Drawn)
}

const parentOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '')
const some = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

function linesOf({ path, state, strategy, cause }: Drawn): string[] {
  const name = path === '' ? 'root' : brief(path.slice(path.lastIndexOf('/') + 1))
  return [name, `${state} · ${strategy}`, ...(cause ? [brief(cause)] : [])]
}

function leaf(record: AgentRecord): Branch {
  const why = brief(whyOf(record))
  return {
    kind: 'agent',
    lines: [brief(record.name), standing(record), ...(why === '' ? [] : [why])],
    tone: AGENT_TONES[record.state],
    under: [],
  }
}

function rest(records: readonly AgentRecord[]): Branch {
  const counts = new Map<string, number>()
  for (const { state } of records) counts.set(state, (counts.get(state) ?? 0) + 1)
  const said = [...counts].map(([state, count]) => `${count} ${state}`).join(', ')
  return { kind: 'rest', lines: [`and ${some(records.length, 'agent')} more`, said], tone: 'end', under: [] }
}

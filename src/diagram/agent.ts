/** One agent in the picture of its machine: the state it is in, and the arrow by which it came there. */
import { ReeveError } from '../errors.ts'
import { agentDiagram, type Drawable } from '../observe/diagram.ts'
import type { Reeve } from '../reeve.ts'
import { type AgentRecord, fold } from '../registry/record.ts'
import { brief, standing } from './brief.ts'

export async function lifeDiagram(reeve: Reeve, idOrName: string): Promise<Drawable> {
  const entries = await reeve.history(await idOf(reeve, idOrName))
  // The record of these very entries: state and arrow are of one moment.
  const record = entries.reduce<AgentRecord | undefined>(fold, undefined)
  const last = entries.findLast(({ from, to }) => from !== to)
  if (!record || !last) throw unknown(idOrName)
  return agentDiagram({
    state: last.to,
    from: last.from,
    caption: `${brief(record.name)} · ${standing(record)}`,
  })
}

/** An agent that has ended long ago is known by its record alone. */
async function idOf(reeve: Reeve, idOrName: string): Promise<string> {
  const handle = await reeve.get(idOrName)
  if (handle) return handle.id
  const known = await reeve.records()
  const record = known.find(({ id }) => id === idOrName) ?? known.find(({ name }) => name === idOrName)
  if (!record) throw unknown(idOrName)
  return record.id
}

const unknown = (idOrName: string): ReeveError =>
  new ReeveError('agent_not_found', `no agent has the id or name ${JSON.stringify(idOrName)}`)

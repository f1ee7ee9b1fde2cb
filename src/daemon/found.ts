/** Finding an agent by id or name: in memory, else, when it ended before this daemon began, in the registry. */
import type { Agent } from '../agent.ts'
import { ReeveError } from '../errors.ts'
import type { AgentRecord } from '../registry/record.ts'
import type { Served } from './route.ts'

export interface Found {
  /** Absent: the registry alone knows it, and it has ended. */
  readonly agent: Agent | undefined
  readonly record: AgentRecord
}

/** @throws ReeveError `agent_not_found`, `registry_unavailable` */
export async function found({
  reeve,
  inTurn,
  id,
}: Pick<Served, 'reeve' | 'inTurn'> & { id: string }): Promise<Found> {
  const agent = reeve.get(id)
  if (agent) return { agent, record: agent.record }
  const known = await inTurn(() => reeve.records())
  const record = known.find((each) => each.id === id) ?? known.find((each) => each.name === id)
  if (!record) throw new ReeveError('agent_not_found', `no agent has the id or name ${JSON.stringify(id)}`)
  return { agent: undefined, record }
}

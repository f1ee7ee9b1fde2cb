/** The agent that is meant, by id or name; one that there is not is answered with the one that was probably meant. */
import { ReeveError } from '../errors.ts'
import type { AgentHandle, Reeve } from '../reeve.ts'
import type { AgentRecord } from '../registry/record.ts'
import { nearest } from '../terminal/nearest.ts'

export interface Found {
  /** Absent: the registry alone knows it, and it has ended. */
  readonly handle: AgentHandle | undefined
  readonly record: AgentRecord
}

/** @throws ReeveError `agent_not_found`, `registry_unavailable` */
export async function found(reeve: Reeve, agent: string): Promise<Found> {
  const handle = await reeve.get(agent)
  if (handle) return { handle, record: handle.record }
  const known = await reeve.records()
  const record = known.find(({ id }) => id === agent) ?? known.find(({ name }) => name === agent)
  if (record) return { handle: undefined, record }
  throw unknown(agent, known)
}

function unknown(agent: string, known: readonly AgentRecord[]): ReeveError {
  const near = nearest(
    agent,
    known.flatMap(({ id, name }) => [name, id]),
  )
  const way =
    near === undefined
      ? 'list_agents with "all": true tells those that are known.'
      : `Did you mean ${JSON.stringify(near)}?`
  return new ReeveError('agent_not_found', `no agent has the id or name ${JSON.stringify(agent)}. ${way}`)
}

/** @throws ReeveError `process_not_found` when it has ended long ago */
export function handleOf({ handle, record }: Found): AgentHandle {
  if (handle) return handle
  const message = `${record.name} has ended already (${record.state}). restart_agent begins its next life.`
  throw new ReeveError('process_not_found', message, { agentId: record.id })
}

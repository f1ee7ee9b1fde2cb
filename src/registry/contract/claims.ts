/** What a case claims of a registry, and how it is said when it does not hold. */
import assert from 'node:assert/strict'
import type { Entry } from '../../../machines/events.ts'
import type { AgentRecord } from '../record.ts'
import type { Registry } from '../registry.ts'
import { ofAgent, recordsOf } from './samples.ts'

const byId = (records: readonly AgentRecord[]): AgentRecord[] =>
  [...records].sort((a, b) => (a.id < b.id ? -1 : 1))

/** It holds these entries, and these alone: every history, and every record their fold. */
export async function holds(registry: Registry, entries: readonly Entry[]): Promise<void> {
  assert.deepEqual(
    byId(await registry.records()),
    byId(recordsOf(entries)),
    'records are the fold of their entries',
  )
  for (const agentId of new Set(entries.map((entry) => entry.agentId)))
    assert.deepEqual(await registry.history(agentId), ofAgent(entries, agentId), `history of ${agentId}`)
}

/** The ids of the records that a filter lets through. */
export const idsOf = (records: readonly AgentRecord[]): string[] => records.map(({ id }) => id).sort()

export async function append(registry: Registry, batches: readonly (readonly Entry[])[]): Promise<void> {
  for (const batch of batches) await registry.append(batch)
}

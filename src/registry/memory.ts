import { type Entry, isEnd } from '../../machines/events.ts'
import { type AgentRecord, fold, matches, type RecordFilter } from './record.ts'
import type { Registry } from './registry.ts'

export interface MemoryRegistryOptions {
  /** How many agents that have ended are remembered, the newest of them. Default 10,000. */
  readonly ended?: number
  /** How many entries of one agent are remembered, the newest of them. Default 10,000. */
  readonly entriesPerAgent?: number
}

/** The default registry: in this process, gone with it, bounded. */
export function memoryRegistry({
  ended = 10_000,
  entriesPerAgent = 10_000,
}: MemoryRegistryOptions = {}): Registry {
  const records = new Map<string, AgentRecord>()
  const histories = new Map<string, Entry[]>()
  const endedIds = new Set<string>()
  const lastSeq = new Map<string, number>()

  const take = (entry: Entry): void => {
    if (entry.seq <= (lastSeq.get(entry.supervisorId) ?? 0)) return
    lastSeq.set(entry.supervisorId, entry.seq)
    const { agentId } = entry
    const record = fold(records.get(agentId), entry)
    records.set(agentId, record)
    const history = histories.get(agentId)
    if (history) {
      history.push(entry)
      if (history.length > entriesPerAgent * 1.1) history.splice(0, history.length - entriesPerAgent)
    } else histories.set(agentId, [entry])
    endedIds.delete(agentId)
    if (isEnd(record.state)) endedIds.add(agentId)
    for (const oldest of endedIds) {
      if (endedIds.size <= ended) break
      endedIds.delete(oldest)
      records.delete(oldest)
      histories.delete(oldest)
    }
  }

  return {
    durable: false,
    async open() {},
    async append(batch: readonly Entry[]) {
      for (const entry of batch) take(entry)
    },
    async records(filter: RecordFilter = {}) {
      return [...records.values()].filter((record) => matches(record, filter))
    },
    async history(agentId: string) {
      return [...(histories.get(agentId) ?? [])]
    },
    async remove(agentId: string, options: { history: boolean }) {
      // Entries that stay are still those of an ended agent, and bounded with the others.
      records.delete(agentId)
      if (!options.history) return
      endedIds.delete(agentId)
      histories.delete(agentId)
    },
  }
}

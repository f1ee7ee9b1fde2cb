/** What the log adds up to: the record of each agent, and how far each supervisor's entries were taken. */
import { type Entry, isEnd } from '../../../machines/events.ts'
import { type AgentRecord, fold } from '../record.ts'
import { type Head, headOf, isMark, type Line, type Passed } from './lines.ts'

/** How many agents that have ended are kept at most, whatever the retention: their records are held in memory. */
export const MAX_ENDED = 10_000

/** Whether the JSON file shows it. */
export const isListed = ({ alive, state }: AgentRecord): boolean =>
  alive || state === 'spawning' || state === 'pre_starting'

export class Book {
  readonly records = new Map<string, AgentRecord>()
  /** Those that the JSON file shows, in the order in which they came. */
  readonly listed = new Map<string, AgentRecord>()
  readonly #ended = new Set<string>()
  readonly #passed = new Map<string, Passed>()
  /** Agents taken out while their entries stayed, and when. */
  readonly #forgotten = new Map<string, string>()
  /** Agents taken out with their entries: the number of the line of the last mark. */
  readonly #erasedAt = new Map<string, number>()

  constructor(head: Head) {
    for (const passed of head.passed) this.#passed.set(passed.supervisorId, passed)
  }

  /** The last number taken of a supervisor's entries; 0 when none was. */
  passed(supervisorId: string): number {
    return this.#passed.get(supervisorId)?.seq ?? 0
  }

  /** One line further; `number` is its place in the log, from 1. Answers whether the JSON file is to change. */
  take(line: Line, number: number): boolean {
    if (!isMark(line)) return this.#fold(line)
    const { agentId, history, at } = line
    this.records.delete(agentId)
    this.#ended.delete(agentId)
    this.#forgotten.set(agentId, at)
    if (history) {
      this.#erasedAt.set(agentId, number)
      this.#forgotten.delete(agentId)
    }
    return this.listed.delete(agentId)
  }

  #fold(entry: Entry): boolean {
    const { agentId, supervisorId, seq, at } = entry
    if (seq > this.passed(supervisorId)) this.#passed.set(supervisorId, { supervisorId, seq, at })
    const record = fold(this.records.get(agentId), entry)
    this.records.set(agentId, record)
    this.#forgotten.delete(agentId)
    this.#ended.delete(agentId)
    if (isEnd(record.state)) this.#ended.add(agentId)
    if (!isListed(record)) return this.listed.delete(agentId)
    this.listed.set(agentId, record)
    return true
  }

  /** More have ended than are to be held. */
  get crowded(): boolean {
    return this.#ended.size > MAX_ENDED * 1.1
  }

  /**
   * Which lines the log has to keep when agents that ended before `cutoff`, and the oldest of them beyond the bound,
   * are let go; `undefined`: all of them.
   */
  keepers(cutoff: string): ((line: Line, number: number) => boolean) | undefined {
    const over = this.#ended.size - MAX_ENDED
    const gone = new Set(
      [...this.#ended].filter((id, i) => i < over || (this.records.get(id)?.endedAt ?? '') < cutoff),
    )
    for (const [id, at] of this.#forgotten) if (at < cutoff) gone.add(id)
    if (gone.size === 0 && this.#erasedAt.size === 0) return undefined
    return ({ agentId }, number) => !gone.has(agentId) && number > (this.#erasedAt.get(agentId) ?? 0)
  }

  /** The head of a log that is written anew. Supervisors that were last heard of before `cutoff` and have no agent left are let go. */
  head(cutoff: string): Head {
    const present = new Set([...this.records.values()].map(({ supervisorId }) => supervisorId))
    return headOf(
      [...this.#passed.values()].filter(({ supervisorId, at }) => at >= cutoff || present.has(supervisorId)),
    )
  }
}

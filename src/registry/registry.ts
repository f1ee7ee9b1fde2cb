/** Where entries go, and where records come back from. Bring your own: these interfaces are all there is to it. */
import type { Entry } from '../../machines/events.ts'
import type { AgentRecord, RecordFilter } from './record.ts'

/** Takes entries. Batches come in order, one at a time; a batch that failed comes again, so appends are idempotent by (`supervisorId`, `seq`). */
export interface RegistrySink {
  append(batch: readonly Entry[]): Promise<void>
  close?(): Promise<void>
}

/** A place in the log: the entry `seq` of that supervisor. */
export interface Place {
  readonly supervisorId: string
  readonly seq: number
}

/** A sink that answers as well. */
export interface Registry extends RegistrySink {
  /** It outlives this process. */
  readonly durable?: boolean
  /** Where it is, absolute: what tells two registries apart after a restart. A path, most often. */
  readonly location?: string
  open(): Promise<void>
  records(filter?: RecordFilter): Promise<AgentRecord[]>
  /** All entries of one agent, oldest first. */
  history(agentId: string): Promise<Entry[]>
  /**
   * The log across supervisors: what came after a place (`null`: from its beginning), in the order in which it was
   * taken, at most `limit`. Without this method readers follow only what memory holds.
   *
   * @throws ReeveError `entries_gone` when nothing of that supervisor is held, so that the place is not known
   */
  after?(place: Place | null, limit: number): Promise<Entry[]>
  /** Forgets an agent; its entries too when `history` is true. */
  remove(agentId: string, options: { history: boolean }): Promise<void>
}

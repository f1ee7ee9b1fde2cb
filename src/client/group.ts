/** The handle of a group that lives under a daemon. */
import type { GroupOptions, StopGroupOptions, StopGroupResult } from '../group-options.ts'
import type { GroupEnd, GroupRecord, GroupState } from '../group-record.ts'
import { refuseOtherGroup } from '../own-group.ts'
import type { GroupHandle, Reeve } from '../reeve.ts'
import type { AgentRecord, RecordFilter } from '../registry/record.ts'
import type { AgentSpec } from '../spec.ts'
import type { RemoteAgent } from './agent.ts'

/** What a handle asks of its client beside what everyone may. */
export interface AsksOfGroup {
  look(path: string): Promise<GroupRecord>
  waitFor(path: string): Promise<GroupEnd>
  stop(path: string, options: StopGroupOptions): Promise<StopGroupResult>
}

type Client = Omit<Reeve, 'spawn' | 'group'> & {
  spawn(spec: AgentSpec): Promise<RemoteAgent>
  group(path: string, options?: GroupOptions): Promise<RemoteGroup>
}

/** `state` and `record` are as last seen: when the handle was got, and when `stop()` answered. `refresh()` looks now. */
export class RemoteGroup implements GroupHandle {
  readonly path: string
  readonly #client: Client
  readonly #asks: AsksOfGroup
  #record: GroupRecord

  /** @internal Handles come from `client.group()` and `client.findGroup()`. */
  constructor(record: GroupRecord, client: Client, asks: AsksOfGroup) {
    this.path = record.path
    this.#record = record
    this.#client = client
    this.#asks = asks
  }

  get name(): string {
    return this.#record.name
  }

  get state(): GroupState {
    return this.#record.state
  }

  get record(): GroupRecord {
    return this.#record
  }

  /** Asked for each time it is read: opened anew, it ends anew. Nobody has to wait for it. */
  get ended(): Promise<GroupEnd> {
    const end = this.#asks.waitFor(this.path)
    end.catch(() => {
      // Whoever awaits it hears of it.
    })
    return end
  }

  /** Looks now. */
  async refresh(): Promise<GroupRecord> {
    this.#record = await this.#asks.look(this.path)
    return this.#record
  }

  async spawn(spec: AgentSpec): Promise<RemoteAgent> {
    refuseOtherGroup(spec.group, this.path)
    return this.#client.spawn({ ...spec, group: this.path })
  }

  group(path: string, options?: GroupOptions): Promise<RemoteGroup> {
    return this.#client.group(`${this.path}/${path}`, options)
  }

  async list(filter: Omit<RecordFilter, 'group'> = {}): Promise<AgentRecord[]> {
    return this.#client.list({ ...filter, group: this.path })
  }

  async stop(options: StopGroupOptions = {}): Promise<StopGroupResult> {
    const result = await this.#asks.stop(this.path, options)
    await this.refresh()
    return result
  }
}

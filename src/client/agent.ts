/** The handle of an agent that lives under a daemon. */

import type { Activity, AgentState, Entry } from '../../machines/events.ts'
import type { AgentHealth } from '../agent-health.ts'
import { handleText } from '../handle-text.ts'
import type { CancelOptions, KillOptions, KillResult, StopOptions } from '../kill.ts'
import type { AgentEvents } from '../listeners.ts'
import type { AgentHandle, LogOptions, Reeve } from '../reeve.ts'
import { type AgentRecord, fold } from '../registry/record.ts'
import type { Place } from '../registry/registry.ts'
import type { Seen } from './seen.ts'

/** What a handle asks of its client beside what everyone may. */
export interface Asks {
  /** Resolves when it is ready, or has ended: whichever is meant. */
  waitFor(agentId: string, what: 'ready' | 'ended'): Promise<Seen>
  look(agentId: string): Promise<Seen>
  restart(agentId: string, options: StopOptions | undefined): Promise<Seen>
}

/**
 * `state`, `record` and the like are as last seen: when the handle was got, at each answer to a call on it, and at each
 * entry while the client listens (`client.on`). `refresh()` looks now.
 */
export class RemoteAgent implements AgentHandle {
  readonly id: string
  readonly name: string
  readonly #client: Reeve
  readonly #asks: Asks
  #record: AgentRecord
  #place: Place
  #pid: number | null
  #ready: Promise<AgentRecord> | undefined
  #ended: Promise<AgentRecord> | undefined

  /** @internal Handles come from `client.spawn()` and `client.get()`. */
  constructor({ record, place }: Seen, client: Reeve, asks: Asks) {
    this.id = record.id
    this.name = record.name
    this.#record = record
    this.#place = place
    this.#pid = record.pid
    this.#client = client
    this.#asks = asks
  }

  get state(): AgentState {
    return this.#record.state
  }

  get activity(): Activity | null {
    return this.#record.activity
  }

  get pid(): number | null {
    return this.#pid
  }

  get incarnation(): number {
    return this.#record.incarnation
  }

  get record(): AgentRecord {
    return this.#record
  }

  /** Asked for when it is first read; nobody has to wait for it. */
  get ready(): Promise<AgentRecord> {
    this.#ready ??= this.#told(this.#asks.waitFor(this.id, 'ready'))
    return this.#ready
  }

  get ended(): Promise<AgentRecord> {
    this.#ended ??= this.#told(this.#asks.waitFor(this.id, 'ended'))
    return this.#ended
  }

  /** Looks now. */
  async refresh(): Promise<AgentRecord> {
    return this.see(await this.#asks.look(this.id))
  }

  async heartbeat(report?: unknown): Promise<boolean> {
    return this.#client.heartbeat(this.id, report)
  }

  health(): Promise<AgentHealth> {
    return this.#client.health(this.id)
  }

  async cancel(options?: CancelOptions): Promise<KillResult> {
    const result = await this.#client.cancel(this.id, options)
    await this.refresh()
    return result
  }

  async stop(options?: StopOptions): Promise<KillResult> {
    const result = await this.#client.stop(this.id, options)
    await this.refresh()
    return result
  }

  async kill(options?: KillOptions): Promise<KillResult> {
    const result = await this.#client.kill(this.id, options)
    await this.refresh()
    return result
  }

  async restart(options?: StopOptions): Promise<AgentRecord> {
    const seen = await this.#asks.restart(this.id, options)
    // An ended agent that starts again has both before it anew.
    this.#ready = undefined
    this.#ended = undefined
    return this.see(seen)
  }

  send(text: string): Promise<void> {
    return this.#client.send(this.id, text)
  }

  logs(options?: LogOptions): AsyncIterable<string> {
    return this.#client.logs(this.id, options)
  }

  on<E extends keyof AgentEvents>(event: E, fn: (payload: AgentEvents[E]) => unknown): () => void {
    return this.#client.on(event, (payload) => {
      const entry = payload as AgentEvents[E]
      return entry.agentId === this.id ? fn(entry) : undefined
    })
  }

  /** As a prompt or `console.log` shows it. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return handleText(this)
  }

  /** @internal An entry came along; what the record has already is passed over. */
  take(entry: Entry): void {
    const { supervisorId, seq } = entry
    if (supervisorId === this.#place.supervisorId && seq <= this.#place.seq) return
    this.see({ record: fold(this.#record, entry), place: { supervisorId, seq } })
  }

  /** @internal */
  see({ record, place }: Seen): AgentRecord {
    this.#record = record
    this.#place = place
    this.#pid = record.pid ?? this.#pid
    return record
  }

  #told(seen: Promise<Seen>): Promise<AgentRecord> {
    const record = seen.then((each) => this.see(each))
    record.catch(() => {
      // Whoever awaits it hears of it; whoever does not has `record.error`.
    })
    return record
  }
}

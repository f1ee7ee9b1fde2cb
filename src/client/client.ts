/** A daemon's supervisor, as if it were here: the same interface, the same errors; streams outlive a restart of it. */
import type { Entry } from '../../machines/events.ts'
import type { AgentHealth } from '../agent-health.ts'
import type { DaemonStatus } from '../daemon/reach.ts'
import { type Duration, durationMs } from '../duration.ts'
import { ReeveError, shown } from '../errors.ts'
import type { GroupOptions } from '../group-options.ts'
import type { GroupRecord } from '../group-record.ts'
import type {
  CancelOptions,
  KillOptions,
  KillResult,
  KillStalledOptions,
  KillStalledResult,
  StopOptions,
} from '../kill.ts'
import { Listeners, type SupervisorEvents } from '../listeners.ts'
import { MAX_NAME } from '../name.ts'
import type { EntriesOptions, InspectionOptions, LogOptions, Reeve, Selection } from '../reeve.ts'
import type { AgentRecord, RecordFilter } from '../registry/record.ts'
import { serverEvents } from '../server-events.ts'
import type { AgentSpec } from '../spec.ts'
import { errorFromWire, fromWire, isWireError, toWire } from '../wire.ts'
import { RemoteAgent } from './agent.ts'
import { followEntries } from './follow.ts'
import { followLog } from './follow-log.ts'
import { RemoteGroup } from './group.ts'
import { Handles } from './handles.ts'
import { Hearing } from './hearing.ts'
import { Patience } from './patience.ts'
import { type Seen, seenOf } from './seen.ts'
import { specToWire } from './spec.ts'
import type { Asked, Transport } from './transport.ts'

/** What stopping a daemon takes and says: as `Supervisor.stop`. */
export interface ShutdownOptions {
  readonly timeout?: Duration
  readonly by?: string
}

export interface ShutdownResult {
  readonly ended: number
  readonly escaped: readonly number[]
  readonly timedOut: boolean
}

export interface ClientOptions {
  readonly transport: Transport
  /** How long a stream waits for a daemon that is away. */
  readonly patienceMs: number
  /** Looks who it is; what is returned resolves when that process is gone, or after a while. */
  readonly departure: () => () => Promise<void>
}

export class ReeveClient implements Reeve {
  readonly #transport: Transport
  readonly #options: ClientOptions
  readonly #listeners = new Listeners()
  readonly #handles: Handles
  readonly #hearing: Hearing
  readonly #closed = new AbortController()

  /** @internal Clients come from `connect()`. */
  constructor(options: ClientOptions) {
    this.#options = options
    this.#transport = options.transport
    this.#handles = new Handles(
      (seen) =>
        new RemoteAgent(seen, this, {
          waitFor: (id, what) => this.#waitFor(id, what),
          look: (id) => this.#look(id),
          restart: (id, how) => this.#restart(id, how),
        }),
    )
    this.#hearing = new Hearing({
      listeners: this.#listeners,
      transport: options.transport,
      patienceMs: options.patienceMs,
      take: (entry) => this.#handles.take(entry),
      closed: this.#closed.signal,
    })
  }

  /** What the daemon says of itself. */
  async status(): Promise<DaemonStatus> {
    return fromWire(await this.#ask('/v1/status'))
  }

  /** As `Supervisor.spawn`; what is relative in the spec is resolved against this process's own folder. */
  async spawn(spec: AgentSpec): Promise<RemoteAgent> {
    await this.#hearing.begun
    const body = specToWire(spec)
    return this.#handles.of(seenOf(await this.#transport.placed('/v1/agents', { method: 'POST', body })))
  }

  /** As `Supervisor.get`; agents that ended before the daemon began are found too. */
  async get(idOrName: string): Promise<RemoteAgent | undefined> {
    try {
      return this.#handles.of(await this.#look(idOrName))
    } catch (error) {
      if (error instanceof ReeveError && error.code === 'agent_not_found') return undefined
      throw error
    }
  }

  /** As `Supervisor.group`. */
  async group(path: string, options: GroupOptions = {}): Promise<RemoteGroup> {
    return this.#groupOf(
      await this.#ask('/v1/groups', { method: 'POST', body: toWire({ path, ...options }) }),
    )
  }

  /** As `Supervisor.findGroup`. */
  async findGroup(path: string): Promise<RemoteGroup | undefined> {
    try {
      return this.#groupOf(await this.#ask(groupPath(path)))
    } catch (error) {
      if (error instanceof ReeveError && error.code === 'group_not_found') return undefined
      throw error
    }
  }

  async groups(): Promise<GroupRecord[]> {
    return fromWire(await this.#ask('/v1/groups'))
  }

  async list(filter: RecordFilter = {}): Promise<AgentRecord[]> {
    return fromWire(await this.#ask('/v1/agents', { query: queryOf(filter) }))
  }

  async records(filter: RecordFilter = {}): Promise<AgentRecord[]> {
    return fromWire(await this.#ask('/v1/agents', { query: { ...queryOf(filter), all: true } }))
  }

  health(idOrName: string): Promise<AgentHealth>
  health(filter?: RecordFilter): Promise<AgentHealth[]>
  async health(which: string | RecordFilter = {}): Promise<AgentHealth | AgentHealth[]> {
    if (typeof which === 'string') return fromWire(await this.#ask(await this.#pathOf(which, 'health')))
    return fromWire(await this.#ask('/v1/health', { query: queryOf(which) }))
  }

  async history(idOrName: string): Promise<Entry[]> {
    return fromWire(await this.#ask(await this.#pathOf(idOrName, 'history')))
  }

  async heartbeat(idOrName: string, report: unknown = 'beat'): Promise<boolean> {
    const path = await this.#pathOf(idOrName, 'reports')
    const { counted } = (await this.#ask(path, { method: 'POST', body: report })) as { counted: boolean }
    return counted
  }

  async send(idOrName: string, input: string): Promise<void> {
    await this.#ask(await this.#pathOf(idOrName, 'send'), { method: 'POST', body: { input } })
  }

  stop(idOrName: string, options?: StopOptions): Promise<KillResult>
  stop(selection: Selection, options?: StopOptions): Promise<KillResult[]>
  async stop(which: string | Selection, options: StopOptions = {}): Promise<KillResult | KillResult[]> {
    return this.#end('stop', which, options)
  }

  kill(idOrName: string, options?: KillOptions): Promise<KillResult>
  kill(selection: Selection, options?: KillOptions): Promise<KillResult[]>
  async kill(which: string | Selection, options: KillOptions = {}): Promise<KillResult | KillResult[]> {
    return this.#end('kill', which, options)
  }

  cancel(idOrName: string, options?: CancelOptions): Promise<KillResult>
  cancel(selection: Selection, options?: CancelOptions): Promise<KillResult[]>
  async cancel(which: string | Selection, options: CancelOptions = {}): Promise<KillResult | KillResult[]> {
    return this.#end('cancel', which, options)
  }

  async restart(idOrName: string, options: StopOptions = {}): Promise<AgentRecord> {
    return (await this.#restart(idOrName, options)).record
  }

  async killStalled(options: KillStalledOptions = {}): Promise<KillStalledResult> {
    return fromWire(
      await this.#ask('/v1/kill-stalled', { method: 'POST', body: toWire(options), patient: true }),
    )
  }

  async remove(id: string, { history = false }: { history?: boolean } = {}): Promise<void> {
    await this.#ask(await this.#pathOf(id), { method: 'DELETE', query: { history } })
  }

  /**
   * As `Supervisor.logs`, across restarts of the daemon: no line is missed, none comes twice. Ends by its signal, by
   * `close()`, or with `daemon_not_running` when no daemon came back in time.
   */
  async *logs(idOrName: string, options: LogOptions = {}): AsyncGenerator<string, void, void> {
    const { signal, ...which } = options
    yield* followLog(this.#transport, new Patience(this.#options.patienceMs), {
      ...which,
      path: (id) => this.#pathOf(id ?? idOrName, 'logs'),
      signals: [this.#closed.signal, ...(signal ? [signal] : [])],
    })
  }

  /**
   * As `Supervisor.on`. The client listens from the first listener on: what is asked after that is told. It does not
   * hold the event loop.
   */
  on<E extends keyof SupervisorEvents>(event: E, fn: (payload: SupervisorEvents[E]) => unknown): () => void {
    const off = this.#listeners.on(event, fn)
    const deaf = this.#hearing.hear(event)
    return () => {
      off()
      deaf()
    }
  }

  /**
   * As `Supervisor.entries`, across restarts of the daemon: nothing is missed, nothing comes twice. Ends by its signal, by
   * `close()`, or with `daemon_not_running` when no daemon came back in time.
   */
  entries({ since, signal }: EntriesOptions = {}): AsyncIterable<Entry> {
    return followEntries(this.#transport, new Patience(this.#options.patienceMs), {
      since,
      signals: [this.#closed.signal, ...(signal ? [signal] : [])],
    })
  }

  /** As `Supervisor.inspection`. Throws `daemon_not_running` when the daemon goes away meanwhile. */
  async *inspection({ signal }: InspectionOptions = {}): AsyncGenerator<string, void, void> {
    for await (const { event, data } of serverEvents(this.#transport.text('/v1/inspection', { signal }))) {
      const failure: unknown = event === 'error' ? JSON.parse(data) : undefined
      if (isWireError(failure)) throw errorFromWire(failure)
      if (event === 'frame') yield data
    }
  }

  /** Ends every agent in reverse order, then the daemon. Resolves when its process is gone. */
  async shutdown(options: ShutdownOptions = {}): Promise<ShutdownResult> {
    if (options.timeout !== undefined) durationMs(options.timeout, 'timeout')
    const gone = this.#options.departure()
    const result = await this.#ask('/v1/shutdown', { method: 'POST', body: toWire(options), patient: true })
    await gone()
    return fromWire(result)
  }

  /** Ends what goes on. The daemon and its agents are not concerned. */
  close(): void {
    this.#closed.abort()
    this.#transport.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  async #ask(path: string, asked: Asked = {}): Promise<unknown> {
    await this.#hearing.begun
    return this.#transport.json(path, asked)
  }

  async #end(how: 'stop' | 'cancel' | 'kill', which: string | Selection, options: object): Promise<never> {
    const [path, whom] =
      typeof which === 'string' ? [await this.#pathOf(which, how), {}] : [`/v1/${how}`, which]
    const body = toWire({ ...whom, ...options })
    return fromWire(await this.#ask(path, { method: 'POST', body, patient: true }))
  }

  async #look(idOrName: string): Promise<Seen> {
    await this.#hearing.begun
    return seenOf(await this.#transport.placed(await this.#pathOf(idOrName)))
  }

  async #restart(idOrName: string, options: StopOptions = {}): Promise<Seen> {
    const path = await this.#pathOf(idOrName, 'restart')
    await this.#hearing.begun
    const asked: Asked = { method: 'POST', body: toWire(options), patient: true }
    return seenOf(await this.#transport.placed(path, asked))
  }

  #groupOf(answered: unknown): RemoteGroup {
    return new RemoteGroup(fromWire(answered), this, {
      look: async (path) => fromWire(await this.#ask(groupPath(path))),
      waitFor: async (path) => fromWire((await this.#outlasting(groupPath(path, 'wait'))).value),
      stop: async (path, options) =>
        fromWire(
          await this.#ask(groupPath(path, 'stop'), { method: 'POST', body: toWire(options), patient: true }),
        ),
    })
  }

  async #waitFor(agentId: string, what: 'ready' | 'ended'): Promise<Seen> {
    return seenOf(await this.#outlasting(await this.#pathOf(agentId, 'wait'), { for: what }))
  }

  /** A daemon that goes away meanwhile is asked again when it is back. */
  async #outlasting(path: string, query: Readonly<Record<string, unknown>> = {}) {
    const patience = new Patience(this.#options.patienceMs)
    for (;;) {
      try {
        return await this.#transport.placed(path, { query, patient: true, signal: this.#closed.signal })
      } catch (error) {
        const away = error instanceof ReeveError && error.code === 'daemon_not_running'
        if (!away || !(await patience.wait(this.#closed.signal))) throw error
      }
    }
  }

  /** The names `.` and `..` cannot stand in a path: their agents go by their ids. */
  async #pathOf(idOrName: string, what?: string): Promise<string> {
    let id = idOrName
    const nobody = () => new ReeveError('agent_not_found', `no agent has the id or name ${shown(id)}`)
    // None is that long, and the head of a request has room for little more.
    if (id.length > MAX_NAME) throw nobody()
    if (id === '.' || id === '..') {
      const [record] = await this.records({ name: id })
      if (!record) throw nobody()
      id = record.id
    }
    return `/v1/agents/${encodeURIComponent(id)}${what === undefined ? '' : `/${what}`}`
  }
}

function queryOf({ labels, ...filter }: RecordFilter): Record<string, unknown> {
  const label = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`)
  return { ...filter, ...(label.length > 0 && { label }) }
}

const groupPath = (path: string, what?: string): string =>
  `/v1/groups/${encodeURIComponent(path)}${what === undefined ? '' : `/${what}`}`

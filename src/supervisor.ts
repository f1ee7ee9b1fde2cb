/** The supervisor as its users see it. Everything they can ask for stands here; what it does stands in `runtime.ts`. */
import { nanoid } from 'nanoid'
import type { ActorRefFrom } from 'xstate'
import type { agentMachine } from '../machines/agent.ts'
import { graceOf } from '../machines/escalation.ts'
import { type Entry, lifeKey, type Reason } from '../machines/events.ts'
import { intensityUnreachable } from '../machines/restart.ts'
import type { supervisorMachine } from '../machines/supervisor.ts'
import { Agent } from './agent.ts'
import { realClock, timestamp } from './clock.ts'
import { Deferred, within } from './deferred.ts'
import { messageOf, ReeveError } from './errors.ts'
import { checkReport, parseReport } from './health/report.ts'
import { leaveHome, openHome } from './home.ts'
import type { KillOptions, KillResult, KillStalledOptions, KillStalledResult, StopOptions } from './kill.ts'
import { killStalled, type Why } from './kill-stalled.ts'
import type { SupervisorEvents } from './listeners.ts'
import { type SupervisorOptions, supervisorOptionsSchema } from './options.ts'
import { checkDefaults, planOf } from './plan.ts'
import { InputPipe } from './process/input.ts'
import { readLog } from './process/logs.ts'
import { memoryRegistry } from './registry/memory.ts'
import { type AgentRecord, matches, newestFirst, type RecordFilter } from './registry/record.ts'
import { Runtime } from './runtime.ts'
import type { Seat } from './seat.ts'
import { type StopSupervisorOptions, type StopSupervisorResult, shutDown } from './shutdown.ts'
import { type AgentDefaults, type AgentSpec, type Duration, durationMs, parseStrictly } from './spec.ts'

/** Which agents: those of one task, or all. */
export type Selection = { readonly task: string } | { readonly all: true }

export interface LogOptions {
  /** A byte offset, `'start'` (the default) or `'end'`. Lines of a log bear no time. */
  readonly since?: number | 'start' | 'end'
  /** Reads on, until the agent has ended. */
  readonly follow?: boolean
}

/** The registry is opened within this. */
const OPEN_LIMIT_MS = 5_000
/**
 * Opens the registry, makes the home, starts the launcher. No agent runs yet, and no signal handler is installed.
 *
 * @throws ReeveError `invalid_spec`, `home_unusable`, `registry_unavailable`, `launcher_failed`, `platform_unsupported`
 */
export async function createSupervisor(options: SupervisorOptions = {}): Promise<Supervisor> {
  if (process.platform !== 'linux')
    throw new ReeveError(
      'platform_unsupported',
      `Reeve runs on Linux; this is ${process.platform}. Run it in a Linux VM or container.`,
    )
  parseStrictly(supervisorOptionsSchema, options, 'createSupervisor')
  const defaults = checkDefaults(options.defaults ?? {})
  const supervisorId = nanoid(12)
  const clock = options.clock ?? realClock
  const registry = options.registry ?? memoryRegistry()
  await openRegistry(registry, clock)
  const home = openHome(options.home, supervisorId)
  const runtime = new Runtime({ supervisorId, home, clock, registry, given: options })
  try {
    await runtime.start(options.launcher)
  } catch (error) {
    runtime.reports.close()
    leaveHome(home)
    await registry.close?.()
    throw error
  }
  return new Supervisor(runtime, defaults)
}

async function openRegistry(registry: { open(): Promise<void> }, clock: typeof realClock): Promise<void> {
  const refuse = (why: string, cause?: unknown) =>
    new ReeveError('registry_unavailable', `the registry cannot be opened: ${why}`, { cause })
  try {
    if (await within(registry.open(), OPEN_LIMIT_MS, clock)) return
  } catch (cause) {
    throw cause instanceof ReeveError ? cause : refuse(messageOf(cause), cause)
  }
  throw refuse(`open() took longer than ${OPEN_LIMIT_MS} ms`)
}

export class Supervisor {
  readonly #runtime: Runtime
  readonly #defaults: AgentDefaults
  #stopping: Promise<StopSupervisorResult> | undefined

  /** @internal Supervisors come from `createSupervisor()`. */
  constructor(runtime: Runtime, defaults: AgentDefaults) {
    this.#runtime = runtime
    this.#defaults = defaults
  }

  get id(): string {
    return this.#runtime.supervisorId
  }

  /** The folder of logs, reports and sockets. */
  get home(): string {
    return this.#runtime.home.dir
  }

  /** The root XState actor. It takes `HEARTBEAT` and `EXITED` events from anyone who holds it. */
  get actor(): ActorRefFrom<typeof supervisorMachine> {
    return this.#runtime.root
  }

  /**
   * Asks for an agent and returns its handle at once, in `spawning`; nothing is waited for. The same `id` again
   * returns the same agent, also when it has ended.
   *
   * @throws ReeveError `invalid_spec`, `name_taken`, `supervisor_stopping`
   */
  spawn(spec: AgentSpec): Agent {
    const runtime = this.#runtime
    const plan = planOf(spec, this.#defaults, process.cwd())
    const known = spec.id === undefined ? undefined : runtime.seats.get(spec.id)
    if (known) {
      if (known.plan.given !== plan.given)
        runtime.listeners.warn({
          code: 'invalid_spec',
          message: `an agent with id ${plan.id} exists (${known.plan.name}, ${known.record.state}); the differing spec was not used`,
          agentId: plan.id,
        })
      return known.agent
    }
    this.#refuseWhenStopping('spawn')
    this.#refuseTakenName(plan.name)
    if (intensityUnreachable(plan.restart))
      runtime.listeners.warn({
        code: 'invalid_spec',
        message: `${plan.name}: the backoff spaces failures so far apart that restart.intensity is never exceeded; a broken agent is restarted for ever. Widen intensity.within, or lower backoff.max.`,
        agentId: plan.id,
      })
    const seat = runtime.seat(plan)
    seat.agent = new Agent(seat, this)
    this.#begin(seat, 1)
    return seat.agent
  }

  /** `undefined` for the unknown. A name resolves to the agent that has not ended, else to the newest that has. */
  get(idOrName: string): Agent | undefined {
    return this.#find(idOrName)?.agent
  }

  /** The records of all agents that have not ended, from memory, in the order in which they were spawned. */
  list(filter: RecordFilter = {}): AgentRecord[] {
    return [...this.#live()].map((seat) => this.recordOf(seat)).filter((record) => matches(record, filter))
  }

  /**
   * The records of all agents known: what the registry has, overlaid with memory; newest first.
   *
   * @throws ReeveError `registry_unavailable`
   */
  async records(filter: RecordFilter = {}): Promise<AgentRecord[]> {
    const stored = await this.#fromRegistry((registry) => registry.records())
    const byId = new Map(stored.map((record) => [record.id, record]))
    for (const seat of this.#runtime.seats.values()) byId.set(seat.plan.id, this.recordOf(seat))
    return newestFirst([...byId.values()]).filter((record) => matches(record, filter))
  }

  /**
   * Every entry of one agent, oldest first, with those that the registry has not taken yet.
   *
   * @throws ReeveError `agent_not_found`, `registry_unavailable`
   */
  async history(idOrName: string): Promise<Entry[]> {
    const id = this.#find(idOrName)?.plan.id ?? idOrName
    const queued = this.#runtime.journal.queued(id)
    const stored = await this.#fromRegistry((registry) => registry.history(id))
    const key = (entry: Entry) => `${entry.supervisorId}:${entry.seq}`
    const had = new Set(stored.map(key))
    const all = [...stored, ...queued.filter((entry) => !had.has(key(entry)))]
    if (all.length === 0 && !this.#runtime.seats.has(id)) throw notFound(idOrName)
    return all
  }

  /**
   * A sign of life from within this process, or a whole report: a bare word, or an object as in the report file.
   * Says whether it counted: not once the agent has ended.
   *
   * @throws ReeveError `agent_not_found`, `invalid_spec`
   */
  heartbeat(idOrName: string, report: unknown = 'beat'): boolean {
    const seat = this.#found(idOrName)
    const parsed = typeof report === 'string' ? parseReport(report) : checkReport(report)
    if ('malformed' in parsed)
      throw new ReeveError('invalid_spec', `report: ${parsed.malformed}`, { field: 'report' })
    if (seat.ended) return false
    this.#runtime.report(seat.life, parsed.ok)
    return true
  }

  /** Stops the supervisor: every agent in reverse order, then the journal, then the launcher. Idempotent. */
  stop(options?: StopSupervisorOptions): Promise<StopSupervisorResult>
  /** Stops one agent, by id or name: see {@link Agent.stop}. */
  stop(idOrName: string, options?: StopOptions): Promise<KillResult>
  /** Stops those of a task, or all, side by side. `agent_not_found` when a task has none. */
  stop(selection: Selection, options?: StopOptions): Promise<KillResult[]>
  stop(
    which: string | Selection | StopSupervisorOptions = {},
    options: StopOptions = {},
  ): Promise<KillResult | KillResult[] | StopSupervisorResult> {
    if (typeof which === 'string') return this.#end(this.#found(which), 'STOP', options)
    if (isSelection(which))
      return Promise.all(this.#select(which).map((seat) => this.#end(seat, 'STOP', options)))
    this.#stopping ??= shutDown(this.#runtime, which)
    return this.#stopping
  }

  /** SIGKILL to the whole tree at once, by id or name: see {@link Agent.kill}. */
  kill(idOrName: string, options?: KillOptions): Promise<KillResult>
  kill(selection: Selection, options?: KillOptions): Promise<KillResult[]>
  kill(which: string | Selection, options: KillOptions = {}): Promise<KillResult | KillResult[]> {
    if (typeof which === 'string') return this.#end(this.#found(which), 'KILL', options)
    return Promise.all(this.#select(which).map((seat) => this.#end(seat, 'KILL', options)))
  }

  /** See {@link Agent.restart}. */
  async restart(idOrName: string, options: StopOptions = {}): Promise<AgentRecord> {
    const seat = this.#found(idOrName)
    this.#refuseWhenStopping('restart')
    if (seat.restart) return seat.restart.deferred.promise
    const deferred = new Deferred<AgentRecord>()
    if (seat.ended) {
      this.#refuseTakenName(seat.plan.name)
      seat.restart = { deferred, beyond: seat.record.incarnation }
      seat.reopen()
      this.#runtime.take(seat)
      this.#begin(seat, seat.record.incarnation + 1)
    } else {
      seat.restart = { deferred, beyond: seat.record.incarnation }
      const { reason = 'restart', ...rest } = options
      this.#runtime.send({ type: 'RESTART', agentId: seat.plan.id, ...asked({ reason, ...rest }) })
    }
    return deferred.promise
  }

  /**
   * Ends every agent that is silent, never one that is `idle` or `waiting`. The reason is `stall`, by `killStalled`, and
   * the restart policy of each applies.
   */
  killStalled(options: KillStalledOptions = {}): Promise<KillStalledResult> {
    return killStalled(
      this.#runtime,
      (seat, force, given, why) => this.#end(seat, force ? 'KILL' : 'STOP', given, why),
      options,
    )
  }

  /**
   * Takes an ended agent out of the registry; its entries too when `history` is true.
   *
   * @throws ReeveError `agent_not_found`, `agent_running`, `registry_unavailable`
   */
  async remove(id: string, { history = false }: { history?: boolean } = {}): Promise<void> {
    const seat = this.#find(id)
    if (seat && !seat.ended)
      throw new ReeveError('agent_running', `${seat.plan.name} is ${seat.record.state}: stop it first`, {
        agentId: seat.plan.id,
      })
    const agentId = seat?.plan.id ?? id
    if (!seat && (await this.#fromRegistry((registry) => registry.records({ id }))).length === 0)
      throw notFound(id)
    await this.#fromRegistry(async (registry) => {
      await this.#runtime.journal.committed()
      await registry.remove(agentId, { history })
    })
    if (seat) this.#runtime.forget(seat)
  }

  /** See {@link Agent.send}. */
  async send(idOrName: string, input: string): Promise<void> {
    const seat = this.#found(idOrName)
    const refuse = (why: string) =>
      new ReeveError('not_accepting_input', `${seat.plan.name} takes no input: ${why}`, {
        agentId: seat.plan.id,
      })
    if (seat.plan.stdin !== 'open') throw refuse('its stdin is closed. Spawn it with stdin: "open".')
    if (!seat.record.alive) throw refuse(`it is ${seat.record.state}`)
    seat.input ??= new InputPipe(this.#runtime.inputPath(seat), seat.plan.id, this.#runtime.clock)
    await seat.input.write(input)
  }

  /** See {@link Agent.logs}. */
  logs(idOrName: string, { since = 'start', follow = false }: LogOptions = {}): AsyncIterable<string> {
    const seat = this.#found(idOrName)
    return readLog(seat.logFile, { from: since, follow, until: () => seat.ended, clock: this.#runtime.clock })
  }

  /** Calls `fn` for each; returns what takes it out again. A listener that throws is told as a `warning`. */
  on<E extends keyof SupervisorEvents>(event: E, fn: (payload: SupervisorEvents[E]) => void): () => void {
    return this.#runtime.listeners.on(event, fn)
  }

  /**
   * Every entry above the number `since`, then those that come, until the supervisor has stopped; without `since`
   * those from now on. The newest 10,000 are held.
   *
   * @throws ReeveError `entries_gone`
   */
  entries({ since }: { since?: number } = {}): AsyncIterable<Entry> {
    return this.#runtime.log.read(since)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop().then(() => {})
  }

  /** @internal */
  recordOf(seat: Seat): AgentRecord {
    const lastHeartbeatAt = this.#runtime.lastHeartbeatAt(seat.life)
    return lastHeartbeatAt === undefined ? seat.record : { ...seat.record, lastHeartbeatAt }
  }

  /** @internal */
  actorOf(agentId: string): ActorRefFrom<typeof agentMachine> | undefined {
    return this.#runtime.root.getSnapshot().context.children.byId.get(agentId)?.ref ?? undefined
  }

  #begin(seat: Seat, incarnation: number): void {
    const { plan } = seat
    const from = incarnation === 1 ? null : seat.record.state
    const { id: agentId, name, life, restart } = plan
    this.#runtime.send({ type: 'SPAWN', child: { agentId, name, life, restart, incarnation, from } })
  }

  #live(): Iterable<Seat> {
    return this.#runtime.byName.values()
  }

  #find(idOrName: string): Seat | undefined {
    const { seats, byName } = this.#runtime
    return (
      seats.get(idOrName) ??
      byName.get(idOrName) ??
      [...seats.values()].reverse().find((seat) => seat.plan.name === idOrName)
    )
  }

  #found(idOrName: string): Seat {
    const seat = this.#find(idOrName)
    if (!seat) throw notFound(idOrName)
    return seat
  }

  #select(selection: Selection): Seat[] {
    const live = [...this.#live()].reverse()
    if ('all' in selection) return live
    const seats = live.filter((seat) => seat.plan.task === selection.task)
    if (seats.length === 0)
      throw new ReeveError(
        'agent_not_found',
        `no agent that has not ended works on task ${JSON.stringify(selection.task)}`,
      )
    return seats
  }

  async #end(seat: Seat, type: 'STOP' | 'KILL', options: StopOptions, why?: Why): Promise<KillResult> {
    const { id: agentId, name, life } = seat.plan
    if (seat.ended)
      throw new ReeveError('process_not_found', `${name} has ended already (${seat.record.state})`, {
        agentId,
        record: seat.record,
      })
    const request = { ...asked(options), ...why }
    const deferred = new Deferred<KillResult>()
    const graceMs = request.graceMs ?? graceOf(life.rungs)
    seat.endWaiters.push({ action: type === 'KILL' ? 'force_kill' : 'graceful_kill', graceMs, deferred })
    this.#runtime.send({ type, agentId, ...request })
    return deferred.promise
  }

  #refuseWhenStopping(what: string): void {
    if (this.#stopping)
      throw new ReeveError(
        'supervisor_stopping',
        `the supervisor is stopping, or has stopped: it cannot ${what}`,
      )
  }

  #refuseTakenName(name: string): void {
    const holder = this.#runtime.byName.get(name)
    if (holder)
      throw new ReeveError(
        'name_taken',
        `name: ${JSON.stringify(name)} is held by agent ${holder.plan.id} (${holder.record.state}). Stop it, or choose another name.`,
        { field: 'name', agentId: holder.plan.id },
      )
  }

  async #fromRegistry<T>(ask: (registry: Runtime['registry']) => Promise<T>): Promise<T> {
    const { registry, clock } = this.#runtime
    let answer: { readonly value: T } | undefined
    const asking = ask(registry).then((value) => {
      answer = { value }
    })
    try {
      await within(asking, OPEN_LIMIT_MS, clock)
    } catch (cause) {
      throw new ReeveError('registry_unavailable', `the registry failed: ${messageOf(cause)}`, { cause })
    }
    if (answer) return answer.value
    throw new ReeveError('registry_unavailable', `the registry did not answer within ${OPEN_LIMIT_MS} ms`)
  }
}

const notFound = (idOrName: string) =>
  new ReeveError('agent_not_found', `no agent has the id or name ${JSON.stringify(idOrName)}`)

const isSelection = (which: Selection | StopSupervisorOptions): which is Selection =>
  'task' in which || 'all' in which

/** What a caller of stop, kill or restart said, as the machines take it. */
function asked({ grace, reason, by = 'user', cleanup }: StopOptions) {
  return {
    reason: { kind: 'user', by, ...(reason !== undefined && { message: reason }) } as Reason,
    ...(grace !== undefined && { graceMs: durationMs(grace, 'grace') }),
    ...(cleanup !== undefined && { cleanup }),
  }
}

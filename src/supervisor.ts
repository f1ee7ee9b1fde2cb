/** The supervisor as its users see it. Everything they can ask for stands here; what it does stands in `runtime.ts`. */
import type { ActorRefFrom } from 'xstate'
import type { agentMachine } from '../machines/agent.ts'
import type { Entry } from '../machines/events.ts'
import { childOf } from '../machines/members.ts'
import type { supervisorMachine } from '../machines/supervisor.ts'
import { Agent } from './agent.ts'
import type { AgentHealth } from './agent-health.ts'
import { checkUp } from './check-up.ts'
import { Deferred } from './deferred.ts'
import { type Ending, endAgent, endSelected, restartAgent } from './ending.ts'
import { follow } from './entries.ts'
import { ReeveError } from './errors.ts'
import { findGroup, type Group, openGroup } from './group.ts'
import type { GroupOptions } from './group-options.ts'
import type { GroupRecord } from './group-record.ts'
import { checkReport, parseReport } from './health/report.ts'
import type {
  CancelOptions,
  KillOptions,
  KillResult,
  KillStalledOptions,
  KillStalledResult,
  StopOptions,
} from './kill.ts'
import { killStalled } from './kill-stalled.ts'
import type { SupervisorEvents } from './listeners.ts'
import { open } from './opening.ts'
import {
  entriesOptionsSchema,
  filterSchema,
  inputSchema,
  inspectionOptionsSchema,
  killStalledSchema,
  logOptionsSchema,
  removeOptionsSchema,
  type SupervisorOptions,
  stopSupervisorSchema,
  supervisorOptionsSchema,
} from './options.ts'
import { type Outside, realOutside } from './outside.ts'
import { placeText } from './place.ts'
import { baseOf } from './plan.ts'
import { isSupported } from './platform.ts'
import { allRecords, historyOf, notFound, removeAgent } from './queries.ts'
import type { EntriesOptions, InspectionOptions, LogOptions, Reeve, Selection } from './reeve.ts'
import { type AgentRecord, matches, type RecordFilter } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import type { Seat } from './seat.ts'
import { type StopSupervisorOptions, type StopSupervisorResult, shutDown } from './shutdown.ts'
import { refuseAdoption, refuseWhenStopping, spawnAgent } from './spawning.ts'
import type { AgentSpec } from './spec.ts'
import { parseStrictly } from './strict.ts'
import { succeed } from './succession.ts'

/**
 * Opens the registry, makes the home, starts the launcher. No agent runs yet, and no signal handler is installed.
 *
 * @throws ReeveError `invalid_spec`, `home_unusable`, `home_locked`, `registry_unavailable`, `launcher_failed`,
 * `platform_unsupported`
 */
export function createSupervisor(options: SupervisorOptions = {}): Promise<Supervisor> {
  return superviseIn(realOutside, options)
}

/** As `createSupervisor`, in a world of one's own: for simulations. */
export async function superviseIn(outside: Outside, options: SupervisorOptions): Promise<Supervisor> {
  if (!isSupported())
    throw new ReeveError(
      'platform_unsupported',
      `Reeve runs on Linux and macOS; this is ${process.platform}. Run it in a Linux VM or container.`,
    )
  parseStrictly(supervisorOptionsSchema, options, 'createSupervisor')
  const defaults = options.defaults ?? {}
  const bases = { root: baseOf(defaults), group: baseOf(defaults, 'permanent') }
  if (bases.root.merged.onSupervisorDeath === 'adopt')
    refuseAdoption(options.home !== undefined, options.registry, 'defaults.onSupervisorDeath')
  const { runtime, estate } = await open(outside, options, bases)
  const supervisor = new Supervisor(runtime)
  succeed(runtime, estate, (seat) => new Agent(seat, supervisor))
  return supervisor
}

export class Supervisor implements Reeve {
  readonly #runtime: Runtime
  #stopping: Promise<StopSupervisorResult> | undefined

  /** @internal Supervisors come from `createSupervisor()`. */
  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get id(): string {
    return this.#runtime.supervisorId
  }

  /** The place of the newest entry, `supervisorId:seq`: what `entries({ since })` goes on from. */
  get place(): string {
    return placeText({ supervisorId: this.id, seq: this.#runtime.log.nextSeq - 1 })
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
   * @throws ReeveError `invalid_spec`, `name_taken`, `lane_busy`, `group_not_found`, `group_over`, `resource_exhausted`, `supervisor_stopping`
   */
  spawn(spec: AgentSpec): Agent {
    return spawnAgent(this.#runtime, this, spec)
  }

  /**
   * Opens a group: a supervisor of its own under this one, with a strategy and an intensity that its members share. One
   * that is open is returned as it is; one that is over is opened anew, without options as it was before. A path
   * (`crew/inner`) opens one within another, which has to be open.
   *
   * @throws ReeveError `invalid_spec`, `group_not_found`, `group_over`, `supervisor_stopping`
   */
  group(path: string, options?: GroupOptions): Group {
    return openGroup(this.#runtime, this, undefined, path, options)
  }

  /**
   * A group that was opened here, also one that is over (of those, the newest 1,000 are known); `undefined` for any
   * other. Nothing is opened.
   *
   * @throws ReeveError `invalid_spec`
   */
  findGroup(path: string): Group | undefined {
    return findGroup(this.#runtime, this, path)
  }

  /**
   * How the root (its path is empty) and every group stand, each after the one around it; those that are over too, the
   * newest 1,000 of them.
   */
  groups(): GroupRecord[] {
    return this.#runtime.groups.records()
  }

  /** `undefined` for the unknown. A name resolves to the agent that has not ended, else to the newest that has. */
  get(idOrName: string): Agent | undefined {
    return this.#runtime.roster.find(idOrName)?.agent
  }

  /** The records of all agents that have not ended, from memory, in the order in which they were spawned. */
  list(filter: RecordFilter = {}): AgentRecord[] {
    const narrow = parseStrictly(filterSchema, filter, 'filter') as RecordFilter
    const live = this.#runtime.roster.live().map((seat) => this.#runtime.recordOf(seat))
    return live.filter((record) => matches(record, narrow))
  }

  /**
   * The records of all agents known: what the registry has, overlaid with memory; newest first.
   *
   * @throws ReeveError `registry_unavailable`
   */
  async records(filter: RecordFilter = {}): Promise<AgentRecord[]> {
    const narrow = parseStrictly(filterSchema, filter, 'filter') as RecordFilter
    return (await allRecords(this.#runtime)).filter((record) => matches(record, narrow))
  }

  /**
   * Every entry of one agent, oldest first, with those that the registry has not taken yet.
   *
   * @throws ReeveError `agent_not_found`, `registry_unavailable`
   */
  async history(idOrName: string): Promise<Entry[]> {
    const seat = this.#runtime.roster.find(idOrName)
    const entries = await historyOf(this.#runtime, seat?.plan.id ?? idOrName)
    if (entries.length === 0 && !seat) throw notFound(idOrName)
    return entries
  }

  /**
   * A check-up: CPU, memory and processes of the whole tree, seconds since the last heartbeat, and how it is. Of one,
   * also when it has ended; of all that have not, from one pass over the machine's processes.
   *
   * @throws ReeveError `agent_not_found`, `invalid_spec`
   */
  health(idOrName: string): Promise<AgentHealth>
  health(filter?: RecordFilter): Promise<AgentHealth[]>
  async health(which: string | RecordFilter = {}): Promise<AgentHealth | AgentHealth[]> {
    const runtime = this.#runtime
    if (typeof which === 'string') return (await checkUp(runtime, [this.#found(which)]))[0] as AgentHealth
    const narrow = parseStrictly(filterSchema, which, 'filter') as RecordFilter
    const live = runtime.roster.live().filter((seat) => matches(runtime.recordOf(seat), narrow))
    return checkUp(runtime, live)
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
    this.#runtime.vigil.heard(seat.life, parsed.ok)
    return true
  }

  /** Stops the supervisor: every agent in reverse order, then the journal, then the launcher. Idempotent. */
  stop(options?: StopSupervisorOptions): Promise<StopSupervisorResult>
  /** Stops one agent, by id or name: see {@link Agent.stop}. */
  stop(idOrName: string, options?: StopOptions): Promise<KillResult>
  /** Stops those of a task, the one in a lane, or all, side by side. `agent_not_found` when a task or a lane has none. */
  stop(selection: Selection, options?: StopOptions): Promise<KillResult[]>
  stop(
    which: string | Selection | StopSupervisorOptions = {},
    options?: StopOptions,
  ): Promise<KillResult | KillResult[] | StopSupervisorResult> {
    if (typeof which === 'string' || isSelection(which)) return this.#end(which, 'STOP', options)
    // A name that turned out to be undefined: that is nobody, and not everybody.
    try {
      if (options !== undefined) throw nobodyNamed()
      return this.#shutDown(which)
    } catch (refusal) {
      return Promise.reject(refusal)
    }
  }

  /** Lets it finish its present step, by id or name: see {@link Agent.cancel}. */
  cancel(idOrName: string, options?: CancelOptions): Promise<KillResult>
  /** Those of a task, the one in a lane, or all, side by side. `agent_not_found` when a task or a lane has none. */
  cancel(selection: Selection, options?: CancelOptions): Promise<KillResult[]>
  cancel(which: string | Selection, options?: CancelOptions): Promise<KillResult | KillResult[]> {
    return this.#end(which, 'CANCEL', options)
  }

  /** SIGKILL to the whole tree at once, by id or name: see {@link Agent.kill}. */
  kill(idOrName: string, options?: KillOptions): Promise<KillResult>
  kill(selection: Selection, options?: KillOptions): Promise<KillResult[]>
  kill(which: string | Selection, options?: KillOptions): Promise<KillResult | KillResult[]> {
    return this.#end(which, 'KILL', options)
  }

  /** See {@link Agent.restart}. */
  async restart(idOrName: string, options: StopOptions = {}): Promise<AgentRecord> {
    const seat = this.#found(idOrName)
    refuseWhenStopping(this, 'restart')
    return restartAgent(this.#runtime, seat, options)
  }

  /**
   * Ends every agent that is silent, never one that is `idle` or `waiting`. The reason is `stall`, by `killStalled`, and
   * the restart policy of each applies.
   */
  async killStalled(options: KillStalledOptions = {}): Promise<KillStalledResult> {
    return killStalled(
      this.#runtime,
      parseStrictly(killStalledSchema, options, 'killStalled') as KillStalledOptions,
    )
  }

  /**
   * Takes an ended agent out of the registry; its entries and its log too when `history` is true.
   *
   * @throws ReeveError `agent_not_found`, `agent_running`, `registry_unavailable`
   */
  async remove(id: string, options: { history?: boolean } = {}): Promise<void> {
    const { history = false } = parseStrictly(removeOptionsSchema, options, 'remove')
    await removeAgent(this.#runtime, id, history)
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
    if (!seat.input) throw refuse('its stdin could not be opened; a warning said why')
    await seat.input.write(parseStrictly(inputSchema, input, 'input'))
  }

  /** See {@link Agent.logs}. */
  logs(idOrName: string, options: LogOptions = {}): AsyncIterable<string> {
    const { since = 'start', follow = false, signal } = parseStrictly(logOptionsSchema, options, 'logs')
    const seat = this.#found(idOrName)
    return this.#runtime.outside.readLog(seat.logFile, {
      from: since,
      follow,
      ...(signal && { signal }),
      until: () => seat.ended,
      clock: this.#runtime.clock,
    })
  }

  /** Calls `fn` for each; returns what takes it out again. A listener that throws is told as a `warning`. */
  on<E extends keyof SupervisorEvents>(event: E, fn: (payload: SupervisorEvents[E]) => unknown): () => void {
    return this.#runtime.listeners.on(event, fn)
  }

  /**
   * Every entry after `since`, then those that come, until the supervisor has stopped; without `since` those from now
   * on. Memory holds the newest 10,000; by its place (`supervisorId:seq`) an entry is found further back too.
   *
   * @throws ReeveError `invalid_spec`, `entries_gone`, `registry_unavailable`
   */
  entries(options: EntriesOptions = {}): AsyncIterable<Entry> {
    const { since = this.#runtime.log.nextSeq - 1, signal } = parseStrictly(
      entriesOptionsSchema,
      options,
      'entries',
    )
    return follow(this.#runtime, since, signal)
  }

  /**
   * All actors (the root, groups, each life) with their machines, then their events and snapshots: frames of the Stately
   * inspector's protocol, each as JSON, until the supervisor has stopped. It costs nothing while nobody reads.
   *
   * @throws ReeveError `invalid_spec`
   */
  inspection(options: InspectionOptions = {}): AsyncIterable<string> {
    const { signal } = parseStrictly(inspectionOptionsSchema, options, 'inspection')
    return inspectedLater(this.actor, signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop().then(() => {})
  }

  /** @internal */
  get isStopping(): boolean {
    return this.#stopping !== undefined
  }

  /** @internal Groups that were over so long ago; see the daemon's housekeeping. */
  forgetGroups(agoMs: number): void {
    this.#runtime.groups.forgetOver(agoMs)
  }

  /** @internal */
  recordOf(seat: Seat): AgentRecord {
    return this.#runtime.recordOf(seat)
  }

  /** @internal */
  actorOf(agentId: string): ActorRefFrom<typeof agentMachine> | undefined {
    return childOf(this.#runtime.root.getSnapshot().context.children, agentId)?.ref ?? undefined
  }

  async #end(
    which: string | Selection,
    ending: Ending,
    options?: StopOptions & CancelOptions,
  ): Promise<KillResult | KillResult[]> {
    return typeof which === 'string'
      ? endAgent(this.#runtime, this.#found(which), ending, options)
      : endSelected(this.#runtime, which, ending, options)
  }

  #found(idOrName: string): Seat {
    const seat = this.#runtime.roster.find(idOrName)
    if (!seat) throw notFound(idOrName)
    return seat
  }

  #shutDown(options: StopSupervisorOptions): Promise<StopSupervisorResult> {
    parseStrictly(stopSupervisorSchema, options, 'stop')
    if (this.#stopping) return this.#stopping
    // Known before it begins: who hears of an end may ask for this one again, from within.
    const stopped = new Deferred<StopSupervisorResult>()
    this.#stopping = stopped.promise
    shutDown(this.#runtime, options).then(
      (result) => stopped.resolve(result),
      (error) => stopped.reject(error),
    )
    return this.#stopping
  }
}

/** What converts is loaded by the first who looks. */
async function* inspectedLater(
  actor: Supervisor['actor'],
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const { inspected } = await import('./observe/inspection/inspection.ts')
  yield* inspected(actor, { signal })
}

const nobodyNamed = (): ReeveError => {
  const message =
    'stop: options for the end of one agent, and no agent. Give its id or name, or { all: true }; without any it is the supervisor that stops.'
  return new ReeveError('invalid_spec', message, { field: 'stop' })
}

const isSelection = (which: Selection | StopSupervisorOptions): which is Selection =>
  typeof which === 'object' && which !== null && ('task' in which || 'lane' in which || 'all' in which)

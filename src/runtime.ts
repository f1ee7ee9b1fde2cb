/**
 * All that runs under one supervisor: the root actor, the launcher, health, the log. What is told by a machine becomes
 * an entry here, and what follows from it for the outside follows here.
 */
import os from 'node:os'
import { type ActorRefFrom, createActor, type InspectionEvent } from 'xstate'
import { agentMachine } from '../machines/agent.ts'
import { childrenLogic } from '../machines/children.ts'
import { effectActions } from '../machines/effects.ts'
import {
  type AgentState,
  type Entry,
  type EntryDraft,
  isEnd,
  isNote,
  type LifeAddress,
} from '../machines/events.ts'
import type { Heir } from '../machines/keeping.ts'
import type { ChildSpec } from '../machines/members.ts'
import { type SupervisorEmitted, type SupervisorEvent, supervisorMachine } from '../machines/supervisor.ts'
import { Admission } from './admission.ts'
import { Asking } from './asking.ts'
import { type Clock, timestamp } from './clock.ts'
import { durationMs } from './duration.ts'
import { lifeEffects } from './effects.ts'
import { messageOf, ReeveError } from './errors.ts'
import { Groups } from './groups.ts'
import type { Vitals } from './health/vitals.ts'
import { type Home, inputOf, logFileOf, runFolder } from './home.ts'
import type { HomeLock } from './home-lock.ts'
import { killResult } from './kill-result.ts'
import { Listeners } from './listeners.ts'
import { openVitals } from './memory-limit.ts'
import { type SupervisorOptions, VITALS } from './options.ts'
import type { Outside } from './outside.ts'
import type { AgentPlan, Base } from './plan.ts'
import { InputPipe } from './process/input.ts'
import type { Launcher, LauncherAnswer } from './process/launcher.ts'
import { EntryLog } from './registry/entries.ts'
import { Journal } from './registry/journal.ts'
import { type AgentRecord, fold } from './registry/record.ts'
import type { Registry } from './registry/registry.ts'
import { Roster } from './roster.ts'
import { useIndexedScheduler } from './scheduler.ts'
import { Seat } from './seat.ts'
import type { Specs } from './specs.ts'
import { storedSpec } from './stored-spec.ts'
import { Turns } from './turns.ts'
import { Vigil } from './vigil.ts'

export interface RuntimeOptions {
  readonly supervisorId: string
  readonly home: Home
  readonly lock: HomeLock | undefined
  readonly clock: Clock
  readonly registry: Registry
  /** Only where there can be a successor. */
  readonly specs: Specs | undefined
  readonly given: SupervisorOptions
  /** What the specs of agents are laid over: under the root, and in groups. */
  readonly bases: { readonly root: Base; readonly group: Base }
  readonly outside: Outside
}

export class Runtime {
  readonly supervisorId: string
  readonly home: Home
  readonly lock: HomeLock | undefined
  readonly clock: Clock
  readonly registry: Registry
  readonly specs: Specs | undefined
  readonly outside: Outside
  readonly host = os.hostname()
  readonly listeners = new Listeners()
  readonly log = new EntryLog()
  readonly journal: Journal
  readonly vigil: Vigil
  readonly vitals: Vitals
  readonly admission: Admission
  launcher!: Launcher
  root!: ActorRefFrom<typeof supervisorMachine>
  readonly roster = new Roster()
  readonly groups = new Groups(this)
  readonly turns = new Turns(this)
  readonly bases: RuntimeOptions['bases']
  readonly #inspect: SupervisorOptions['inspect']
  #lastOrder = 0

  constructor(options: RuntimeOptions) {
    const { supervisorId, home, lock, clock, registry, specs, given, bases, outside } = options
    this.outside = outside
    this.bases = bases
    this.supervisorId = supervisorId
    this.home = home
    this.lock = lock
    this.clock = clock
    this.registry = registry
    this.specs = specs
    this.#inspect = given.inspect
    this.journal = new Journal({
      registry,
      sinks: given.sinks ?? [],
      clock,
      failed: (failure) => this.listeners.sinkFailed(failure),
      ...(specs && { committed: (batch) => this.#acknowledge(batch) }),
      ...(registry.durable && {
        spill: (trouble) => outside.openSpill({ home, supervisorId, registry, trouble }),
      }),
    })
    this.vitals = openVitals({
      clock,
      everyMs: durationMs(given.vitals?.every ?? VITALS.every, 'vitals.every'),
      launcher: () => this.launcher,
      roster: this.roster,
      send: (event) => this.send(event),
      warn: (warning) => this.listeners.warn(warning),
    })
    this.admission = new Admission(given.admission ?? {}, {
      clock,
      capacity: () => outside.capacity(),
      warn: (warning) => this.listeners.warn(warning),
    })
    this.vigil = new Vigil({
      dir: home.reports,
      clock,
      seatOf: (agentId) => this.roster.get(agentId),
      send: (event) => this.send(event),
      warn: (warning) => this.listeners.warn(warning),
      outside,
      asking: new Asking({
        home,
        clock,
        launcher: () => this.launcher,
        send: (event) => this.send(event),
      }),
      launcher: () => this.launcher,
    })
  }

  async start({ launcher, containment }: SupervisorOptions): Promise<void> {
    const { clock, home, supervisorId } = this
    this.launcher = await this.outside.startLauncher({
      home: home.dir,
      launcherId: supervisorId,
      ephemeral: home.ephemeral,
      keepExits: this.specs !== undefined,
      leftovers: runFolder(),
      mode: launcher === 'inline' ? 'inline' : 'process',
      ...(typeof launcher === 'object' && { exec: launcher.exec }),
      containment,
      baseEnv: process.env,
      clock,
      events: {
        answer: (answer) => this.#answered(answer),
        warning: (message, cause) => this.listeners.warn({ code: 'launcher_failed', message, cause }),
      },
    })
    const effects = lifeEffects({
      home,
      clock,
      launcher: this.launcher,
      reports: this.vigil.reports,
      logSize: (file) => this.outside.logSize(file),
      agentEnv: (agentId) => this.outside.agentEnv?.(agentId) ?? {},
      seatOf: (agentId) => this.roster.get(agentId),
      answer: (answer) => this.send(answer),
    })
    const fault = (cause: unknown, agentId: string) =>
      this.listeners.warn({
        code: 'internal',
        message: `a fault with ${agentId}: ${messageOf(cause)}`,
        agentId,
        cause,
      })
    const life = agentMachine.provide({
      actions: effectActions(effects, (cause, of) => fault(cause, of.agentId)),
    })
    const machine = supervisorMachine.provide({
      actors: { children: childrenLogic(life) },
      actions: {
        stampHeartbeat: ({ event }) => {
          const seat = 'agentId' in event ? this.roster.get(event.agentId) : undefined
          if (seat) this.vigil.beat(seat)
        },
      },
    })
    const ports = {
      now: () => clock.now(),
      random: () => this.outside.random(),
      abandon: (over: LifeAddress) => {
        this.launcher.signal(over, 'SIGKILL')
        this.launcher.sweep(over, { gentle: false, killWaitMs: 5_000 })
      },
      fault,
    }
    this.root = createActor(machine, {
      id: supervisorId,
      clock,
      input: { ports },
      ...(this.#inspect && { inspect: this.#contained(this.#inspect) }),
    })
    useIndexedScheduler(this.root, clock)
    const told = ({ entry, ended }: Extract<SupervisorEmitted, { entry: unknown }>) => {
      try {
        this.#told(entry, ended)
      } catch (cause) {
        fault(cause, entry.agentId)
      }
    }
    this.root.on('transition', told)
    this.root.on('note', told)
    this.root.on('group', ({ told: of }) => this.groups.told(of))
    this.root.start()
  }

  /** An inspector that throws would throw into the middle of whatever it watches. */
  #contained(inspect: NonNullable<SupervisorOptions['inspect']>): (event: InspectionEvent) => void {
    return (event) => {
      try {
        if (typeof inspect === 'function') inspect(event)
        else inspect.next?.(event)
      } catch (cause) {
        this.listeners.warn({ code: 'internal', message: `inspect threw: ${messageOf(cause)}`, cause })
      }
    }
  }

  /** Someone has this place already. */
  placed(order: number): void {
    this.#lastOrder = Math.max(this.#lastOrder, order)
  }

  /** A place after all that were given before. */
  nextOrder(): number {
    this.#lastOrder += 1
    return this.#lastOrder
  }

  /** To the root actor, which outlives every agent and is gone when the supervisor is. */
  send(event: SupervisorEvent): void {
    if (this.root.getSnapshot().status === 'active') this.root.send(event)
  }

  /** Takes the name and the seat; the agent is listed from here on. */
  seat(plan: AgentPlan): Seat {
    const seat = new Seat(plan, this.#provisional(plan))
    this.take(seat)
    return seat
  }

  /** The agent holds its name until it has ended. A successor will find its spec. */
  take(seat: Seat): void {
    const { plan, seed } = seat
    const around = plan.group === undefined ? [] : this.groups.around(plan.group)
    this.specs?.keep({ id: plan.id, seed, spec: storedSpec({ ...plan, around }), given: plan.given })
    this.roster.take(seat)
  }

  /** The machines take over, and its lifetime runs. `from`: the state it comes from, `null` for a new agent. */
  begin(seat: Seat, from: AgentState | null): void {
    const { incarnation } = seat.record
    this.vigil.begin(seat)
    this.send({ type: 'SPAWN', child: childOf(seat.plan, isEnd(from) ? incarnation + 1 : incarnation, from) })
  }

  /** An entry of an agent that the machines do not know of, in its order among theirs. */
  tellOfWaiting(entry: EntryDraft): void {
    const { root } = this
    if (root.getSnapshot().status !== 'active') return
    const ended = isEnd(entry.to)
    if (ended) root.getSnapshot().context.children.shared.untold += 1
    root.send({ type: 'TOLD', entry, ended })
  }

  /** The machines go on with what a supervisor before began. */
  adopt(seat: Seat, heir: Omit<Heir, 'child'>): void {
    const { incarnation, state } = seat.record
    this.send({ type: 'ADOPT', heir: { ...heir, child: childOf(seat.plan, incarnation, state) } })
  }

  /** The record with what is only in memory between two entries. */
  recordOf(seat: Seat): AgentRecord {
    const evidence = this.turns.awaited(seat)
    if (evidence) return { ...seat.record, evidence }
    const lastHeartbeatAt = this.lastHeartbeatAt(seat.life)
    return lastHeartbeatAt === undefined ? seat.record : { ...seat.record, lastHeartbeatAt }
  }

  /** When it last gave a sign of life, as a date; `undefined` when it was never watched. */
  lastHeartbeatAt(life: LifeAddress): string | undefined {
    const silentMs = this.vigil.silentMs(life)
    return silentMs === undefined ? undefined : new Date(this.clock.wallNow() - silentMs).toISOString()
  }

  /** The supervisor stops waiting for it: whoever waits is told that it was not ended. */
  abandon(seat: Seat): void {
    const { agentId } = seat.life
    const message = `${seat.plan.name} was not gone when the supervisor's time to stop ran out`
    const error = new ReeveError('kill_failed', message, { agentId, record: seat.record })
    seat.stopReadiness?.()
    seat.stopLiveness?.()
    this.launcher.signal(seat.life, 'SIGKILL')
    for (const { deferred } of seat.endWaiters.splice(0)) deferred.reject(error)
    seat.ready.reject(error)
    seat.restart?.deferred.reject(error)
    seat.end.resolve(seat.record)
  }

  // From the machines.

  #told(draft: EntryDraft, ended: boolean): void {
    const seat = this.roster.get(draft.agentId)
    if (!seat) return
    const entry = this.#number(draft, seat)
    seat.record = fold(seat.record, entry)
    if (ended) {
      this.roster.release(seat)
      this.vigil.end(seat)
      this.turns.left(seat, entry.evidence?.unverified === true)
    }
    this.log.add(entry)
    this.journal.append(entry)
    // Once its end is written ahead: killed in between, a successor would know of an agent that nobody can end.
    if (ended) this.specs?.drop(seat.plan.id)
    if (isNote(entry)) {
      if (entry.event === 'kill_failed') this.#killFailed(seat, entry)
      if (entry.event === 'rung') notedRung(seat, entry)
      if (entry.event === 'activity' && entry.activity) this.vigil.acts(draft, entry.activity)
      if (entry.event === 'extend') this.vigil.extends(draft, entry.evidence?.extendMs ?? 0)
      this.listeners.emit('note', entry)
      return
    }
    this.#follow(seat, entry, draft)
    this.#settle(seat, entry, ended)
    this.listeners.emit('transition', entry)
    if (entry.to === 'stalling') this.listeners.emit('stalled', entry)
  }

  #number({ process, ...draft }: EntryDraft, seat: Seat): Entry {
    const { plan } = seat
    const lastHeartbeatAt = this.lastHeartbeatAt(draft)
    return Object.freeze({
      seq: this.log.nextSeq,
      at: timestamp(this.clock),
      supervisorId: this.supervisorId,
      host: this.host,
      ...draft,
      ...process,
      ...(lastHeartbeatAt && { lastHeartbeatAt }),
      ...labelsOf(plan),
      ...(draft.from === null && { command: plan.command, cwd: plan.cwd, logFile: seat.logFile }),
    })
  }

  /** What a change of state means for health and processes. */
  #follow(seat: Seat, entry: Entry, draft: EntryDraft): void {
    const life: LifeAddress = { agentId: draft.agentId, incarnation: draft.incarnation }
    switch (entry.to) {
      case 'pre_starting':
        seat.lifePid = draft.process?.pid ?? null
        seat.lastPid = seat.lifePid
        this.attend(seat, life)
        this.vigil.spawned(seat, life)
        return
      case 'running':
        seat.stopReadiness?.()
        if (entry.from === 'stalling') this.vigil.revived(life)
        else this.vigil.watch(seat, life)
        if (entry.activity) this.vigil.acts(life, entry.activity)
        return
      case 'terminating':
      case 'reaping':
        if (seat.lifePid === null && draft.process) seat.lifePid = seat.lastPid = draft.process.pid
        seat.stopReadiness?.()
        seat.stopLiveness?.()
        this.vigil.forget(life)
        this.vitals.unlimit(life)
        this.vigil.hearEarly(seat)
        if (entry.to === 'reaping') this.vigil.exited(seat)
        return
      case 'killed':
      case 'crashed':
      case 'completed':
        seat.input?.close()
        seat.input = undefined
        void this.vigil.reports.end(life)
        this.vitals.forget(life)
        this.launcher.release(life)
        return
      case 'restarting':
        seat.endLife()
        return
      case 'spawning':
      case 'stalling':
        return
    }
  }

  /** Whoever waits for this. `state` and `record` show it already. */
  #settle(seat: Seat, entry: Entry, ended: boolean): void {
    const { record } = seat
    if (isEnd(entry.to)) {
      for (const { action, graceMs, deferred } of seat.endWaiters.splice(0))
        deferred.resolve(killResult(seat, action, graceMs, entry.at))
    }
    if (entry.to === 'running') {
      seat.ready.resolve(record)
      if (seat.restart && entry.incarnation > seat.restart.beyond) {
        seat.restart.deferred.resolve(record)
        seat.restart = undefined
      }
    }
    if (!ended) return
    if (!seat.ready.settled || seat.restart) {
      const failure = seat.failure()
      seat.ready.reject(failure)
      seat.restart?.deferred.reject(failure)
      seat.restart = undefined
    }
    seat.end.resolve(record)
  }

  /** It has a process: its stdin is held open, its memory looked after. */
  attend(seat: Seat, life: LifeAddress): void {
    const { stdin, memoryMaxBytes } = seat.plan
    if (stdin === 'open') this.#openInput(seat)
    if (memoryMaxBytes !== null) this.vitals.limit(life, memoryMaxBytes)
  }

  /** Held from the start: while the launcher is away, the agent must not read EOF. */
  #openInput(seat: Seat): void {
    try {
      seat.input = new InputPipe(inputOf(this.home, seat.life), seat.plan.id, this.clock)
    } catch (cause) {
      const { id: agentId } = seat.plan
      this.listeners.warn({ code: 'not_accepting_input', message: messageOf(cause), agentId, cause })
    }
  }

  #killFailed(seat: Seat, entry: Entry): void {
    const { agentId } = entry
    const message = `${seat.plan.name}: ${entry.error?.message ?? 'it survived SIGKILL'}. Reeve goes on trying.`
    for (const { deferred } of seat.endWaiters.splice(0))
      deferred.reject(new ReeveError('kill_failed', message, { agentId, record: seat.record }))
  }

  #provisional(plan: AgentPlan): AgentRecord {
    const { id: agentId, name, command, cwd } = plan
    const draft: EntryDraft = { agentId, name, incarnation: 1, from: null, to: 'spawning', event: 'spawn' }
    const logFile = logFileOf(this.home, agentId)
    const { supervisorId, host } = this
    const at = timestamp(this.clock)
    return fold(undefined, {
      ...draft,
      seq: 0,
      at,
      supervisorId,
      host,
      ...labelsOf(plan),
      command,
      cwd,
      logFile,
    })
  }

  /** An entry of an agent that is not this supervisor's to keep: no machine, no handle, nothing follows from it. */
  tell(
    { id: agentId, name, incarnation, group, task, spawner, lane, labels }: AgentRecord,
    told: Pick<EntryDraft, 'from' | 'to' | 'event' | 'exit' | 'reason' | 'at'>,
  ): void {
    const entry: Entry = Object.freeze({
      seq: this.log.nextSeq,
      supervisorId: this.supervisorId,
      host: this.host,
      agentId,
      name,
      incarnation,
      ...told,
      at: told.at ?? timestamp(this.clock),
      ...(group !== null && { group }),
      ...(task !== null && { task }),
      ...(spawner !== null && { spawner }),
      ...(lane !== null && { lane }),
      ...(Object.keys(labels).length > 0 && { labels }),
    })
    this.log.add(entry)
    this.journal.append(entry)
    this.listeners.emit('transition', entry)
  }

  /** Its launcher need not keep them for a successor any longer. */
  #acknowledge(batch: readonly Entry[]): void {
    const ended = batch.filter((entry) => isEnd(entry.to) && !isNote(entry))
    const lives = ended.map(({ agentId, incarnation }) => ({ agentId, incarnation }))
    if (lives.length > 0) this.launcher.acknowledge(lives)
  }

  // From the outside.

  /** A successor has to know from where on to look for its ready line. */
  #located(answer: Extract<LauncherAnswer, { type: 'SPAWNED' }>): LauncherAnswer {
    const seat = this.roster.get(answer.agentId)
    const byLine = typeof seat?.plan.ready === 'object' && 'line' in seat.plan.ready
    return byLine ? { ...answer, evidence: { logOffset: seat.logOffset } } : answer
  }

  #answered(answer: LauncherAnswer): void {
    if (answer.type === 'EXITED') {
      const seat = this.roster.get(answer.agentId)
      if (seat?.record.incarnation === answer.incarnation) seat.exited = true
    }
    // One whose launcher died before it could say that it began may have run, and spoken, for a while.
    if (answer.type === 'EXITED' || answer.type === 'SPAWN_FAILED') this.vigil.lastWords(answer)
    this.send(answer.type === 'SPAWNED' ? this.#located(answer) : answer)
  }
}

/** SIGINT to an agent that takes no other request: of the ladder's other signals the effect itself knows. */
function notedRung(seat: Seat, { evidence = {} }: Entry): void {
  const { asked, signal, waitMs } = evidence
  if (asked !== undefined && signal !== undefined && waitMs !== undefined) seat.kill.lastSignal = signal
}

/** What every entry of it bears. */
const labelsOf = ({ group, task, lane, spawner, labels }: AgentPlan): Partial<Entry> => ({
  ...(group !== undefined && { group }),
  ...(task !== undefined && { task }),
  ...(lane !== undefined && { lane }),
  ...(spawner !== undefined && { spawner }),
  ...(labels && { labels }),
})

/** As its supervisor keeps it. */
function childOf(plan: AgentPlan, incarnation: number, from: ChildSpec['from']): ChildSpec {
  const { id: agentId, name, life, restart, group, order, significant } = plan
  const place = { order, significant, ...(group !== undefined && { group }) }
  return { agentId, name, life, restart, incarnation, from, ...place }
}

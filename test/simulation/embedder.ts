/**
 * The program that embeds a supervisor: it asks, listens, and remembers what it was told and what it is still owed.
 * One inhabitant of the world: another one may follow it.
 */
import { type Entry, isEnd, type LifeAddress } from '../../machines/events.ts'
import { isPassing } from '../../machines/restart.ts'
import type { Agent } from '../../src/agent.ts'
import { ReeveError } from '../../src/errors.ts'
import { type Outside, realOutside } from '../../src/outside.ts'
import { fold } from '../../src/registry/record.ts'
import type { StopSupervisorResult } from '../../src/shutdown.ts'
import { type Supervisor, superviseIn } from '../../src/supervisor.ts'
import { isBroken } from './here.ts'
import { isSpent } from './invariants/budgets.ts'
import { onEntry } from './invariants/entries.ts'
import { gaveUp } from './invariants/groups.ts'
import { wasBusy } from './invariants/lanes.ts'
import type { Asked, Known } from './known.ts'
import type { SimProcess } from './machine/process.ts'
import { type Party, runningParty } from './party.ts'
import type { NamedSpec } from './specs.ts'
import type { World } from './world.ts'

const EXPECTED =
  /^(agent_not_found|process_not_found|name_taken|agent_running|ended_before_ready|spawn_failed|ready_timeout|restart_intensity_exceeded|registry_unavailable|supervisor_stopping|kill_failed|entries_gone|launcher_failed|lane_busy|budget_exhausted|group_over|group_not_found)$/

/** Reads the reports of an agent that is taken over from their beginning. */
const readAgain: Outside['openReports'] = (options) => {
  const reports = realOutside.openReports(options)
  const adopt = reports.adopt.bind(reports)
  return Object.assign(reports, { adopt: (life: LifeAddress) => adopt(life, 0) })
}

export class Embedder {
  readonly world: World
  readonly process: SimProcess
  readonly party: Party
  readonly registry: ReturnType<World['registry']['openedBy']>
  readonly sink: ReturnType<World['registry']['openedBy']>
  supervisor!: Supervisor
  readonly told: Entry[] = []
  readonly known = new Map<string, Known>()
  readonly asked = new Set<Asked>()
  /** Agents of which something was told since they were last looked at. */
  readonly news = new Set<string>()
  stopping: { readonly atMs: number; readonly timeoutMs: number } | undefined
  stopped: StopSupervisorResult | undefined
  /** What listeners do beside listening. */
  mischief: ((entry: Entry) => void) | undefined
  answered = 0

  /** Since when there is a supervisor. */
  sinceMs = 0
  beginning = true
  /** It could not begin. */
  failed = false
  /** Told before the one before it: listeners hear from now on, `entries()` has those of the beginning too. */
  readonly #early = new Map<number, Entry>()

  constructor(world: World, process: SimProcess, party: Party) {
    this.world = world
    this.process = process
    this.party = party
    this.registry = world.registry.openedBy(party)
    this.sink = world.sink.openedBy(party)
  }

  begin(home: string): void {
    const { world, registry, sink, party } = this
    const outside: Outside = {
      ...realOutside,
      lockHome: async () => world.lock.take(party),
      random: () => world.jitter.next(),
      ...(isBroken('spill-not-replayed') && { replaySpills: async () => {} }),
      ...(isBroken('usage-twice') && { openReports: readAgain }),
    }
    party.deliver(() => {
      superviseIn(outside, { home, registry, sinks: [sink], clock: party.clock }).then(
        (supervisor) => this.#moveIn(supervisor),
        (error: unknown) => {
          this.beginning = false
          this.failed = true
          world.trace(`no supervisor: ${this.#refusal('createSupervisor', error)}`)
        },
      )
    })
  }

  #moveIn(supervisor: Supervisor): void {
    const { world } = this
    this.supervisor = supervisor
    this.sinceMs = this.nowMs
    this.beginning = false
    world.replayed()
    world.sessions.push({ id: supervisor.id, told: this.told, stored: this.registry.durable })
    this.#takeOver()
    void this.#follow(supervisor)
    supervisor.on('transition', (entry) => this.#tell(entry))
    supervisor.on('note', (entry) => this.#tell(entry))
    supervisor.on('warning', ({ code, message }) => {
      world.heed(`warning: ${message}`)
      if (code === 'group_gave_up') gaveUp(world, /^group (\S+) gives up/.exec(message)?.[1] ?? '')
      if (message.startsWith('a fault with')) world.violated('no fault in the logic', message)
    })
    supervisor.on('sink-error', () => {})
    const mischief = (entry: Entry) => this.mischief?.(entry)
    supervisor.on('transition', mischief)
    supervisor.on('note', mischief)
  }

  /** What an embedder before it knew of agents that this supervisor has too; of the others nobody asks any more. */
  #takeOver(): void {
    const { world, supervisor } = this
    // What it had begun to end together its successor ends no further.
    world.vows.clear()
    world.overdone.clear()
    for (const crew of world.crews.values()) crew.restartsMs = []
    const name = 'P5 a successor knows the agents of before'
    for (const [id, known] of world.departed) {
      const agent = supervisor.get(id)
      if (this.registry.durable) this.#learn(id, known)
      const last = known.entries.at(-1)
      if (this.registry.durable) world.checking(name)
      if (!agent && this.registry.durable && last && !isEnd(last.to) && !known.removed)
        world.violated(name, `${id} was ${last.to}, and is not known`)
      if (!agent) continue
      world.departed.delete(id)
      // What was asked in the turn in which it was killed was perhaps not heard: no entry says so then.
      const since = known.entries.slice(known.wishedAfter)
      const heard = since.some(({ reason, evidence }) => reason && !isPassing(reason) && !evidence?.again)
      const wish = heard ? known.wish : 'run'
      const isCalledOff = since.some(({ reason }) => reason?.kind === 'cancelled')
      const taken = { ...known, agent, wish, cancelledAtMs: isCalledOff ? known.cancelledAtMs : null }
      this.known.set(id, taken)
      if (isSpent(taken)) this.#spent(taken)
      this.watchPromises(taken, true)
    }
  }

  /** A supervisor may have written ahead what it did not live to tell. */
  #learn(id: string, known: Known): void {
    const { registry, sessions } = this.world
    const first = known.entries[0]
    const stored = sessions.flatMap((session) => registry.of(session.id).entries)
    const from = stored.findIndex(
      ({ supervisorId, seq }) => supervisorId === first?.supervisorId && seq === first.seq,
    )
    known.entries.splice(
      0,
      known.entries.length,
      ...stored.slice(from).filter(({ agentId }) => agentId === id),
    )
    known.record = undefined
    for (const entry of known.entries)
      known.record = fold(entry.from === null ? undefined : known.record, entry)
  }

  /** What was told while it began. */
  async #follow(supervisor: Supervisor): Promise<void> {
    for await (const entry of supervisor.entries({ since: 0 })) this.#tell(entry)
  }

  /** Each once, in order, by whichever way it comes first. */
  #tell(entry: Entry): void {
    // What a killed one says in the rest of its turn is said to nobody.
    if (this.party.dead) return
    if (entry.seq > this.told.length) this.#early.set(entry.seq, entry)
    for (let seq = this.told.length + 1; this.#early.has(seq); seq += 1) {
      const next = this.#early.get(seq) as Entry
      this.#early.delete(seq)
      this.#hear(next)
    }
  }

  get vacant(): boolean {
    return this.party.dead || this.failed
  }

  get nowMs(): number {
    return this.world.nowMs
  }

  /** Calls, as a turn of its process, and remembers that an answer is owed within `boundMs`. */
  ask(what: string, boundMs: number, call: () => unknown): void {
    const { world } = this
    const asked: Asked = { what, atMs: this.nowMs, dueMs: this.nowMs + boundMs, answer: undefined }
    const settle = (answer: string): void => {
      asked.answer = answer
      this.answered += 1
      this.asked.delete(asked)
      world.trace(`< ${what}: ${answer}`)
    }
    const refused = (error: unknown) => settle(this.#refusal(what, error))
    this.doing(() => {
      world.trace(`> ${what}`)
      try {
        const result = call()
        if (!(result instanceof Promise)) return
        this.asked.add(asked)
        result.then((value) => settle(brief(value)), refused)
      } catch (error) {
        refused(error)
      }
    })
  }

  /** At once within a turn of its own process, else in a new one. */
  doing(fn: () => void): void {
    if (runningParty() === this.party) fn()
    else this.party.deliver(fn)
  }

  spawn(spec: NamedSpec): void {
    // What follows from the turn that is under way is not all told yet.
    const isWithinTurn = runningParty() === this.party
    this.ask(`spawn ${spec.id} as ${spec.name} ${spec.command[1]}`, 0, () => {
      const before = this.told.length
      // One that was removed is spawned anew.
      const { world } = this
      if (!this.supervisor.get(spec.id)) {
        this.known.delete(spec.id)
        world.spawned.push(spec.id)
      }
      const agent = this.#spawned(spec, isWithinTurn)
      world.checking('P7 spawn returns with a listed agent')
      const listed = this.supervisor.list({ id: spec.id })[0]
      const isKnown = this.known.get(spec.id)?.agent === agent
      // A listener may have taken its place in its lane already.
      const hasGoneOn = this.told.some(
        ({ seq, agentId, to }) => seq > before && agentId === spec.id && to !== 'spawning',
      )
      if (!isKnown && !hasGoneOn && (agent.state !== 'spawning' || listed?.state !== 'spawning'))
        world.violated(
          'P7 spawn returns with a listed agent',
          `${spec.id} is ${agent.state}, listed: ${listed?.state}`,
        )
      if (isKnown) return
      const known: Known = {
        agent,
        spec,
        entries: this.told.slice(before).filter((entry) => entry.agentId === spec.id),
        record: undefined,
        wish: 'run',
        wishedAtMs: this.nowMs,
        wishedAfter: 0,
        cancelledAtMs: null,
        spentAtMs: null,
        toldAtMs: this.nowMs,
        runningSinceMs: 0,
        removed: false,
        ready: undefined,
        ended: undefined,
        endedAtMs: Number.NaN,
      }
      for (const entry of known.entries) {
        known.record = fold(known.record, entry)
        this.#makesRoom(known, entry)
      }
      const mine = this.party.dead ? world.departed : this.known
      mine.set(spec.id, known)
      this.watchPromises(known)
    })
  }

  #spawned(spec: NamedSpec, isWithinTurn: boolean): Agent {
    try {
      return this.supervisor.spawn(spec)
    } catch (cause) {
      const isBusy = cause instanceof ReeveError && cause.code === 'lane_busy'
      if (isBusy && !isWithinTurn) wasBusy(this.world, spec)
      throw cause
    }
  }

  /** `ready` and `ended` settle once, and as the record says; a restart of an ended agent begins them anew. */
  watchPromises(known: Known, isTakenOver = false): void {
    const { world } = this
    const { agent, spec } = known
    known.ready = undefined
    known.ended = undefined
    agent.ready.then(
      (record) => {
        known.ready = 'resolved'
        world.trace(`< ready of ${spec.id}`)
        // One that was ready once is, for whoever takes it over, in whichever life it is.
        if (!record?.startedAt && !isTakenOver)
          world.violated(
            'ready and ended say what the record says',
            `${spec.id} was never started, and is ready`,
          )
      },
      (error: unknown) => {
        known.ready = this.#refusal(`ready of ${spec.id}`, error)
        world.trace(`< ready of ${spec.id}: ${known.ready}`)
      },
    )
    agent.ended.then((record) => {
      known.ended = record?.state
      known.endedAtMs = this.nowMs
      world.trace(`< ended of ${spec.id}: ${record?.state}`)
      if (!record || (!isEnd(record.state) && !this.stopping))
        world.violated('ready and ended say what the record says', `${spec.id} has ended as ${record?.state}`)
    })
  }

  wish(id: string, wish: Known['wish']): void {
    const known = this.known.get(id)
    if (!known) return
    if (known.wish !== wish) known.wishedAfter = known.entries.length
    known.wish = wish
    // What was said before, and is under way, is told first.
    known.wishedAtMs = this.nowMs
  }

  stop(timeoutMs: number): void {
    if (!this.stopping) this.stopping = { atMs: this.nowMs, timeoutMs }
    this.ask(`stop the supervisor within ${timeoutMs}`, timeoutMs + 1_500, async () => {
      this.stopped = await this.supervisor.stop({ timeout: timeoutMs })
    })
  }

  /** Its loop was blocked: nobody could be answered meanwhile. */
  excuse(ms: number): void {
    for (const asked of this.asked) asked.dueMs += ms
  }

  #hear(entry: Entry): void {
    const { world, told, known } = this
    told.push(entry)
    this.news.add(entry.agentId)
    const { seq, agentId, incarnation, from, to, event } = entry
    world.trace(
      `${seq} ${agentId}.${incarnation} ${from} → ${to} (${event})${entry.reason ? ` ${entry.reason.kind}` : ''}${entry.evidence ? ` ${JSON.stringify(entry.evidence)}` : ''}`,
    )
    const one = known.get(agentId)
    one?.entries.push(entry)
    onEntry(world, entry, one)
    if (!one) return
    this.#makesRoom(one, entry)
    one.toldAtMs = this.nowMs
    one.record = fold(entry.from === null ? undefined : one.record, entry)
    if (event === 'usage' && one.spentAtMs === null && isSpent(one)) this.#spent(one)
    if (from !== to && to === 'running') one.runningSinceMs = this.nowMs
  }

  /** Its budget ran out: it is to end, and to stay so. */
  #spent(known: Known): void {
    known.spentAtMs ??= this.nowMs
    this.wish(known.spec.id, 'end')
  }

  /** Whoever held the lane of one that replaces it is not to come back. */
  #makesRoom({ spec }: Known, { event, evidence }: Entry): void {
    if (event === 'queued' && spec.onConflict === 'replace') this.wish(evidence?.waitsFor ?? '', 'end')
  }

  #refusal(what: string, error: unknown): string {
    const code = error instanceof ReeveError ? error.code : String(error)
    if (!EXPECTED.test(code)) {
      const text = error instanceof Error ? error.stack : code
      this.world.violated('only errors of the table, and those that fit', `${what}: ${text}`)
    }
    return code
  }
}

const brief = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `${value.length} of them`
  const { state, killedGracefully, pid } = value as Record<string, unknown>
  return [state, pid, killedGracefully].filter((each) => each !== undefined).join(' ')
}

/**
 * A supervisor takes over what those before it left: each agent goes on under its name with its deadlines and policies,
 * or ends with what is known of it. What is done here is told to the log as it happens, and nothing of it is remembered
 * elsewhere: a successor that dies half-way leaves the same task to the next.
 */
import { isEnd, type LifeAddress, lifeKey } from '../machines/events.ts'
import type { Regroup } from '../machines/regrouping.ts'
import {
  afterEnd,
  historyOf,
  type Left,
  resume,
  type Tiding,
  WITHOUT_SUPERVISOR,
} from '../machines/resumption.ts'
import type { Agent } from './agent.ts'
import { messageOf } from './errors.ts'
import type { Bequest, Estate } from './estate.ts'
import { MAX_EXTEND_MS } from './health/report.ts'
import { tellTheirEnds } from './orphaned-records.ts'
import type { AgentPlan } from './plan.ts'
import type { KeptLife } from './process/launcher.ts'
import type { Runtime } from './runtime.ts'
import { Seat } from './seat.ts'
import { termsOf } from './terms.ts'

/** How long the members of a group have that was being stopped when its supervisor died: as long as by default. */
const STOP_AGAIN_MS = 25_000

/** All in one turn: nobody sees it half done. */
export function succeed(runtime: Runtime, estate: Estate, handleOf: (seat: Seat) => Agent): void {
  const succession = new Succession(runtime, handleOf)
  succession.openGroups()
  for (const bequest of estate.bequests) succession.take(bequest)
  succession.regroup()
  succession.bringTidings()
  for (const id of estate.unknown) runtime.specs?.drop(id)
  succession.waitAgain()
  succession.endGroups()
  succession.dismissRest()
  tellTheirEnds(runtime, estate.orphaned)
}

class Succession {
  readonly #runtime: Runtime
  readonly #handleOf: (seat: Seat) => Agent
  /** Of what launchers before kept, by life: what nobody has claimed yet. */
  readonly #kept: Map<string, KeptLife>
  readonly #waiting: Bequest[] = []
  /** Members that are down, of groups that act together. */
  readonly #regroups: Regroup[] = []
  /** What became of each life while nobody listened: told when all have their places, for a failure may concern others. */
  readonly #tidings: [of: AgentPlan, bring: () => void][] = []

  constructor(runtime: Runtime, handleOf: (seat: Seat) => Agent) {
    this.#runtime = runtime
    this.#handleOf = handleOf
    this.#kept = new Map(runtime.launcher.kept.map((kept) => [lifeKey(kept.terms), kept]))
  }

  /** Those without members too, where agents are adopted. Any other is opened with the first of its members. */
  openGroups(): void {
    const { groups, bases, specs } = this.#runtime
    if (bases.group.merged.onSupervisorDeath !== 'adopt') return
    for (const kept of specs?.leftGroups.values() ?? []) groups.restore(kept)
  }

  /** Ends that were under way go on; what nobody opened again is forgotten. */
  endGroups(): void {
    const { groups, specs } = this.#runtime
    for (const [path, { ending }] of specs?.leftGroups ?? []) {
      if (!groups.get(path)) specs?.dropGroup(path)
      else if (ending) groups.end(path, ending, STOP_AGAIN_MS)
    }
  }

  take(bequest: Bequest): void {
    this.#contained(bequest.plan, () => this.#take(bequest))
  }

  /** Failures first: what goes with them is ended before anyone starts. */
  regroup(): void {
    const failedFirst = this.#regroups.sort((a, b) => Number(b.failed) - Number(a.failed))
    for (const regroup of failedFirst) this.#runtime.send(regroup)
  }

  bringTidings(): void {
    for (const [plan, bring] of this.#tidings) this.#contained(plan, bring)
  }

  /** Once it is known who is in the lanes, those that waited wait again, in their order; or their turn has come. */
  waitAgain(): void {
    const { turns } = this.#runtime
    for (const bequest of this.#waiting.sort((a, b) => a.plan.order - b.plan.order)) {
      const seat = this.#sit(bequest)
      turns.resume(seat)
      if (bequest.plan.onSupervisorDeath !== 'adopt')
        turns.end(seat, { event: 'stop', reason: WITHOUT_SUPERVISOR })
    }
    turns.resumed()
  }

  /** What nobody wants: its end is in the log already, or it was never in it. */
  dismissRest(): void {
    const { launcher } = this.#runtime
    const over: LifeAddress[] = []
    for (const { terms, state } of this.#kept.values()) {
      const life: LifeAddress = { agentId: terms.agentId, incarnation: terms.incarnation }
      if (state.kind === 'exited' || state.kind === 'failed') over.push(life)
      else launcher.dismiss(life)
    }
    if (over.length > 0) launcher.acknowledge(over)
  }

  /** A fault with one agent is no reason to leave the others. */
  #contained({ id: agentId, name }: AgentPlan, work: () => void): void {
    try {
      work()
    } catch (cause) {
      const message = `${name} could not be taken over as it should: ${messageOf(cause)}`
      this.#runtime.listeners.warn({ code: 'internal', message, agentId, cause })
    }
  }

  #take(bequest: Bequest): void {
    const { plan, trail } = bequest
    for (const spec of plan.around) this.#runtime.groups.restore({ spec })
    const adopt = plan.onSupervisorDeath === 'adopt'
    if (trail.waiting) {
      this.#waiting.push(bequest)
      return
    }
    const next = this.#kept.get(lifeKey({ agentId: plan.id, incarnation: trail.incarnation + 1 }))
    if (trail.state === 'restarting' || isEnd(trail.state)) {
      if (isEnd(trail.state)) this.#afterEnd(bequest, adopt)
      else this.#betweenLives(bequest, adopt, next)
      return
    }
    this.#goOn(bequest, adopt)
  }

  /** It stands in a life. */
  #goOn(bequest: Bequest, adopt: boolean): void {
    const { vigil, clock } = this.#runtime
    const { plan, trail } = bequest
    const seat = this.#seat(bequest)
    const life: LifeAddress = { agentId: plan.id, incarnation: trail.incarnation }
    const left = this.#leftOf(seat, bequest, life)
    const { life: state, told, intent, tidings } = resume(trail, left, adopt)
    seat.logOffset = trail.logOffset
    seat.lifePid = seat.lastPid = (left.kind === 'alive' ? left.process : trail.process)?.pid ?? null
    seat.kill = { lastSignal: null, forced: trail.forced }
    if (trail.state === 'spawning') seat.underway = trail.incarnation
    const { lastRung, runningAt } = trail
    const rungLeftMs =
      lastRung?.waitMs == null ? {} : { rungLeftMs: lastRung.waitMs - this.#sinceMs(lastRung.at) }
    const runningSinceMs = runningAt === null ? null : this.#msOf(runningAt)
    const { extendedUntil } = trail
    const extendedMs = extendedUntil === null ? 0 : this.#untilMs(extendedUntil)
    this.#adopt(seat, {
      life: state && { ...state, runningSinceMs, readyLeftMs: extendedMs || null, ...rungLeftMs },
      backoffLeftMs: 0,
      told,
      intent,
      history: historyOf(trail, (at) => this.#msOf(at)),
    })
    if (left.kind === 'alive' && trail.state !== 'spawning' && trail.state !== 'reaping') {
      this.#runtime.attend(seat, life)
      if (trail.state === 'pre_starting') vigil.spawned(seat, life)
      if (trail.state === 'running' || trail.state === 'stalling') {
        const files = { output: seat.logFile, report: vigil.reports.path(life) }
        const heard = (['output', 'report'] as const).filter((each) => plan.heartbeat?.sources.includes(each))
        const silentMs =
          clock.wallNow() -
          this.#lastSignMs(
            bequest,
            heard.map((each) => files[each]),
          )
        const stalled = trail.state === 'stalling'
        vigil.resume(seat, life, { silentMs, activity: stalled ? null : trail.activity, stalled, extendedMs })
      }
    }
    this.#bring(plan, life, tidings)
    // What follows from an exit that was told already, its supervisor may not have got to.
    if (trail.state === 'reaping') this.#tidings.push([plan, () => vigil.exited(seat)])
  }

  /** It stands in the pause between two lives; the next one may be under way, if the log did not hear of it any more. */
  #betweenLives(bequest: Bequest, adopt: boolean, next: KeptLife | undefined): void {
    const { trail } = bequest
    const seat = this.#seat(bequest)
    const { tidings } = resume(trail, NOT_BEGUN, adopt)
    const { at = trail.lastAt, delayMs = 0, event } = trail.backoff ?? {}
    const leftMs = Math.min(Math.max(0, delayMs - this.#sinceMs(at)), delayMs)
    const life: LifeAddress = { agentId: seat.plan.id, incarnation: trail.incarnation + 1 }
    const underway = adopt && next !== undefined
    if (underway) seat.underway = life.incarnation
    const left = underway
      ? this.#leftOf(seat, { ...bequest, trail: { ...trail, state: 'spawning', process: null } }, life)
      : undefined
    const regroups = adopt && !underway && event !== 'restart' && goesWithOthers(bequest)
    if (regroups) this.#regroupLater(seat, leftMs, event === 'backoff')
    this.#adopt(seat, {
      life: null,
      backoffLeftMs: underway ? 0 : adopt ? leftMs : Number.MAX_SAFE_INTEGER,
      regroups,
      told: false,
      intent: 'by_policy',
      history: historyOf(trail, (date) => this.#msOf(date)),
    })
    this.#bring(seat.plan, { ...life, incarnation: trail.incarnation }, tidings)
    if (left)
      this.#bring(
        seat.plan,
        life,
        resume({ ...trail, state: 'spawning', process: null, reason: null }, left, adopt).tidings,
      )
  }

  /** Its life has ended; whether another was to follow, its supervisor did not say any more. */
  #afterEnd(bequest: Bequest, adopt: boolean): void {
    const { clock, outside, specs } = this.#runtime
    const { plan, trail } = bequest
    const dice = outside.random()
    const msOf = (at: string) => this.#msOf(at)
    const { intensity } = plan.around.at(-1) ?? plan.restart
    const decision = afterEnd(trail, { ...plan.restart, intensity }, { nowMs: clock.now(), dice, msOf })
    if (!adopt || !decision.restart) {
      specs?.drop(plan.id)
      return
    }
    const { delayMs, history } = decision
    const seat = this.#seat(bequest)
    const regroups = !trail.again && goesWithOthers(bequest)
    if (regroups) this.#regroupLater(seat, delayMs, trail.reason?.kind !== 'strategy')
    this.#adopt(seat, {
      life: null,
      backoffLeftMs: delayMs,
      regroups,
      told: false,
      intent: 'by_policy',
      history,
    })
  }

  #regroupLater({ plan }: Seat, pauseMs: number, failed: boolean): void {
    this.#regroups.push({ type: 'REGROUP', agentId: plan.id, pauseMs, failed })
  }

  #seat(bequest: Bequest): Seat {
    const { turns, vigil } = this.#runtime
    const { trail } = bequest
    const seat = this.#sit(bequest)
    turns.hold(seat)
    vigil.begin(seat, { elapsedMs: this.#sinceMs(trail.lifetimeFrom), warned: trail.warned })
    return seat
  }

  #sit({ plan, seed, record, trail }: Bequest): Seat {
    const seat = new Seat(plan, record, seed)
    seat.agent = this.#handleOf(seat)
    seat.lastPid = trail.process?.pid ?? null
    if (record.usage) seat.usage = record.usage
    seat.warnedOf = trail.warnedOf
    if (trail.wasReady) seat.ready.resolve(record)
    // Whoever comes from now on comes after it: in its lane, and in its group.
    this.#runtime.placed(plan.order)
    this.#runtime.roster.take(seat)
    return seat
  }

  #adopt(seat: Seat, heir: Parameters<Runtime['adopt']>[1]): void {
    this.#runtime.adopt(seat, heir)
  }

  /** What is left of the life that the log tells of last, and from now on ours. Reports are read on from where they were. */
  #leftOf(seat: Seat, bequest: Bequest, life: LifeAddress): Left {
    const { launcher, outside, vigil, home } = this.#runtime
    const { trail } = bequest
    const reportFile = vigil.reports.adopt(life, trail.reportOffset)
    const lastSignAt = new Date(this.#lastSignMs(bequest, [seat.logFile, reportFile])).toISOString()
    const kept = this.#kept.get(lifeKey(life))
    if (kept) {
      this.#kept.delete(lifeKey(life))
      launcher.adopt(life)
      return leftOfKept(kept, lastSignAt)
    }
    const { process } = trail
    if (trail.state === 'spawning' || process === null) return NOT_BEGUN
    // The registry alone is not believed: whoever has that pid now has to carry the marker of this life.
    const whose = outside.whose(process, seat.markerOf(life))
    // Of one that is gone, the launcher still ends what it left.
    if (whose !== 'a_strangers') launcher.watch(termsOf(seat, life, home, reportFile), process)
    if (whose === 'ours') return { kind: 'alive', process, endedBy: null, rungsTaken: 0 }
    const exit = { code: null, signal: null }
    return { kind: 'gone', process, exit, at: lastSignAt, endedBy: null }
  }

  #bring(plan: AgentPlan, life: LifeAddress, tidings: readonly Tiding[]): void {
    const { vigil } = this.#runtime
    for (const tiding of tidings) {
      // What it said before its end is said before its end, also by one that nobody knew to have begun. That it has ended
      // is told in any case: nobody would find out later.
      if (tiding.type === 'EXITED' || tiding.type === 'SPAWN_FAILED')
        this.#tidings.push([plan, () => vigil.lastWords(life)])
      this.#tidings.push([plan, () => this.#runtime.send({ ...tiding, ...life })])
    }
  }

  /** The last moment at which it is known to have lived, in milliseconds since 1970. */
  #lastSignMs({ record, trail }: Bequest, files: readonly string[]): number {
    const { clock, outside } = this.#runtime
    const dates = [trail.lastAt, record.lastHeartbeatAt]
      .filter((at) => at !== null)
      .map((at) => Date.parse(at))
    return Math.min(Math.max(...dates, outside.lastWrittenMs(files) ?? 0), clock.wallNow())
  }

  #sinceMs(at: string): number {
    return Math.max(0, this.#runtime.clock.wallNow() - Date.parse(at))
  }

  /** How far a date lies ahead, and at most as far as one report can ask for. */
  #untilMs(at: string): number {
    return Math.min(Math.max(0, Date.parse(at) - this.#runtime.clock.wallNow()), MAX_EXTEND_MS)
  }

  /** A date in the monotonic time of this process; one that lies ahead is now. */
  #msOf(at: string): number {
    return this.#runtime.clock.now() - this.#sinceMs(at)
  }
}

/** Its group ends and starts others with it. */
const goesWithOthers = ({ plan }: Bequest): boolean =>
  (plan.around.at(-1)?.strategy ?? 'one_for_one') !== 'one_for_one'

const NOT_BEGUN: Left = {
  kind: 'failed',
  error: {
    code: 'spawn_failed',
    message: 'its supervisor died before it was started: no launcher knows of it',
  },
  at: '',
}

function leftOfKept({ state }: KeptLife, lastSignAt: string): Left {
  switch (state.kind) {
    case 'launching':
      return { kind: 'launching' }
    case 'failed':
      return { kind: 'failed', error: state.error, at: state.at }
    case 'running':
      return { kind: 'alive', process: state.process, endedBy: null, rungsTaken: 0 }
    case 'ending':
      return { kind: 'alive', process: state.process, endedBy: state.why, rungsTaken: state.rungsTaken }
    case 'exited': {
      const { process, exit, at, why } = state
      return { kind: 'gone', process, exit, at: at ?? lastSignAt, endedBy: why }
    }
  }
}

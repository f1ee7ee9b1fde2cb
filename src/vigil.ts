/** What agents say of themselves and what is seen of them, and what their machines are told of it. */
import { cancelWaitOf } from '../machines/escalation.ts'
import { type Activity, type Evidence, type LifeAddress, lifeKey } from '../machines/events.ts'
import type { SupervisorEvent } from '../machines/supervisor.ts'
import type { Asking } from './asking.ts'
import type { Clock } from './clock.ts'
import { within } from './deferred.ts'
import { messageOf } from './errors.ts'
import { Deadlines, type Look, type WatchedBefore } from './health/deadlines.ts'
import { awaitLine } from './health/readiness.ts'
import { activityOf, type Report } from './health/report.ts'
import type { Warning } from './listeners.ts'
import type { Outside } from './outside.ts'
import type { Launcher, TreeUsage } from './process/launcher.ts'
import type { Seat } from './seat.ts'
import { enforce, spent, warnOnce } from './spending.ts'

/** Reports of one life that wait for the launcher's word; that takes a few milliseconds. */
const EARLY_BOUND = 1_000

/** A look waits this long for the launcher. */
const USAGE_LIMIT_MS = 1_000

const NEW = { elapsedMs: 0, warned: false } as const

export interface VigilOptions {
  /** Where the report files are. */
  readonly dir: string
  readonly clock: Clock
  readonly seatOf: (agentId: string) => Seat | undefined
  readonly send: (event: SupervisorEvent) => void
  readonly warn: (warning: Warning) => void
  readonly outside: Outside
  readonly asking: Asking
  /** Asked for the CPU time of trees. */
  readonly launcher: () => Launcher
}

export class Vigil {
  readonly reports: ReturnType<Outside['openReports']>
  readonly #options: VigilOptions
  readonly #deadlines: Deadlines

  constructor(options: VigilOptions) {
    const { clock, dir, send, warn } = options
    this.#options = options
    const onTrouble = (message: string, cause?: unknown) => warn({ code: 'internal', message, cause })
    this.reports = options.outside.openReports({
      dir,
      clock,
      onReport: (life, report, offset) => this.heard(life, report, offset),
      onRejected: (life, rejected) =>
        send({ type: 'NOTE', ...life, event: 'report_rejected', evidence: { rejected } }),
      onTrouble,
    })
    this.#deadlines = new Deadlines({
      clock,
      look: (lives) => this.#look(lives),
      stalled: (life, evidence) => send({ type: 'STALLED', ...life, evidence }),
      resumed: (life, evidence) => send({ type: 'HEARTBEAT', ...life, evidence }),
      expiring: (agentId, elapsedMs) => this.#expiring(agentId, elapsedMs),
      expired: (agentId) => this.#expired(agentId),
      onTrouble,
    })
  }

  /** Its lifetime runs from now, over all its lives; or from before, when a supervisor before began it. */
  begin(seat: Seat, before: { readonly elapsedMs: number; readonly warned: boolean } = NEW): void {
    const { plan } = seat
    seat.expired = false
    if (plan.ttlMs !== null) this.#deadlines.lifetime(plan.id, plan.ttlMs, before.elapsedMs, before.warned)
  }

  /** No further life follows. */
  end({ plan }: Seat): void {
    this.#deadlines.forgetLifetime(plan.id)
  }

  /** It is running: heartbeats are due from now on. */
  watch(seat: Seat, life: LifeAddress): void {
    if (seat.plan.heartbeat) this.#deadlines.watch(life, seat.plan.heartbeat)
    this.#hold(seat, life)
  }

  /** Its leader has exited: what it used is known. */
  exited(seat: Seat): void {
    enforce(seat, this.#options.send)
  }

  /** It runs, and was watched by another before. */
  resume(seat: Seat, life: LifeAddress, before: WatchedBefore): void {
    if (seat.plan.heartbeat) this.#deadlines.resume(life, seat.plan.heartbeat, before)
    this.#hold(seat, life)
  }

  revived(life: LifeAddress): void {
    this.#deadlines.revived(life)
  }

  forget(life: LifeAddress): void {
    this.#deadlines.forget(life)
  }

  /** A sign of life that carries nothing else. */
  beat({ key }: Seat): void {
    this.#deadlines.beat(key)
  }

  /** It asked for time, which is not over: its silence is none. */
  hasTime(life: LifeAddress): boolean {
    return this.#deadlines.hasTime(lifeKey(life))
  }

  /** Milliseconds since the last sign of life; `undefined` when it is not watched. */
  silentMs(life: LifeAddress): number | undefined {
    return this.#deadlines.silentMs(lifeKey(life))
  }

  /**
   * A report, from the agent's file or from a call within this process (then without an offset). A call is a sign of
   * life always, a file where `heartbeat.sources` has it.
   */
  heard(life: LifeAddress, report: Report, offset?: number): void {
    const seat = this.#options.seatOf(life.agentId)
    if (!seat || seat.ended || seat.record.incarnation !== life.incarnation) return
    if (seat.record.state === 'spawning' && offset !== undefined) {
      if (seat.early.length < EARLY_BOUND) seat.early.push({ report, offset })
      return
    }
    this.#hear(seat, report, offset)
  }

  #hear(seat: Seat, report: Report, offset: number | undefined): void {
    const { send } = this.#options
    const { life: address, key } = seat
    const upTo = offset === undefined ? {} : { reportOffset: offset }
    const activity = activityOf(report)
    if (activity) {
      // What its machine makes of it comes back by `acts`; said again, it is a heartbeat.
      this.#deadlines.beat(key)
      send({ type: 'ACTIVITY', ...address, activity, ...upTo })
      return
    }
    const asksForTime = report.type === 'extend'
    const counts = offset === undefined || asksForTime || seat.plan.heartbeat?.sources.includes('report')
    if (counts) {
      const { stalled, silentMs } = this.#deadlines.beat(key)
      // With what follows it is read up to, and not before: one that dies in between leaves it to its successor.
      const isAll = report.type === 'beat' || report.type === 'ready'
      if (stalled)
        send({
          type: 'HEARTBEAT',
          ...address,
          evidence: { ...(silentMs !== undefined && { silentMs }) },
          ...(isAll && upTo),
        })
    }
    switch (report.type) {
      case 'ready':
        if (seat.plan.ready === 'report')
          send({ type: 'READY', ...address, evidence: { ready: 'report' }, ...upTo })
        return
      case 'usage': {
        const used = seat.usage
        seat.use(report)
        send({
          type: 'NOTE',
          ...address,
          event: 'usage',
          usage: seat.usage,
          ...upTo,
        })
        spent(seat, used, send)
        return
      }
      case 'extend': {
        // When its machine takes it, it comes back by `extends`: until it runs, the time is for becoming ready.
        const { by: byMs } = report
        const extendedUntil = new Date(this.#options.clock.wallNow() + byMs).toISOString()
        send({ type: 'EXTENDED', ...address, byMs, evidence: { extendMs: byMs, extendedUntil }, ...upTo })
        return
      }
      case 'result':
        send({ type: 'NOTE', ...address, event: 'result', evidence: { said: report.value }, ...upTo })
        return
      case 'stopping':
        send({
          type: 'NOTE',
          ...address,
          event: 'stopping',
          evidence: { said: report.message ?? null },
          ...upTo,
        })
        return
    }
  }

  /** The process is known now. */
  spawned(seat: Seat, life: LifeAddress): void {
    this.#awaitReadiness(seat, life)
    // A supervisor before may have counted what it used, and not lived to end it.
    enforce(seat, this.#options.send)
    this.hearEarly(seat)
  }

  /** What it said before anything was known of its start is said now. */
  hearEarly(seat: Seat): void {
    for (const { report, offset } of seat.early.splice(0)) this.#hear(seat, report, offset)
  }

  /** It has exited, or its start is known to have failed: what it said is said before that, a last half line too. */
  lastWords(life: LifeAddress): void {
    void this.reports.end(life)
    const seat = this.#options.seatOf(life.agentId)
    if (seat?.record.incarnation === life.incarnation) this.hearEarly(seat)
  }

  /** Its machine took what it says it does: `idle` and `waiting` hold its deadline. */
  acts(life: LifeAddress, activity: Activity): void {
    this.#deadlines.activity(life, activity)
  }

  /** Its machine took that it asks for time, while it runs. */
  extends(life: LifeAddress, byMs: number): void {
    this.#deadlines.extend(lifeKey(life), byMs)
  }

  /** Nothing is watched any more; report files stay until `reports.close()`. */
  close(): void {
    this.#deadlines.close()
  }

  /** It runs: it is asked whether it is well, and held to its budget. */
  #hold(seat: Seat, life: LifeAddress): void {
    seat.stopLiveness?.()
    seat.stopLiveness = this.#options.asking.whileWell(seat, life)
    warnOnce(seat, this.#options.send)
    enforce(seat, this.#options.send)
  }

  /** Readiness by a line of its output, or by what it answers when it is asked. */
  #awaitReadiness(seat: Seat, life: LifeAddress): void {
    const { ready } = seat.plan
    if (typeof ready === 'string') return
    const { asking } = this.#options
    seat.stopReadiness =
      'line' in ready ? this.#awaitLine(seat, life, ready.line) : asking.untilReady(seat, life, ready.probe)
  }

  #awaitLine(seat: Seat, life: LifeAddress, pattern: RegExp | string): () => void {
    const { clock, outside, send, warn } = this.#options
    const over = () => seat.ended || seat.record.incarnation !== life.incarnation
    return awaitLine({
      lines: outside.readLog(seat.logFile, { from: seat.logOffset, follow: true, until: over, clock }),
      pattern,
      found: (line) => send({ type: 'READY', ...life, evidence: { ready: line } }),
      failed: (cause) => {
        const message = `the log of ${seat.plan.name} cannot be read for its ready line: ${messageOf(cause)}`
        warn({ code: 'internal', message, agentId: life.agentId, cause })
      },
    })
  }

  /** Everything that can be seen of these lives: what they reported meanwhile, their logs, their trees. */
  async #look(lives: readonly LifeAddress[]): Promise<Look[]> {
    const { clock, outside, seatOf } = this.#options
    for (const life of lives) this.reports.drain(life)
    const [usage, logs] = await Promise.all([
      this.#usage(lives),
      Promise.all(
        lives.map((life) => {
          const seat = seatOf(life.agentId)
          return seat && outside.logLook(seat.logFile, clock)
        }),
      ),
    ])
    const trees = new Map(usage.map((each) => [lifeKey(each), each]))
    return lives.map((life, i) => {
      const tree = trees.get(lifeKey(life))
      const log = logs[i]
      return {
        life,
        logSize: log?.size,
        logAgeMs: log?.ageMs,
        cpuMs: tree?.cpuMs,
        processes: tree?.processes,
      }
    })
  }

  /** The CPU time of their trees; nothing when the launcher is away or slow: what the logs show counts without it. */
  async #usage(lives: readonly LifeAddress[]): Promise<readonly TreeUsage[]> {
    const { clock, launcher } = this.#options
    const answers: TreeUsage[] = []
    const asking = launcher()
      .usage(lives)
      .then((usage) => answers.push(...usage))
    await within(asking, USAGE_LIMIT_MS, clock)
    return answers
  }

  #expiring(agentId: string, elapsedMs: number): void {
    const seat = this.#options.seatOf(agentId)
    if (!seat) return
    const evidence: Evidence = { elapsedMs, limitMs: seat.plan.ttlMs ?? 0 }
    this.#options.send({ type: 'NOTE', ...seat.life, event: 'budget_warning', evidence })
  }

  #expired(agentId: string): void {
    const seat = this.#options.seatOf(agentId)
    if (!seat) return
    seat.expired = true
    const message = `its ttl of ${seat.plan.ttlMs} ms is over`
    const cancelMs = cancelWaitOf(seat.plan.life.rungs)
    this.#options.send({
      type: 'STOP',
      agentId,
      reason: { kind: 'ttl', by: 'supervisor', message },
      cancelMs,
    })
  }
}

/**
 * One life whose heartbeat is watched: its stamp, its hold, its deadline, what was last seen of it. Time comes in
 * as an argument; nothing here waits or looks.
 */
import { type Activity, type Evidence, type LifeAddress, lifeKey } from '../../machines/events.ts'
import type { Planned } from './agenda.ts'
import { cpuUsedMs, grewAtMs, type HeartbeatSource, type Seen, worked } from './look.ts'

export interface HeartbeatPolicy {
  /** Silence longer than this is a stall. `Infinity`: never; the stamps are kept all the same. */
  readonly timeoutMs: number
  /**
   * The longest that `idle` or `waiting` hold the deadline, from their beginning; `waiting` ends it sooner by its `until`.
   * Never shortens `timeoutMs`.
   */
  readonly maxWaitMs: number
  readonly sources: readonly HeartbeatSource[]
}

/** How often a stalled life is looked at for signs: after a quarter of the time it has been stalled, within these. */
const AGAIN_LEAST_MS = 1000
const AGAIN_MOST_MS = 10_000

export class Watched implements Planned {
  readonly life: LifeAddress
  readonly key: string
  readonly policy: HeartbeatPolicy
  plannedMs = Number.POSITIVE_INFINITY
  /** The last sign of life. Stamped from outside, on the hottest path there is. */
  beatMs: number
  stalled = false
  /** Its deadline passed and it is being looked at. */
  looking = false
  /** When the last look began. */
  lookedMs = Number.NEGATIVE_INFINITY
  #stalledMs = 0
  #held: { sinceMs: number; untilMs: number; readonly activity: string } | undefined
  /** It asked for time until then. */
  #extended = { askedMs: 0, untilMs: Number.NEGATIVE_INFINITY }
  /** Lost time given back, up to `untilMs`, counted for the silence that began with this stamp: the next beat makes it void. */
  #credit = { beatMs: 0, ms: 0, untilMs: 0 }
  readonly #wallOffsetMs: number
  #before: Seen | undefined
  #seen: Seen | undefined
  /** The last look that saw its CPU time. */
  #cpuSeen: Seen | undefined
  /** The silence, by the stamp it began with, that got more time because its CPU could not be judged. */
  #unjudgedBeatMs = Number.NEGATIVE_INFINITY
  #grewMs: number | undefined

  constructor(life: LifeAddress, policy: HeartbeatPolicy, nowMs: number, wallOffsetMs: number) {
    this.life = { agentId: life.agentId, incarnation: life.incarnation }
    this.key = lifeKey(life)
    this.policy = policy
    this.beatMs = nowMs
    this.#wallOffsetMs = wallOffsetMs
  }

  /** When silence becomes a stall. */
  dueMs(): number {
    return Math.max(this.#heldUntilMs(), this.#extended.untilMs, this.#silentUntilMs())
  }

  /**
   * When to look next. At the deadline; before it once, half a timeout ahead, so that CPU and growth at the deadline
   * are those of a known, recent while; a stalled life again and again, when more than its reports counts.
   */
  nextMs(): number {
    if (this.looking) return Number.POSITIVE_INFINITY
    if (this.stalled) {
      const heard = this.policy.sources.some((source) => source !== 'report')
      return heard ? this.lookedMs + againMs(this.lookedMs - this.#stalledMs) : Number.POSITIVE_INFINITY
    }
    const dueMs = this.dueMs()
    if (dueMs === Number.POSITIVE_INFINITY) return dueMs
    const aheadMs = dueMs - this.policy.timeoutMs / 2
    return this.lookedMs < aheadMs ? aheadMs : dueMs
  }

  /**
   * The same activity said again goes on from its beginning, except after a stall. `untilMs`: when it expects to go on;
   * from then on signs of life are due.
   */
  act(activity: Activity, nowMs: number, untilMs = Number.POSITIVE_INFINITY): void {
    this.beatMs = nowMs
    const name = activity.kind === 'waiting' ? `waiting.${activity.on}` : activity.kind
    if (name === 'working') this.#held = undefined
    else if (this.stalled || this.#held?.activity !== name)
      this.#held = { sinceMs: nowMs, untilMs, activity: name }
    else this.#held.untilMs = untilMs
  }

  /** No stall before then. */
  extend(byMs: number, nowMs: number): void {
    this.#extended = { askedMs: nowMs, untilMs: Math.max(this.#extended.untilMs, nowMs + byMs) }
  }

  /** The time that it asked for is not over. */
  hasTime(nowMs: number): boolean {
    return nowMs < this.#extended.untilMs
  }

  /** Nothing could be heard for this long: what is pending moves by as much. */
  giveBack(lostMs: number, nowMs: number): void {
    if (this.#credit.beatMs !== this.beatMs) this.#credit = { beatMs: this.beatMs, ms: 0, untilMs: 0 }
    this.#credit.untilMs = nowMs
    this.#credit.ms += Math.min(lostMs, Math.max(0, nowMs - this.beatMs))
    const lostSince = (sinceMs: number) => Math.min(lostMs, Math.max(0, nowMs - sinceMs))
    this.#extended.untilMs += lostSince(this.#extended.askedMs)
    if (this.#held === undefined) return
    this.#held.untilMs += lostSince(this.#held.sinceMs)
    this.#held.sinceMs += lostSince(this.#held.sinceMs)
  }

  stall(nowMs: number): void {
    this.stalled = true
    this.#stalledMs = nowMs
    this.lookedMs = nowMs
  }

  /** Takes what was seen ahead of the deadline, as what to compare with. Growth is a sign of life at its own time. */
  compareWith(seen: Seen): void {
    this.#stampGrowth(seen)
    this.#before = seen
    this.#keep(seen)
  }

  /**
   * Takes what was seen at the deadline; `undefined`: the look failed. CPU time since the look before is a sign of life
   * now. Where one of the two did not see it, or the look before came late (a starved machine, a slow launcher), nothing can
   * be said of it, and it gets half a timeout more, once.
   */
  judgeBy(seen: Seen | undefined, nowMs: number): void {
    if (seen !== undefined) this.#stampGrowth(seen)
    if (this.policy.sources.includes('cpu')) {
      const working = seen && worked(this.#cpuSeen, seen, this.policy.timeoutMs / 4)
      if (seen !== undefined && working) this.beatMs = seen.atMs
      else if (working === undefined && this.#unjudgedBeatMs !== this.beatMs) {
        this.#unjudgedBeatMs = this.beatMs
        this.giveBack(this.policy.timeoutMs / 2, nowMs)
      }
    }
    if (seen === undefined) return
    this.#before = this.#seen
    this.#keep(seen)
  }

  /** Takes what was seen of it while stalled; true when it is a sign of life, later than the last. */
  revivedBy(seen: Seen): boolean {
    const beatMs = this.beatMs
    this.#stampGrowth(seen)
    if (this.policy.sources.includes('cpu') && worked(this.#cpuSeen, seen, 0)) this.beatMs = seen.atMs
    // Without a sign the look at the stall stays what the next ones are compared with.
    if (this.beatMs <= beatMs) return false
    this.#before = this.#seen
    this.#keep(seen)
    return true
  }

  evidence(nowMs: number): Evidence {
    const cpuMs = this.#seen === undefined ? undefined : cpuUsedMs(this.#before, this.#seen)
    const processes = this.#seen?.look.processes
    return {
      silentMs: Math.round(nowMs - this.beatMs),
      limitMs: this.#limitMs(),
      ...(this.#grewMs === undefined ? {} : { logQuietMs: Math.max(0, Math.round(nowMs - this.#grewMs)) }),
      ...(cpuMs === undefined ? {} : { cpuMs: Math.round(cpuMs) }),
      ...(processes === undefined ? {} : { processes }),
    }
  }

  #keep(seen: Seen): void {
    this.#seen = seen
    if (seen.look.cpuMs !== undefined) this.#cpuSeen = seen
  }

  /** What passed: the timeout, `maxWait`, or how long its silence could last by its own word. */
  #limitMs(): number {
    const dueMs = this.dueMs()
    if (dueMs <= this.#silentUntilMs()) return this.policy.timeoutMs
    const { sinceMs } = this.#held ?? {}
    const waited = sinceMs !== undefined && dueMs === sinceMs + this.policy.maxWaitMs
    return waited ? this.policy.maxWaitMs : Math.round(dueMs - this.beatMs)
  }

  #heldUntilMs(): number {
    if (this.#held === undefined) return Number.NEGATIVE_INFINITY
    const { sinceMs, untilMs } = this.#held
    return Math.min(sinceMs + this.policy.maxWaitMs, untilMs + this.policy.timeoutMs)
  }

  #silentUntilMs(): number {
    return this.beatMs + this.policy.timeoutMs + (this.#credit.beatMs === this.beatMs ? this.#credit.ms : 0)
  }

  #stampGrowth(seen: Seen): void {
    const atMs = grewAtMs(this.#seen, seen, this.#wallOffsetMs)
    if (atMs === undefined) return
    this.#grewMs = atMs
    if (!this.policy.sources.includes('output') || atMs <= this.beatMs) return
    const { beatMs, ms, untilMs } = this.#credit
    // Seen now, grown before: what was lost since then was lost to this silence too.
    if (beatMs === this.beatMs && atMs < untilMs)
      this.#credit = { beatMs: atMs, ms: Math.min(ms, untilMs - atMs), untilMs }
    this.beatMs = atMs
  }
}

const againMs = (stalledForMs: number): number =>
  Math.min(Math.max(stalledForMs / 4, AGAIN_LEAST_MS), AGAIN_MOST_MS)

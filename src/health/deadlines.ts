/**
 * Heartbeat deadlines of all lives, and the lifetimes of all agents, on one timer.
 *
 * A beat is a Map lookup and a stamp. A deadline that passed is a suspicion: the life is looked at first (what it
 * reported meanwhile, its log, its CPU time), the event loop turns once so that what lies unread is read, and only then
 * is it called stalled. All of it is monotonic; a stepped wall clock moves nothing.
 */
import { type Activity, type Evidence, type LifeAddress, lifeKey } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { Agenda } from './agenda.ts'
import { Lifetime } from './lifetime.ts'
import type { Look, Seen } from './look.ts'
import { type HeartbeatPolicy, Watched } from './watched.ts'

export type { HeartbeatSource, Look } from './look.ts'
export type { HeartbeatPolicy } from './watched.ts'

/** A look may take this long; then the judgement falls without it. */
const LOOK_LIMIT_MS = 2000
/** Lives in one look; more are looked at in the following turns. */
const LOOK_AT_MOST = 100
/** Looks that never came back; beyond this many nobody is asked until one does. */
const HUNG_AT_MOST = 8

export interface DeadlinesOptions {
  readonly clock: Clock
  /** Looks at these lives, and drains their report files first. Lives it cannot see are left out. */
  readonly look: (lives: readonly LifeAddress[]) => Promise<readonly Look[]>
  /** Silent past its limit. Told once; then nothing until {@link Deadlines.revived}. */
  readonly stalled: (life: LifeAddress, evidence: Evidence) => void
  /** A stalled life wrote output or used CPU, and its policy counts that: to be taken as a heartbeat. */
  readonly resumed?: (life: LifeAddress, evidence: Evidence) => void
  /** 0.8 of an agent's lifetime has passed. */
  readonly expiring: (agentId: string, elapsedMs: number) => void
  /** An agent's lifetime is over. */
  readonly expired: (agentId: string) => void
  /** Looking failed, or takes too long; told once until a look works again. */
  readonly onTrouble?: (message: string, cause?: unknown) => void
}

/** The answer to a beat. That of a life which is well is a frozen object: it allocates nothing. */
export interface Beat {
  readonly known: boolean
  /** It counts as stalled: its machine wants to hear of this beat. */
  readonly stalled: boolean
  /** Of a stalled one: how long it had been silent, in milliseconds. */
  readonly silentMs?: number
}
const UNKNOWN: Beat = Object.freeze({ known: false, stalled: false })
const HEARD: Beat = Object.freeze({ known: true, stalled: false })
const HEARD_STALLED: Beat = Object.freeze({ known: true, stalled: true })

/** What is known of a life from those who watched it before. */
export interface WatchedBefore {
  readonly silentMs: number
  readonly activity: Activity | null
  readonly stalled: boolean
  /** What is left of the time that it asked for. */
  readonly extendedMs?: number
}

export class Deadlines {
  readonly #options: DeadlinesOptions
  readonly #clock: Clock
  readonly #lives = new Map<string, Watched>()
  readonly #lifetimes = new Map<string, Lifetime>()
  readonly #agenda: Agenda<Watched | Lifetime>
  #hung = 0
  #troubled = false

  constructor(options: DeadlinesOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#agenda = new Agenda<Watched | Lifetime>({
      clock: options.clock,
      size: () => this.#lives.size + this.#lifetimes.size,
      each: (visit) => {
        for (const watched of this.#lives.values()) visit(watched)
        for (const lifetime of this.#lifetimes.values()) visit(lifetime)
      },
      due: (items, nowMs) => this.#due(items, nowMs),
      late: (lostMs, nowMs) => {
        for (const watched of this.#lives.values()) watched.giveBack(lostMs, nowMs)
      },
    })
  }

  /** Watches a life from now on, as if it had just beaten. Call it when the life becomes `running`. */
  watch(life: LifeAddress, policy: HeartbeatPolicy): void {
    const watched = new Watched(life, policy, this.#clock.now(), this.#wallOffsetMs())
    this.#lives.set(watched.key, watched)
    this.#agenda.plan(watched)
  }

  /**
   * Watches a life that another watched before, silent for so long already: by the wall clock, which may have been
   * stepped, and while nobody may have listened. So the silence is told, and none of it is held against the life: its
   * deadline, and what it said that holds it, begin anew. One that was found stalled still is.
   */
  resume(life: LifeAddress, policy: HeartbeatPolicy, before: WatchedBefore): void {
    const nowMs = this.#clock.now()
    const sinceMs = nowMs - before.silentMs
    const watched = new Watched(life, policy, sinceMs, this.#wallOffsetMs())
    // What is given back to its hold is not to be added to a moment, which is none the later for it.
    if (before.activity)
      watched.act(before.activity, sinceMs, this.#untilMs(before.activity) - before.silentMs)
    watched.giveBack(before.silentMs, nowMs)
    if (before.extendedMs) watched.extend(before.extendedMs, nowMs)
    if (before.stalled) watched.stall(nowMs)
    this.#lives.set(watched.key, watched)
    this.#agenda.plan(watched)
  }

  /** A sign of life, by the key of the life. */
  beat(key: string): Beat {
    const watched = this.#lives.get(key)
    if (watched === undefined) return UNKNOWN
    const nowMs = this.#clock.now()
    const silentMs = nowMs - watched.beatMs
    watched.beatMs = nowMs
    return watched.stalled ? { known: true, stalled: true, silentMs } : HEARD
  }

  /** What the life says it does; a beat as well. `idle` and `waiting` hold the deadline, within `maxWaitMs`. */
  activity(life: LifeAddress, activity: Activity): Beat {
    const watched = this.#lives.get(lifeKey(life))
    if (watched === undefined) return UNKNOWN
    watched.act(activity, this.#clock.now(), this.#untilMs(activity))
    this.#agenda.plan(watched)
    return watched.stalled ? HEARD_STALLED : HEARD
  }

  /** It asked for time: it stalls no sooner than when that is over. By the key of the life. */
  extend(key: string, byMs: number): void {
    this.#lives.get(key)?.extend(byMs, this.#clock.now())
  }

  /** Whether the time that it asked for is not over. By the key of the life. */
  hasTime(key: string): boolean {
    return this.#lives.get(key)?.hasTime(this.#clock.now()) === true
  }

  /** Its stall was undone: the deadline runs anew from here. */
  revived(life: LifeAddress): void {
    const watched = this.#lives.get(lifeKey(life))
    if (watched === undefined || !watched.stalled) return
    watched.stalled = false
    watched.beatMs = this.#clock.now()
    this.#agenda.plan(watched)
  }

  forget(life: LifeAddress): void {
    this.#lives.delete(lifeKey(life))
    this.#agenda.settle()
  }

  /** Monotonic time of the last sign of life; `undefined` when the life is not watched. */
  lastBeatMs(key: string): number | undefined {
    return this.#lives.get(key)?.beatMs
  }

  /** Milliseconds since the last sign of life; `undefined` when the life is not watched. */
  silentMs(key: string): number | undefined {
    const beatMs = this.lastBeatMs(key)
    return beatMs === undefined ? undefined : this.#clock.now() - beatMs
  }

  /**
   * Limits how long an agent lives. Any length; a second call replaces the first. `elapsedMs` is what has passed of it
   * already, `warned` whether the warning was given. Lateness is not given back: it is a promise to the caller, not a suspicion of the agent.
   */
  lifetime(agentId: string, ms: number, elapsedMs = 0, warned = false): void {
    const lifetime = new Lifetime(agentId, this.#clock.now() - elapsedMs, ms, warned)
    this.#lifetimes.set(agentId, lifetime)
    this.#agenda.plan(lifetime)
  }

  forgetLifetime(agentId: string): void {
    this.#lifetimes.delete(agentId)
    this.#agenda.settle()
  }

  /** Forgets everything; looks under way come to nothing. */
  close(): void {
    this.#lives.clear()
    this.#lifetimes.clear()
    this.#agenda.close()
  }

  #due(items: readonly (Watched | Lifetime)[], nowMs: number): void {
    const suspects: Watched[] = []
    for (const item of items) {
      if (item instanceof Lifetime) this.#age(item, nowMs)
      else if (this.#lives.get(item.key) === item) suspects.push(item)
    }
    for (const watched of suspects) {
      watched.lookedMs = nowMs
      watched.looking = watched.stalled || nowMs >= watched.dueMs()
      this.#agenda.plan(watched)
    }
    void this.#lookAt(suspects)
  }

  #age(lifetime: Lifetime, nowMs: number): void {
    if (this.#lifetimes.get(lifetime.agentId) !== lifetime) return
    const verdict = lifetime.verdict(nowMs)
    if (verdict === 'expiring') {
      this.#agenda.plan(lifetime)
      this.#options.expiring(lifetime.agentId, lifetime.elapsedMs(nowMs))
    } else {
      this.forgetLifetime(lifetime.agentId)
      this.#options.expired(lifetime.agentId)
    }
  }

  async #lookAt(suspects: readonly Watched[]): Promise<void> {
    for (let first = 0; first < suspects.length; first += LOOK_AT_MOST) {
      if (first > 0) await turn()
      void this.#judge(suspects.slice(first, first + LOOK_AT_MOST))
    }
  }

  async #judge(suspects: readonly Watched[]): Promise<void> {
    const judged = suspects.filter((watched) => watched.looking)
    const looks = await this.#look(suspects.map((watched) => watched.life))
    const atMs = this.#clock.now()
    const seen = new Map(
      looks.map((look): [string, Seen] => [
        lifeKey(look.life),
        { atMs, wallOffsetMs: this.#wallOffsetMs(), look },
      ]),
    )
    await turn()
    for (const watched of suspects) {
      if (this.#lives.get(watched.key) !== watched) continue
      this.#conclude(watched, judged.includes(watched), seen.get(watched.key))
    }
  }

  #conclude(watched: Watched, judging: boolean, seen: Seen | undefined): void {
    const nowMs = this.#clock.now()
    if (!judging) {
      if (seen !== undefined && !watched.looking && !watched.stalled) watched.compareWith(seen)
      return
    }
    watched.looking = false
    if (watched.stalled) {
      if (seen !== undefined && watched.revivedBy(seen))
        this.#options.resumed?.(watched.life, watched.evidence(nowMs))
    } else {
      watched.judgeBy(seen, nowMs)
      // A look that began before the deadline did not read what was said until then: it is looked at anew.
      if (watched.lookedMs >= watched.dueMs()) {
        const evidence = watched.evidence(nowMs)
        watched.stall(nowMs)
        this.#options.stalled(watched.life, evidence)
      }
    }
    if (this.#lives.get(watched.key) === watched) this.#agenda.plan(watched)
  }

  /** One look, bounded: it fails, throws, or hangs as a look that saw nothing. */
  #look(lives: readonly LifeAddress[]): Promise<readonly Look[]> {
    if (this.#hung >= HUNG_AT_MOST) return Promise.resolve([])
    return new Promise((resolve) => {
      let hung = false
      const limit = this.#clock.setTimeout(() => {
        hung = true
        this.#hung += 1
        this.#trouble(`Looking at ${lives.length} lives takes longer than ${LOOK_LIMIT_MS} ms`)
        resolve([])
      }, LOOK_LIMIT_MS)
      const settle = (looks: readonly Look[]): void => {
        if (hung) this.#hung -= 1
        this.#clock.clearTimeout(limit)
        resolve(looks)
      }
      const look = async (): Promise<readonly Look[]> => this.#options.look(lives)
      look().then(
        (looks) => {
          this.#troubled = false
          settle(looks)
        },
        (cause: unknown) => {
          this.#trouble(`Looking at ${lives.length} lives failed`, cause)
          settle([])
        },
      )
    })
  }

  #trouble(message: string, cause?: unknown): void {
    if (this.#troubled) return
    this.#troubled = true
    this.#options.onTrouble?.(message, cause)
  }

  /** When it expects to go on, in monotonic time as of now: a clock that is set afterwards moves nothing. */
  #untilMs(activity: Activity): number {
    if (activity.kind !== 'waiting' || activity.until === undefined) return Number.POSITIVE_INFINITY
    return Date.parse(activity.until) - this.#wallOffsetMs()
  }

  #wallOffsetMs(): number {
    return this.#clock.wallNow() - this.#clock.now()
  }
}

/** One full turn of the event loop: what was readable is read, and what that put off to `setImmediate` has run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

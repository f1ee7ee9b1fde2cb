/**
 * What trees use, as readings: CPU as a share of a core between two samples, memory, processes. And the limit on memory:
 * looked at every few seconds, for the lives that have one, all in one pass.
 */
import { type Evidence, type LifeAddress, lifeKey } from '../../machines/events.ts'
import type { Clock, Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'

/** One sample of one tree. */
export interface Sample extends LifeAddress {
  /** CPU time used up to now, in milliseconds. */
  readonly cpuMs: number
  readonly memoryBytes: number
  /** What is shared counted once; where it was asked for and could be read. */
  readonly exactBytes?: number
  readonly processes: number
  /** Since it was started, in milliseconds. */
  readonly ageMs: number
}

/** What a tree uses. */
export interface Reading {
  /** 100 is one core; `null` in the first moment of a life. */
  readonly cpuPercent: number | null
  readonly memoryBytes: number
  readonly processes: number
}

export interface VitalsOptions {
  readonly clock: Clock
  /** One pass for all of these; those that are gone are left out. `exact` is dear. */
  readonly sample: (
    lives: readonly LifeAddress[],
    options: { readonly exact: boolean },
  ) => Promise<readonly Sample[]>
  /** It has not ended. What was read of one that has is forgotten. */
  readonly lives: (life: LifeAddress) => boolean
  /** How often memory is held against its limit, in milliseconds. */
  readonly everyMs: number
  /** Above its limit. Told once a life. */
  readonly exceeded: (life: LifeAddress, evidence: Evidence) => void
  /** Samples could not be had; told once until they can. */
  readonly trouble: (message: string, cause: unknown) => void
}

/** CPU between two samples that lie nearer together says little: clock ticks are 10 ms. */
const LEAST_SPAN_MS = 500

interface Past {
  readonly atMs: number
  readonly cpuMs: number
}

interface Limited {
  readonly life: LifeAddress
  readonly maxBytes: number
}

export class Vitals {
  readonly #options: VitalsOptions
  /** The last sample of each life and, before it, the one that its CPU is reckoned from. */
  readonly #past = new Map<string, { since: Past | undefined; last: Past }>()
  readonly #limited = new Map<string, Limited>()
  #timer: Timer
  #watching = false
  #troubled = false

  constructor(options: VitalsOptions) {
    this.#options = options
  }

  /** By the key of the life. Lives that are gone are left out. CPU is that since the last reading; of a first one, of its whole life. */
  async read(lives: readonly LifeAddress[]): Promise<Map<string, Reading>> {
    const samples = lives.length === 0 ? [] : await this.#options.sample(lives, { exact: false })
    return new Map(samples.map((sample) => [lifeKey(sample), this.#read(sample)]))
  }

  /** Holds its memory to a limit from now on. */
  limit(life: LifeAddress, maxBytes: number): void {
    const { agentId, incarnation } = life
    this.#limited.set(lifeKey(life), { life: { agentId, incarnation }, maxBytes })
    this.#plan()
  }

  /** Its end was decided: what it uses is held against nothing any more. */
  unlimit(life: LifeAddress): void {
    this.#limited.delete(lifeKey(life))
    if (this.#limited.size === 0) this.#stop()
  }

  /** It has ended. */
  forget(life: LifeAddress): void {
    this.unlimit(life)
    this.#past.delete(lifeKey(life))
  }

  close(): void {
    this.#limited.clear()
    this.#past.clear()
    this.#stop()
  }

  #stop(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #read(sample: Sample): Reading {
    const atMs = this.#options.clock.now()
    const { cpuMs, memoryBytes, processes } = sample
    const key = lifeKey(sample)
    const past = this.#past.get(key)
    const since = past !== undefined && atMs - past.last.atMs >= LEAST_SPAN_MS ? past.last : past?.since
    const last = past === undefined || since === past.last ? { atMs, cpuMs } : past.last
    if (this.#options.lives(sample)) this.#past.set(key, { since, last })
    return { cpuPercent: cpuPercent(sample, since, atMs), memoryBytes, processes }
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#watching || this.#limited.size === 0) return
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      void this.#watch()
    }, this.#options.everyMs)
  }

  /** Never twice at a time: the next one is planned when this is over. */
  async #watch(): Promise<void> {
    this.#watching = true
    try {
      await this.#holdToLimits()
      this.#troubled = false
    } catch (cause) {
      if (!this.#troubled) this.#options.trouble(`Memory could not be looked at: ${messageOf(cause)}`, cause)
      this.#troubled = true
    } finally {
      this.#watching = false
      this.#plan()
    }
  }

  /**
   * The sum of what is resident is never less than what is used: within the limit, it is within. Above it, the dear look
   * decides, which counts shared memory once: a tree of forks, or the moment between fork and exec, is no reason to kill.
   */
  async #holdToLimits(): Promise<void> {
    const { sample } = this.#options
    const limited = [...this.#limited.values()]
    const over = (
      await sample(
        limited.map(({ life }) => life),
        { exact: false },
      )
    ).filter(
      (seen) => seen.memoryBytes > (this.#limited.get(lifeKey(seen))?.maxBytes ?? Number.POSITIVE_INFINITY),
    )
    if (over.length === 0) return
    const suspects = over.map(({ agentId, incarnation }) => ({ agentId, incarnation }))
    for (const seen of await sample(suspects, { exact: true })) this.#judge(seen)
  }

  #judge(seen: Sample): void {
    const key = lifeKey(seen)
    const limited = this.#limited.get(key)
    const memoryBytes = seen.exactBytes ?? seen.memoryBytes
    if (limited === undefined || memoryBytes <= limited.maxBytes) return
    this.#limited.delete(key)
    const { maxBytes, life } = limited
    this.#options.exceeded(life, { memoryBytes, maxBytes, processes: seen.processes })
  }
}

function cpuPercent(sample: Sample, since: Past | undefined, atMs: number): number | null {
  const spanMs = since === undefined ? sample.ageMs : atMs - since.atMs
  if (spanMs <= 0) return null
  // A process that ended takes its time out of the sum.
  const usedMs = Math.max(0, sample.cpuMs - (since?.cpuMs ?? 0))
  return Math.round((usedMs / spanMs) * 1000) / 10
}

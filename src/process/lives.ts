/**
 * The lives that a launcher keeps: forks them, learns their exits, signals their trees, sweeps them, and, when nobody
 * is left to ask, walks every ladder by itself. The same code in the launcher's process and inline.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AskingRung, askedBy } from '../../machines/escalation.ts'
import {
  type ErrorInfo,
  type Exit,
  type LifeAddress,
  lifeKey,
  type ProcessIdentity,
  type Reason,
} from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { errnoOf, messageOf } from '../errors.ts'
import { type Environment, fork, prepare, scrubbed, unprepare } from './launch.ts'
import { failed } from './launch-errors.ts'
import type {
  LauncherEvents,
  LaunchOrder,
  LifeTerms,
  SweepOptions,
  TreeUsage,
  TreeVitals,
  VitalsOptions,
} from './launcher.ts'
import { Life } from './life.ts'
import { LogKeeper } from './log-keeper.ts'
import { addressOf } from './protocol.ts'
import { Reaper } from './reaper.ts'
import type { Spared } from './spared.ts'
import { cpuMsOf } from './tree.ts'
import { vitalsOf } from './vitals.ts'
import { Watch } from './watch.ts'

export interface LivesOptions {
  /** What every agent inherits; `REEVE_*` is taken out. */
  readonly baseEnv: Readonly<Record<string, string | undefined>>
  readonly spared: Spared
  readonly clock: Clock
  readonly events: LauncherEvents
}

/** Trees looked at before the event loop gets its turn: about a millisecond. */
const USAGE_SLICE = 16

const NOTHING_SEEN: Exit = { code: null, signal: null }

export class Lives {
  readonly #lives = new Map<string, Life>()
  readonly #env: Environment
  readonly #spared: Spared
  readonly #clock: Clock
  readonly #events: LauncherEvents
  readonly #reaper: Reaper
  readonly #watch: Watch
  readonly #logs: LogKeeper
  #closing = false

  constructor({ baseEnv, spared, clock, events }: LivesOptions) {
    this.#env = scrubbed(baseEnv)
    this.#spared = spared
    this.#clock = clock
    this.#events = events
    this.#watch = new Watch(clock, (life) => this.#exited(life, NOTHING_SEEN))
    this.#logs = new LogKeeper({ clock, warning: events.warning.bind(events) })
    this.#reaper = new Reaper({ spared, clock, watch: this.#watch, warning: events.warning.bind(events) })
  }

  launch(order: LaunchOrder): void {
    const life = this.#add(order)
    if (life === undefined) return
    if (this.#closing) this.#neverCame(life, failed('The launcher is closing: nothing is started any more.'))
    else void this.#launch(life, order)
  }

  withdraw(address: LifeAddress): void {
    const life = this.#get(address)
    if (life?.phase === 'launching') this.#neverCame(life, failed('It was withdrawn before it was forked.'))
  }

  watch(terms: LifeTerms, process: ProcessIdentity): void {
    const life = this.#add(terms)
    if (life === undefined) return
    life.adopted(process)
    this.#watch.add(life)
  }

  /** Takes on a life whose leader has ended, unswept: only its tree is of interest. */
  inherit(terms: LifeTerms, process: ProcessIdentity): void {
    const life = this.#add(terms)
    if (life === undefined) return
    life.adopted(process)
    life.ended(NOTHING_SEEN)
  }

  /** Takes on a launch whose outcome died with its launcher: whatever came of it is ended, and it has failed. */
  async lost(terms: LifeTerms): Promise<void> {
    const life = this.#add(terms)
    if (life === undefined) return
    life.mayHaveTree = true
    await this.#reaper.sweep(life, { gentle: false, killWaitMs: terms.killWaitMs }).done
    this.#neverCame(life, failed('The launcher died while it was being started; what came of it was ended.'))
  }

  signal(address: LifeAddress, signal: NodeJS.Signals): void {
    const life = this.#get(address)
    const signalled = life === undefined ? [] : this.#reaper.signal(life, signal)
    life?.countRung(signal, this.#clock.now())
    this.#events.answer({ type: 'SIGNALLED', ...addressOf(address), signal, signalled })
  }

  ask(address: LifeAddress, rung: AskingRung, reason: Reason): void {
    const life = this.#get(address)
    life?.countRung(askedBy(rung), this.#clock.now())
    const answer =
      life === undefined
        ? { asked: askedBy(rung), refused: 'it has ended' }
        : this.#reaper.ask(life, rung, reason)
    this.#events.answer({ type: 'ASKED', ...addressOf(address), ...answer })
  }

  sweep(address: LifeAddress, options: SweepOptions): void {
    const life = this.#get(address)
    if (life === undefined) {
      this.#events.answer({ type: 'SWEPT', ...addressOf(address), swept: [], escaped: [] })
      return
    }
    const sweep = this.#reaper.sweep(life, options)
    if (life.sweepAsked) return
    life.sweepAsked = true
    void sweep.done.then((swept) => {
      life.sweepAsked = false
      this.#events.answer({ type: 'SWEPT', ...life.address, ...swept })
    })
  }

  async usage(addresses: readonly LifeAddress[]): Promise<TreeUsage[]> {
    const usage: TreeUsage[] = []
    for (const [i, address] of addresses.entries()) {
      if (i % USAGE_SLICE === USAGE_SLICE - 1) await nextTurn()
      const life = this.#get(address)
      if (life?.leader !== undefined) usage.push(...this.#usageOf(life))
    }
    return usage
  }

  vitals(addresses: readonly LifeAddress[], { exact }: VitalsOptions): Promise<TreeVitals[]> {
    const lives = addresses.flatMap((each) => this.#get(each) ?? [])
    return vitalsOf(
      lives.filter(({ leader }) => leader !== undefined),
      exact,
    )
  }

  release(address: LifeAddress): void {
    const life = this.#get(address)
    if (life === undefined) return
    if (life.phase === 'over') this.#forget(life)
    else life.released = true
  }

  /** Ends every life by its own ladder, side by side. Resolves with what could not be ended, when nothing else is left. */
  async endAll(): Promise<number[]> {
    this.#closing = true
    const escaped = await Promise.all([...this.#lives.values()].map((life) => this.#end(life)))
    await this.#logs.close()
    return escaped.flat()
  }

  #usageOf(life: Life): TreeUsage[] {
    try {
      const stats = life.tree.collect()
      return [{ ...life.address, cpuMs: cpuMsOf(stats), processes: stats.length }]
    } catch (error) {
      // Out of descriptors: what cannot be read is left out, as what is unknown.
      if (errnoOf(error) === undefined) throw error
      return []
    }
  }

  #get(address: LifeAddress): Life | undefined {
    return this.#lives.get(lifeKey(address))
  }

  #add(terms: LifeTerms): Life | undefined {
    const key = lifeKey(terms)
    if (this.#lives.has(key)) {
      this.#events.warning(`The life ${key} is known already; it is not started twice.`)
      return undefined
    }
    const life = new Life(terms, this.#spared)
    this.#lives.set(key, life)
    this.#logs.watch(key, terms.logFile, terms.logLimits)
    return life
  }

  #forget(life: Life): void {
    const key = lifeKey(life.address)
    this.#lives.delete(key)
    this.#logs.forget(key, life.terms.logFile)
  }

  async #launch(life: Life, order: LaunchOrder): Promise<void> {
    try {
      await this.#logs.startOver(order.logFile)
      const wrong = await prepare(order)
      if (life.phase !== 'launching' || wrong !== undefined) {
        unprepare(order)
        if (wrong !== undefined) this.#neverCame(life, wrong)
        return
      }
      const forked = fork(order, this.#env)
      if (forked instanceof Promise) {
        this.#neverCame(life, await forked)
        return
      }
      life.spawned(forked.process, forked.fifo)
      forked.child.once('exit', (code, signal) => this.#exited(life, { code, signal }))
      this.#events.answer({ type: 'SPAWNED', ...life.address, process: forked.process })
    } catch (error) {
      this.#neverCame(life, failed(`It could not be started: ${messageOf(error)}`))
    }
  }

  /** Answers a launch that came to nothing, once. */
  #neverCame(life: Life, error: ErrorInfo): void {
    if (life.phase !== 'launching') return
    life.ended(undefined)
    this.#events.answer({ type: 'SPAWN_FAILED', ...life.address, error })
    if (life.released) this.#forget(life)
  }

  #exited(life: Life, exit: Exit): void {
    if (life.phase !== 'live') return
    life.ended(exit)
    this.#events.answer({ type: 'EXITED', ...life.address, exit })
    if (life.released) this.#forget(life)
  }

  async #end(life: Life): Promise<readonly number[]> {
    this.withdraw(life.address)
    const signalled = life.phase === 'live' && (await this.#reaper.walk(life))
    const { escaped } = await this.#reaper.sweep(life, {
      gentle: !signalled,
      killWaitMs: life.terms.killWaitMs,
    }).done
    return escaped
  }
}

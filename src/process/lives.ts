/**
 * The lives that a launcher keeps: forks them, learns their exits, signals their trees, sweeps them, and, when nobody
 * is left to ask, walks every ladder by itself. The same code in the launcher's process and inline.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { climb, currentRung, isDue, remainingMs, take } from '../../machines/escalation.ts'
import {
  type ErrorInfo,
  type Exit,
  type LifeAddress,
  lifeKey,
  type ProcessIdentity,
  type SignalledProcess,
} from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { within } from './deadline.ts'
import { removeFifo } from './fifo.ts'
import type { ProcessStat } from './identity.ts'
import { type Environment, fork, prepare, scrubbed } from './launch.ts'
import { failed } from './launch-errors.ts'
import type { LauncherEvents, LaunchOrder, LifeTerms, SweepOptions, TreeUsage } from './launcher.ts'
import { Life } from './life.ts'
import { MarkerPass } from './marker-pass.ts'
import { addressOf } from './protocol.ts'
import { signalTree } from './signals.ts'
import type { Spared } from './spared.ts'
import { Sweep } from './sweep.ts'
import { cpuMsOf } from './tree.ts'
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
/** How often a tree is walked again after SIGKILL, for what it forked in between. */
const MAX_KILL_ROUNDS = 5

const NOTHING_SEEN: Exit = { code: null, signal: null }

export class Lives {
  readonly #lives = new Map<string, Life>()
  readonly #env: Environment
  readonly #spared: Spared
  readonly #clock: Clock
  readonly #events: LauncherEvents
  readonly #pass: MarkerPass
  readonly #watch: Watch
  #closing = false

  constructor({ baseEnv, spared, clock, events }: LivesOptions) {
    this.#env = scrubbed(baseEnv)
    this.#spared = spared
    this.#clock = clock
    this.#events = events
    this.#pass = new MarkerPass(clock)
    this.#watch = new Watch(clock, (life) => this.#exited(life, NOTHING_SEEN))
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
    await this.#sweep(life, { gentle: false, killWaitMs: terms.killWaitMs }).done
    this.#neverCame(life, failed('The launcher died while it was being started; what came of it was ended.'))
  }

  signal(address: LifeAddress, signal: NodeJS.Signals): void {
    const life = this.#get(address)
    const signalled = life === undefined ? [] : this.#signal(life, signal)
    life?.countRung(signal, this.#clock.now())
    this.#events.answer({ type: 'SIGNALLED', ...addressOf(address), signal, signalled })
  }

  sweep(address: LifeAddress, options: SweepOptions): void {
    const life = this.#get(address)
    if (life === undefined) {
      this.#events.answer({ type: 'SWEPT', ...addressOf(address), swept: [], escaped: [] })
      return
    }
    const sweep = this.#sweep(life, options)
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
      if (life?.leader === undefined) continue
      const stats = life.tree.collect()
      usage.push({ ...life.address, cpuMs: cpuMsOf(stats), processes: stats.length })
    }
    return usage
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
    return escaped.flat()
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
    return life
  }

  #forget(life: Life): void {
    this.#lives.delete(lifeKey(life.address))
  }

  async #launch(life: Life, order: LaunchOrder): Promise<void> {
    try {
      const wrong = await prepare(order)
      if (life.phase !== 'launching' || wrong !== undefined) {
        if (order.fifo !== null) removeFifo(order.fifo)
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

  #signal(life: Life, signal: NodeJS.Signals): SignalledProcess[] {
    const members = life.tree.collect()
    const signalled = this.#signalMembers(life, members, signal)
    if (signal !== 'SIGKILL') return signalled
    // A group dies at once; one that had left it may have forked between the look and its death.
    const reached = new Set(signalled.map(({ pid }) => pid))
    const strays = new Set(signalled.filter(({ where }) => where === 'own_session').map(({ pid }) => pid))
    let from = members.filter(({ pid }) => strays.has(pid))
    for (let round = 0; from.length > 0 && round < MAX_KILL_ROUNDS; round++) {
      from = life.tree.descend(from).filter(({ pid }) => !reached.has(pid))
      for (const { pid } of from) reached.add(pid)
      if (from.length > 0) signalled.push(...this.#signalMembers(life, from, signal))
    }
    return signalled
  }

  #signalMembers(life: Life, members: readonly ProcessStat[], signal: NodeJS.Signals): SignalledProcess[] {
    if (life.watched) this.#watch.hurry()
    const { reached, denied } = signalTree(life.leader?.pid, members, signal, this.#spared)
    if (denied.length > 0) {
      const which = `${signal} to ${denied.join(', ')} of the agent ${life.address.agentId}`
      this.#events.warning(`${which} was refused (EPERM): it runs as another user by now.`)
    }
    return [...reached]
  }

  #sweep(life: Life, options: SweepOptions): Sweep {
    if (life.sweep !== undefined) {
      life.sweep.hasten(options)
      return life.sweep
    }
    const target = {
      find: () => this.#find(life),
      signal: (members: readonly ProcessStat[], signal: NodeJS.Signals) =>
        void this.#signalMembers(life, members, signal),
      warning: this.#events.warning.bind(this.#events),
    }
    const sweep = new Sweep(target, options, this.#clock)
    life.sweep = sweep
    void sweep.done.then(() => {
      life.sweep = undefined
    })
    return sweep
  }

  /** Everything that lives of a tree: what is known, what descends from it, and what carries its marker. */
  async #find(life: Life): Promise<ProcessStat[]> {
    if (life.leader === undefined && !life.mayHaveTree) return []
    life.tree.collect()
    const carriers = await this.#pass.find(life.hunt())
    life.tree.remember(carriers.filter((stat) => life.tree.takes(stat)))
    return life.tree.collect()
  }

  async #end(life: Life): Promise<readonly number[]> {
    this.withdraw(life.address)
    const byItself = life.phase === 'over'
    if (life.phase === 'live') await this.#walk(life)
    const { escaped } = await this.#sweep(life, { gentle: byItself, killWaitMs: life.terms.killWaitMs }).done
    return escaped
  }

  async #walk(life: Life): Promise<void> {
    let ladder = life.ladder(this.#clock.now())
    for (let rung = currentRung(ladder); rung !== undefined; rung = currentRung(ladder)) {
      if (isDue(ladder)) {
        this.#signal(life, rung.signal)
        ladder = take(ladder)
      }
      await within(this.#clock, life.over, remainingMs(ladder, this.#clock.now()))
      if (life.phase === 'over') return
      ladder = climb(ladder, this.#clock.now())
    }
    this.#signal(life, 'SIGKILL')
    await within(this.#clock, life.over, life.terms.killWaitMs)
  }
}

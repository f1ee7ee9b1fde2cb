/** Ends trees: by a signal, by a sweep of what is left, or by walking a whole ladder. */
import {
  type AskingRung,
  askedBy,
  asks,
  climb,
  currentRung,
  hasSignalled,
  isDue,
  type Rung,
  remainingMs,
  take,
} from '../../machines/escalation.ts'
import type { Reason, SignalledProcess } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { type AskedAnswer, ask } from './asking.ts'
import { within } from './deadline.ts'
import type { ProcessStat } from './identity.ts'
import type { LauncherEvents, SweepOptions } from './launcher.ts'
import type { Life } from './life.ts'
import { MarkerPass } from './marker-pass.ts'
import { signalTree } from './signals.ts'
import type { Spared } from './spared.ts'
import { type Found, Sweep } from './sweep.ts'
import type { Watch } from './watch.ts'

export interface ReaperOptions {
  readonly spared: Spared
  readonly clock: Clock
  readonly watch: Watch
  readonly warning: LauncherEvents['warning']
}

/** Why a ladder is walked that no supervisor asked for. */
const NOBODY_LEFT: Reason = { kind: 'shutdown', by: 'launcher', message: 'its supervisor is gone' }

/** How often a tree is walked again after SIGKILL, for what it forked in between. */
const MAX_KILL_ROUNDS = 5

export class Reaper {
  readonly #spared: Spared
  readonly #clock: Clock
  readonly #watch: Watch
  readonly #warning: LauncherEvents['warning']
  readonly #pass: MarkerPass

  constructor({ spared, clock, watch, warning }: ReaperOptions) {
    this.#spared = spared
    this.#clock = clock
    this.#watch = watch
    this.#warning = warning
    this.#pass = new MarkerPass(clock)
  }

  /**
   * Signals the whole tree, and tells whom it reached: nobody, when nothing can be read (out of descriptors, most
   * likely). The next rung tries again.
   */
  signal(life: Life, signal: NodeJS.Signals): SignalledProcess[] {
    try {
      return this.#signalTree(life, signal)
    } catch (error) {
      this.#warning(`${signal} could not be sent to ${life.address.agentId}: ${messageOf(error)}`, error)
      return []
    }
  }

  #signalTree(life: Life, signal: NodeJS.Signals): SignalledProcess[] {
    const { members } = this.#collect(life)
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
    this.#killGroup(life)
    return signalled
  }

  /** What is known of a tree, what descends from it, and who is in its control group. */
  #collect(life: Life): { members: ProcessStat[]; isChanging: boolean } {
    const look = life.group?.look()
    if (look !== undefined) life.tree.remember(look.members.filter((stat) => life.tree.takes(stat)))
    return { members: life.tree.collect(), isChanging: look?.isChanging === true }
  }

  /** All at once, unless one of Reeve's own, or who started it, was started by this agent. */
  #killGroup({ group }: Life): void {
    if (group === undefined || group.look().members.some((stat) => this.#spared.has(stat))) return
    group.kill()
  }

  #signalMembers(life: Life, members: readonly ProcessStat[], signal: NodeJS.Signals): SignalledProcess[] {
    if (life.watched) this.#watch.hurry()
    const { reached, denied } = signalTree(life.leader?.pid, members, signal, this.#spared)
    if (denied.length > 0) {
      const which = `${signal} to ${denied.join(', ')} of the agent ${life.address.agentId}`
      this.#warning(`${which} was refused (EPERM): it runs as another user by now.`)
    }
    return [...reached]
  }

  /** Asks the leader alone, as this rung says, and tells by which way. */
  ask(life: Life, rung: AskingRung, reason: Reason): AskedAnswer {
    if (life.watched) this.#watch.hurry()
    try {
      return ask(life, rung, { reason, spared: this.#spared, clock: this.#clock })
    } catch (error) {
      // Out of descriptors, most likely. The next rung tries again.
      return { asked: askedBy(rung), refused: messageOf(error) }
    }
  }

  /** Ends what is left of a tree. While one is under way, another only hastens it. */
  sweep(life: Life, options: SweepOptions): Sweep {
    if (life.sweep !== undefined) {
      life.sweep.hasten(options)
      return life.sweep
    }
    const target = {
      find: () => this.#find(life),
      signal: (members: readonly ProcessStat[], signal: NodeJS.Signals) => {
        this.#signalMembers(life, members, signal)
        if (signal === 'SIGKILL') this.#killGroup(life)
      },
      warning: this.#warning,
    }
    const sweep = new Sweep(target, options, this.#clock)
    life.sweep = sweep
    void sweep.done.then(() => {
      life.sweep = undefined
    })
    return sweep
  }

  /** Everything that lives of a tree: in its group, what is known, what descends from it, and what carries its marker. */
  async #find(life: Life): Promise<Found> {
    if (life.leader === undefined && !life.mayHaveTree) return { alive: [], fleeing: false }
    this.#collect(life)
    const carriers = (await this.#pass.find(life.hunt())).filter((stat) => life.tree.takes(stat))
    life.tree.remember(carriers)
    const { members: alive, isChanging } = this.#collect(life)
    return { alive, fleeing: alive.length === 0 && (carriers.length > 0 || isChanging) }
  }

  /**
   * Walks the ladder of a life until its leader is gone; its tree is for a sweep. Says whether that was signalled. From
   * where it stands: a rung that was taken is not taken again.
   */
  async walk(life: Life, halted?: AbortSignal): Promise<boolean> {
    const overOrHalted = halted === undefined ? life.over : Promise.race([life.over, aborted(halted)])
    let ladder = life.ladder(this.#clock.now())
    for (let rung = currentRung(ladder); rung !== undefined; rung = currentRung(ladder)) {
      if (isDue(ladder)) {
        this.#take(life, rung)
        ladder = take(ladder)
      }
      await within(this.#clock, overOrHalted, remainingMs(ladder, this.#clock.now()))
      if (life.phase === 'over' || halted?.aborted) return hasSignalled(ladder)
      ladder = climb(ladder, this.#clock.now())
    }
    this.signal(life, 'SIGKILL')
    await within(this.#clock, overOrHalted, life.terms.killWaitMs)
    return true
  }

  #take(life: Life, rung: Rung): void {
    life.countRung(asks(rung) ? askedBy(rung) : rung.signal, this.#clock.now())
    if (!asks(rung)) return void this.signal(life, rung.signal)
    const { refused } = this.ask(life, rung, NOBODY_LEFT)
    if (refused !== undefined) this.#warning(`${life.address.agentId} could not be asked to end: ${refused}`)
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

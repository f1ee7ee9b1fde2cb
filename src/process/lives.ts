/**
 * The lives that a launcher keeps: forks them, learns their exits, signals their trees, sweeps them, and writes down what
 * becomes of each before it tells. What no supervisor has in its hands goes by its own terms (`alone.ts`). The same code
 * in the launcher's process and inline.
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
import { Alone } from './alone.ts'
import type { Book } from './book.ts'
import { chapterFrom, keptFrom } from './chapters.ts'
import { cleanUpAlone } from './cleaner.ts'
import { Commands } from './commands.ts'
import { Containment } from './containment.ts'
import { type Environment, executionOf, fork, prepare, scrubbed, unprepare } from './launch.ts'
import { failed } from './launch-errors.ts'
import type {
  CommandEnd,
  CommandOrder,
  ContainmentMode,
  EndCause,
  KeptLife,
  LauncherAnswer,
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
import type { Sweep } from './sweep.ts'
import { cpuMsOf } from './tree.ts'
import { vitalsOf } from './vitals.ts'
import { Watch } from './watch.ts'

export interface LivesOptions {
  readonly spared: Spared
  readonly clock: Clock
  readonly events: LauncherEvents
  readonly book: Book
  /** No supervisor is there, and nothing lives any more. */
  readonly idle: () => void
}

export interface Serving {
  /** What every agent inherits; `REEVE_*` is taken out. */
  readonly baseEnv: Readonly<Record<string, string | undefined>>
  /** What became of a life is kept until it is acknowledged. */
  readonly keepExits: boolean
  readonly containment?: ContainmentMode | undefined
}

/** Trees looked at before the event loop gets its turn: about a millisecond. */
const USAGE_SLICE = 16

/** A supervisor that takes over claims what it wants to keep; it has this long for it. */
const CLAIM_WITHIN_MS = 10_000

const NEVER = new AbortController().signal

const NOTHING_SEEN: Exit = { code: null, signal: null }

export class Lives {
  readonly #lives = new Map<string, Life>()
  /** Launches under way, by life. */
  readonly #launches = new Map<string, Promise<void>>()
  readonly #spared: Spared
  readonly #clock: Clock
  readonly #events: LauncherEvents
  readonly #book: Book
  readonly #idle: () => void
  readonly #reaper: Reaper
  readonly #watch: Watch
  readonly #logs: LogKeeper
  readonly #commands: Commands
  readonly #alone: Alone
  readonly #containment: Containment
  #env: Environment = {}
  #keepExits = false
  /** A supervisor is there. */
  #served = false
  /** Lives whose tree may still live. */
  #unsettled = 0
  /** Lives that are ended, or cleaned up after, here. */
  #cleaning = 0
  #closing = false

  constructor({ spared, clock, events, book, idle }: LivesOptions) {
    this.#spared = spared
    this.#clock = clock
    this.#events = events
    this.#book = book
    this.#idle = idle
    this.#watch = new Watch(clock, (life) => this.#exited(life, NOTHING_SEEN))
    this.#logs = new LogKeeper({ clock, warning: events.warning.bind(events) })
    this.#commands = new Commands({
      env: () => this.#env,
      spared,
      clock,
      warning: events.warning.bind(events),
    })
    this.#reaper = new Reaper({ spared, clock, watch: this.#watch, warning: events.warning.bind(events) })
    this.#containment = new Containment(events.warning.bind(events))
    this.#alone = new Alone({
      clock,
      end: (life, halted) => this.#end(life, halted),
      begun: (life, why) => this.#begun(life, why),
      settled: (life) => this.#settle(life),
    })
  }

  // Supervisors come and go.

  /** A supervisor is there. What a former one left stays as it is until it is claimed. */
  serve({ baseEnv, keepExits, containment = 'auto' }: Serving): void {
    this.#env = scrubbed(baseEnv)
    this.#keepExits = keepExits
    this.#served = true
    this.#containment.use(containment)
  }

  /** Every life that is not forgotten, for a successor. */
  *kept(): Generator<KeptLife> {
    for (const chapter of this.#book.chapters())
      yield keptFrom(chapter, this.#get(chapter.terms)?.rungsTaken ?? 0)
  }

  /** The supervisor is gone, without a word: each life goes by its own terms. */
  orphan({ neverAdopted }: { readonly neverAdopted: boolean }): void {
    this.#served = false
    this.#book.save()
    for (const life of [...this.#lives.values()]) {
      life.claimed = false
      if ((!life.settled || life.isDirty) && !life.dismissed) this.#alone.left(life, 0, neverAdopted)
      else this.#forgetIfDone(life)
    }
    this.#leaveIfIdle()
  }

  /** A supervisor that speaks another protocol looks after its own: nothing is ended because nobody claims it. */
  hold(): void {
    this.#alone.hold()
  }

  /** It is gone as well. */
  letGo(): void {
    this.#alone.letGo()
    this.orphan({ neverAdopted: false })
  }

  adopt(address: LifeAddress): void {
    const life = this.#get(address)
    if (life === undefined) return
    life.claimed = true
    this.#alone.taken(life)
  }

  dismiss(address: LifeAddress): void {
    const life = this.#get(address)
    if (life === undefined) return this.#book.forget(address)
    life.dismissed = true
    life.claimed = false
    if (life.settled && !life.isDirty) this.#forgetIfDone(life)
    else void this.#alone.end(life, 'supervisor_gone')
  }

  acknowledge(addresses: readonly LifeAddress[]): void {
    for (const address of addresses) {
      const life = this.#get(address)
      if (life === undefined) this.#book.forget(address)
      else {
        life.acknowledged = true
        this.#forgetIfDone(life)
      }
    }
  }

  /** Takes on a life that another launcher had. `claimed`: the supervisor has it in its hands. */
  keep(kept: KeptLife, { claimed, rotate }: { readonly claimed: boolean; readonly rotate: boolean }): void {
    const { terms, state } = kept
    const life = this.#add(terms, rotate)
    if (life === undefined) return
    this.#book.copy(chapterFrom({ ...kept, isChild: false }))
    life.claimed = claimed
    life.group = this.#containment.find(terms.marker)
    switch (state.kind) {
      case 'launching':
        void this.#lost(life)
        break
      case 'failed':
        life.ended(undefined)
        this.#settle(life)
        if (!life.isDirty) return
        break
      case 'ending':
        life.why = state.why
        life.resume(state.rungsTaken, this.#clock.now())
        this.#watchFrom(life, state.process)
        break
      case 'running':
        this.#watchFrom(life, state.process)
        break
      case 'exited':
        life.why = state.why
        life.adopted(state.process)
        life.ended(NOTHING_SEEN)
        life.exit = state.exit
        if (state.swept !== null) this.#settle(life)
        if (life.settled && !life.isDirty) return
        break
      default:
        return state satisfies never
    }
    if (!claimed) this.#alone.left(life, this.#served ? CLAIM_WITHIN_MS : 0)
  }

  /** Nobody else looks after their logs any more. */
  rotate(addresses: readonly LifeAddress[]): void {
    for (const address of addresses) {
      const life = this.#get(address)
      if (life !== undefined && !life.released) this.#watchLog(life)
    }
  }

  // What a supervisor asks.

  launch(order: LaunchOrder): void {
    const life = this.#add(order, true)
    if (life === undefined) return
    this.#book.begins(life.terms, true)
    if (this.#closing) this.#neverCame(life, failed('The launcher is closing: nothing is started any more.'))
    else this.#inTurn(life, order)
  }

  /**
   * One that was withdrawn still puts away what it had made. The same life, of an agent that was removed and is spawned
   * anew, has its files in the same places, and begins after that.
   */
  #inTurn(life: Life, order: LaunchOrder): void {
    const key = lifeKey(order)
    const before = this.#launches.get(key)
    const launch = () => this.#launch(life, order)
    const launching = before === undefined ? launch() : before.then(launch)
    this.#launches.set(key, launching)
    void launching.then(() => {
      if (this.#launches.get(key) === launching) this.#launches.delete(key)
    })
  }

  withdraw(address: LifeAddress): void {
    const life = this.#get(address)
    // What came of a lost launch is being ended: that is answered when it is gone.
    if (life?.phase !== 'launching' || life.mayHaveTree) return
    this.#neverCame(life, failed('It was withdrawn before it was forked.'))
  }

  signal(address: LifeAddress, signal: NodeJS.Signals): void {
    const life = this.#get(address)
    if (life !== undefined) this.#begun(life, 'asked')
    const signalled = life === undefined ? [] : this.#reaper.signal(life, signal)
    life?.countRung(signal, this.#clock.now())
    this.#events.answer({ type: 'SIGNALLED', ...addressOf(address), signal, signalled })
  }

  ask(address: LifeAddress, rung: AskingRung, reason: Reason): void {
    const life = this.#get(address)
    if (life !== undefined) this.#begun(life, 'asked')
    life?.asked(rung, this.#clock.now())
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
    const sweep = this.#sweep(life, options)
    if (life.sweepAsked) return
    life.sweepAsked = true
    void sweep.done.then((swept) => {
      life.sweepAsked = false
      this.#answer(life, { type: 'SWEPT', ...life.address, ...swept })
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

  run(order: CommandOrder, over: AbortSignal): Promise<CommandEnd> {
    const life = order.what.kind === 'end' ? undefined : this.#get(order)
    return life === undefined || order.hook === null
      ? this.#command(order, over)
      : this.#hook(life, order.hook, order)
  }

  leave(address: LifeAddress): void {
    const life = this.#get(address)
    life?.leave()
    if (life !== undefined) this.#book.cleanup(address, null)
  }

  release(address: LifeAddress): void {
    const life = this.#get(address)
    if (life === undefined) return
    life.released = true
    this.#forgetIfDone(life)
  }

  /** Ends every life by its own ladder, side by side. Resolves with what could not be ended, when nothing else is left. */
  async endAll(): Promise<number[]> {
    this.#closing = true
    const left = [...this.#lives.values()].filter((life) => !life.settled || life.phase !== 'over')
    const ends = left.map((life) => {
      this.#alone.taken(life)
      this.#begun(life, 'asked')
      return this.#end(life)
    })
    const escaped = await Promise.all(ends)
    await this.#logs.close()
    await this.#containment.settled()
    return escaped.flat()
  }

  // Of one life.

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

  #add(terms: LifeTerms, rotate: boolean): Life | undefined {
    const key = lifeKey(terms)
    const known = this.#lives.get(key)
    if (known?.settled === true) this.#forget(known)
    else if (known !== undefined) {
      this.#events.warning(`The life ${key} is known already; it is not started twice.`)
      return undefined
    }
    const life = new Life(terms, this.#spared)
    this.#lives.set(key, life)
    this.#unsettled++
    if (rotate) this.#watchLog(life)
    return life
  }

  #watchLog({ address, terms }: Life): void {
    this.#logs.watch(lifeKey(address), terms.logFile, terms.logLimits)
  }

  #watchFrom(life: Life, process: ProcessIdentity): void {
    life.adopted(process)
    this.#watch.add(life)
  }

  /** A launch whose outcome died with its launcher: whatever came of it is ended, and it has failed. */
  async #lost(life: Life): Promise<void> {
    life.mayHaveTree = true
    const { escaped } = await this.#reaper.sweep(life, { gentle: false, killWaitMs: life.terms.killWaitMs })
      .done
    const what = escaped.length > 0 ? 'could not all be ended' : 'was ended'
    const message = `The launcher died while it was being started; what came of it ${what}.`
    this.#neverCame(life, failed(message), escaped)
  }

  async #launch(life: Life, order: LaunchOrder): Promise<void> {
    try {
      await this.#logs.startOver(order.logFile)
      const execution = executionOf(order, this.#env)
      const isContained = await this.#containment.admits(order, execution)
      const wrong = await prepare(order)
      if (life.phase !== 'launching' || wrong !== undefined) {
        unprepare(order)
        if (wrong !== undefined) this.#neverCame(life, wrong)
        return
      }
      if (isContained) life.group = this.#containment.make(order.marker)
      const forked = fork(order, execution, life.group)
      if (forked instanceof Promise) {
        this.#neverCame(life, await forked)
        return
      }
      life.spawned(forked.process, forked.fifo)
      this.#book.spawned(life.address, forked.process)
      forked.child.once('exit', (code, signal) => this.#exited(life, { code, signal }))
      this.#answer(life, { type: 'SPAWNED', ...life.address, process: forked.process })
    } catch (error) {
      this.#neverCame(life, failed(`It could not be started: ${messageOf(error)}`))
    }
  }

  /** Answers a launch that came to nothing, once. */
  #neverCame(life: Life, error: ErrorInfo, escaped: readonly number[] = []): void {
    if (life.phase !== 'launching') return
    life.ended(undefined)
    this.#book.failed(life.address, error)
    const left = escaped.length > 0 && { escaped }
    this.#answer(life, { type: 'SPAWN_FAILED', ...life.address, error, ...left })
    this.#settle(life)
  }

  #exited(life: Life, exit: Exit): void {
    if (life.phase !== 'live') return
    life.ended(exit)
    this.#book.exited(life.address, exit)
    this.#answer(life, { type: 'EXITED', ...life.address, exit })
    if (life.claimed) this.#forgetIfDone(life)
    else void this.#alone.end(life, 'supervisor_gone')
  }

  #answer(life: Life, answer: LauncherAnswer): void {
    if (!life.dismissed) this.#events.answer(answer)
  }

  /** Somebody begins to end it; what ended by itself before was not ended by anybody. */
  #begun(life: Life, why: EndCause): void {
    if (life.phase === 'over' || life.why !== null) return
    life.why = why
    this.#book.ending(life.address, why)
  }

  #sweep(life: Life, options: SweepOptions): Sweep {
    const isNew = life.sweep === undefined
    const sweep = this.#reaper.sweep(life, options)
    if (isNew)
      void sweep.done.then((swept) => {
        // Nobody may ever ask what became of it: the log names it.
        if (!life.claimed && swept.escaped.length > 0)
          this.#events.warning(`Of ${life.address.agentId} could not be ended: ${swept.escaped.join(', ')}`)
        if (life.phase !== 'over') return
        this.#book.swept(life.address, swept)
        this.#settle(life)
      })
    return sweep
  }

  async #end(life: Life, halted?: AbortSignal): Promise<readonly number[]> {
    this.withdraw(life.address)
    const signalled = life.phase === 'live' && (await this.#reaper.walk(life, halted))
    if (halted?.aborted && life.phase !== 'over') return []
    // Swept, it counts as settled: that alone must not let this launcher go.
    this.#cleaning++
    try {
      const { escaped } = await this.#sweep(life, { gentle: !signalled, killWaitMs: life.terms.killWaitMs })
        .done
      await this.#cleanUp(life, halted)
      return escaped
    } finally {
      this.#cleaning--
      this.#leaveIfIdle()
    }
  }

  async #cleanUp(life: Life, halted: AbortSignal | undefined): Promise<void> {
    // One that a supervisor began and did not live to see ends first.
    await this.#commands.idle(life.address)
    await cleanUpAlone(life, {
      halted,
      run: (order) => this.#hook(life, order.hook ?? 0, order),
      failed: (message) => this.#events.warning(message),
    })
  }

  /** Once, whoever asks for it; it goes on when its supervisor is gone. */
  #hook(life: Life, index: number, order: CommandOrder): Promise<CommandEnd> {
    return life.hook(index, async () => {
      this.#book.cleanup(life.address, life.cleanup?.begun ?? null)
      await this.#commands.idle(life.address)
      return this.#command(order, NEVER)
    })
  }

  async #command(order: CommandOrder, over: AbortSignal): Promise<CommandEnd> {
    const end = await this.#commands.run(order, over)
    this.#leaveIfIdle()
    return end
  }

  /** Nothing of it lives, or nothing that could be ended. */
  #settle(life: Life): void {
    if (!life.settled) this.#unsettled--
    life.settled = true
    this.#leaveGroup(life)
    this.#forgetIfDone(life)
    this.#leaveIfIdle()
  }

  #leaveGroup(life: Life): void {
    if (life.group !== undefined) this.#containment.remove(life.group)
    life.group = undefined
  }

  #leaveIfIdle(): void {
    const isBusy = this.#unsettled > 0 || this.#cleaning > 0 || this.#commands.busy
    if (!this.#served && !this.#closing && !isBusy) this.#idle()
  }

  /** Nobody will ask for it any more. */
  #forgetIfDone(life: Life): void {
    if (life.released) this.#logs.forget(lifeKey(life.address), life.terms.logFile)
    if (life.phase !== 'over') return
    const committed = life.acknowledged || !this.#keepExits
    const isDone = life.claimed ? life.released && committed : life.settled && (committed || life.dismissed)
    if (isDone) this.#forget(life)
  }

  #forget(life: Life): void {
    const key = lifeKey(life.address)
    if (this.#lives.get(key) !== life) return
    if (!life.settled) this.#unsettled--
    life.settled = true
    this.#leaveGroup(life)
    this.#lives.delete(key)
    this.#logs.forget(key, life.terms.logFile)
    this.#book.forget(life.address)
  }
}

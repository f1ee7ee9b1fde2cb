/**
 * The launcher in the supervisor's own process: no start-up, no helper. It forks where it runs, and when this process
 * dies, nobody is left to end its agents: a successor in the same home finds them by the book.
 */
import type { AskingRung } from '../../machines/escalation.ts'
import type { LifeAddress, ProcessIdentity, Reason } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import type { Book } from './book.ts'
import { LATE, within } from './deadline.ts'
import { held } from './held.ts'
import { scrubbed } from './launch.ts'
import type {
  CommandEnd,
  CommandOrder,
  KeptLife,
  Launcher,
  LauncherOptions,
  LaunchOrder,
  LifeTerms,
  SweepOptions,
  TreeUsage,
  TreeVitals,
  VitalsOptions,
} from './launcher.ts'
import { Ledger } from './ledger.ts'
import { Lives } from './lives.ts'
import { openBook } from './open-book.ts'
import { deferred } from './outbox.ts'
import { NOBODY, predecessorsIn } from './predecessors.ts'
import { Spared } from './spared.ts'

export class InlineLauncher implements Launcher {
  readonly pid = process.pid
  kept: readonly KeptLife[] = []
  readonly #lives: Lives
  readonly #clock: Clock
  readonly #book: Book
  readonly #keepExits: boolean
  readonly #events: LauncherOptions['events']
  /** Holds back what is answered of lives that nobody adopted yet. */
  readonly #ledger = new Ledger()

  private constructor({ home, launcherId, baseEnv, keepExits, containment, clock, events }: LauncherOptions) {
    this.#clock = clock
    this.#keepExits = keepExits
    this.#events = deferred(events)
    const { warning } = this.#events
    this.#book = openBook({ home, launcherId, clock, warning })
    this.#lives = new Lives({
      clock,
      spared: new Spared(),
      book: this.#book,
      events: {
        answer: (answer) => this.#ledger.note(answer) && this.#events.answer(answer),
        warning,
      },
      idle: () => {},
    })
    this.#lives.serve({ baseEnv, keepExits, containment })
  }

  static async start(options: LauncherOptions): Promise<InlineLauncher> {
    const { home, ephemeral, keepExits, exec, launcherId, clock, events } = options
    const unspoken = { baseEnv: scrubbed(options.baseEnv), leftovers: null, take: () => {}, takeOver: false }
    const warning = events.warning.bind(events)
    const connecting = { home, launcherId, ephemeral, keepExits, exec, clock, warning, ...unspoken }
    const before = ephemeral ? NOBODY : await held(predecessorsIn(home, connecting))
    const launcher = new InlineLauncher(options)
    launcher.kept = before.left.map(({ life }) => life)
    for (const { life, rotate } of before.left) {
      launcher.#ledger.keep(life)
      launcher.#lives.keep(life, { claimed: false, rotate })
    }
    for (const gone of before.foreignGone) void gone.then((lives) => launcher.#lives.rotate(lives))
    before.clearAway()
    return launcher
  }

  adopt(life: LifeAddress): void {
    for (const answer of this.#ledger.adopt(life)) this.#events.answer(answer)
    this.#lives.adopt(life)
  }

  dismiss(life: LifeAddress): void {
    this.#ledger.dismiss(life)
    this.#lives.dismiss(life)
  }

  acknowledge(lives: readonly LifeAddress[]): void {
    this.#ledger.acknowledge(lives)
    this.#lives.acknowledge(lives)
  }

  launch(order: LaunchOrder): void {
    this.#lives.launch(order)
  }

  watch(terms: LifeTerms, process: ProcessIdentity): void {
    const life: KeptLife = { terms, isChild: false, state: { kind: 'running', process } }
    this.#lives.keep(life, { claimed: true, rotate: true })
  }

  withdraw(life: LifeAddress): void {
    this.#lives.withdraw(life)
  }

  signal(life: LifeAddress, signal: NodeJS.Signals): void {
    this.#ledger.signal(life, signal)
    this.#lives.signal(life, signal)
  }

  ask(life: LifeAddress, rung: AskingRung, reason: Reason): void {
    this.#ledger.ask(life, { rung, reason })
    this.#lives.ask(life, rung, reason)
  }

  sweep(life: LifeAddress, options: SweepOptions): void {
    this.#lives.sweep(life, options)
  }

  usage(lives: readonly LifeAddress[]): Promise<readonly TreeUsage[]> {
    return this.#lives.usage(lives)
  }

  vitals(lives: readonly LifeAddress[], options: VitalsOptions): Promise<readonly TreeVitals[]> {
    return this.#lives.vitals(lives, options)
  }

  run(order: CommandOrder, over: AbortSignal): Promise<CommandEnd> {
    return held(this.#lives.run(order, over))
  }

  leave(life: LifeAddress): void {
    this.#lives.leave(life)
  }

  release(life: LifeAddress): void {
    this.#ledger.release(life)
    this.#lives.release(life)
  }

  async close(timeoutMs: number): Promise<void> {
    const ended = await held(within(this.#clock, this.#lives.endAll(), timeoutMs))
    if (ended === LATE) return
    if (this.#book.size === 0 || !this.#keepExits) this.#book.remove()
  }
}

/**
 * The launcher in the supervisor's own process: no start-up, no helper. It forks where it runs, and when this process
 * dies, nobody is left to end its agents.
 */
import type { AskingRung } from '../../machines/escalation.ts'
import type { LifeAddress, ProcessIdentity, Reason } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { within } from './deadline.ts'
import { held } from './held.ts'
import type {
  KeptLife,
  Launcher,
  LauncherEvents,
  LaunchOrder,
  LifeTerms,
  SweepOptions,
  TreeUsage,
  TreeVitals,
  VitalsOptions,
} from './launcher.ts'
import { Lives } from './lives.ts'
import { deferred } from './outbox.ts'
import { Spared } from './spared.ts'

export interface InlineOptions {
  readonly baseEnv: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly events: LauncherEvents
}

export class InlineLauncher implements Launcher {
  readonly pid = process.pid
  readonly kept: readonly KeptLife[] = []
  readonly #lives: Lives
  readonly #clock: Clock

  constructor({ baseEnv, clock, events }: InlineOptions) {
    this.#clock = clock
    this.#lives = new Lives({ baseEnv, clock, events: deferred(events), spared: new Spared() })
  }

  adopt(_life: LifeAddress): void {}

  dismiss(_life: LifeAddress): void {}

  acknowledge(_lives: readonly LifeAddress[]): void {}

  launch(order: LaunchOrder): void {
    this.#lives.launch(order)
  }

  watch(terms: LifeTerms, process: ProcessIdentity): void {
    this.#lives.watch(terms, process)
  }

  withdraw(life: LifeAddress): void {
    this.#lives.withdraw(life)
  }

  signal(life: LifeAddress, signal: NodeJS.Signals): void {
    this.#lives.signal(life, signal)
  }

  ask(life: LifeAddress, rung: AskingRung, reason: Reason): void {
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

  release(life: LifeAddress): void {
    this.#lives.release(life)
  }

  async close(timeoutMs: number): Promise<void> {
    await held(within(this.#clock, this.#lives.endAll(), timeoutMs))
  }
}

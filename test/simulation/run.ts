/** One run: a seed, so many steps, an end. */
import type { Violation } from './world.ts'
import { ACTIONS, WEIGHTS } from './actions.ts'
import { checkFinally, settleAll } from './finish.ts'
import { checkStanding } from './invariants/standing.ts'
import { settle } from './time.ts'
import { World } from './world.ts'

export interface RunOptions {
  readonly seed: number
  readonly steps: number
  readonly broken: string | undefined
  /** The steps whose action is done; absent: all. Time passes in every step. */
  readonly only?: ReadonlySet<number>
  readonly home: string
}

export interface RunResult {
  readonly violations: readonly Violation[]
  readonly traceHash: string
  readonly lines: readonly string[]
  /** What each step did. */
  readonly actions: readonly string[]
  /** The step in which the first violation was seen; the number of steps when it was at the end. */
  readonly failedAt: number
  readonly entries: number
  readonly simulatedMs: number
  readonly checked: ReadonlyMap<string, number>
  readonly faults: ReadonlyMap<string, number>
}

export async function run({ seed, steps, broken, only, home }: RunOptions): Promise<RunResult> {
  const world = new World(`seed ${seed}`, broken)
  const actions: string[] = []
  let step = 0
  const unhandled = (cause: unknown): void => {
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    world.violated('nothing is thrown that nobody catches', text)
  }
  process.on('unhandledRejection', unhandled)
  process.on('uncaughtException', unhandled)
  try {
    await world.start(home)
    for (; step < steps && world.violations.length === 0; step += 1) {
      const dice = world.dice.fork(`step ${step}`)
      const name = dice.weighed(WEIGHTS)
      actions.push(name)
      if (only === undefined || only.has(step)) {
        world.trace(`step ${step}: ${name}`)
        await ACTIONS[name]?.run({ world, dice, number: step })
        await settle()
      }
      await world.advance(dice.pick([0, 1, 5, 20, 100, 100, 400, 1_000]) * dice.next())
      checkStanding(world)
    }
    if (world.violations.length === 0) await settleAll(world)
    if (world.violations.length === 0) checkFinally(world)
  } catch (cause) {
    unhandled(cause)
  } finally {
    await settle()
    process.off('unhandledRejection', unhandled)
    process.off('uncaughtException', unhandled)
  }
  return {
    violations: world.violations,
    traceHash: world.traceHash,
    lines: world.lines,
    actions,
    failedAt: step,
    entries: world.embedder?.told.length ?? 0,
    simulatedMs: world.nowMs,
    checked: world.checked,
    faults: world.faults,
  }
}

/** One run: a seed, so many steps, an end. */

import { ACTIONS, weightsIn } from './actions.ts'
import type { ClimateName } from './climates.ts'
import { inSimulatedLoop } from './event-loop.ts'
import { climateOf, type Fault } from './faults.ts'
import { checkFinally, settleAll } from './finish.ts'
import { here } from './here.ts'
import { inhabit } from './inhabit.ts'
import { checkStanding } from './invariants/standing.ts'
import { INIT } from './machine/kernel.ts'
import { SystemError } from './machine/system-error.ts'
import { mayAct, runningParty } from './party.ts'
import type { Violation } from './world.ts'
import { World } from './world.ts'

export interface RunOptions {
  readonly seed: number
  readonly steps: number
  readonly broken?: Fault | undefined
  /** By default that in which the fault is looked for. */
  readonly climate?: ClimateName | undefined
  /** The steps whose action is done; absent: all. Time passes in every step. */
  readonly only?: ReadonlySet<number> | undefined
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

/** Whatever its code asks of `process` is answered by the simulated machine. */
const SIMULATED_PROCESS: PropertyDescriptorMap = {
  pid: { get: () => runningParty()?.pid ?? INIT, configurable: true },
  kill: {
    value: (pid: number, signal: NodeJS.Signals): true => {
      if (!mayAct()) throw new SystemError('EINTR', 'its process is dead')
      here().kernel.kill(pid, signal, true)
      return true
    },
    configurable: true,
    writable: true,
  },
}

export function run(options: RunOptions): Promise<RunResult> {
  return inSimulatedLoop(() => runNow(options))
}

function runNow({ seed, steps, broken, only, climate = climateOf(broken) }: RunOptions): RunResult {
  const world = new World(`seed ${seed}`, broken, climate)
  const weights = weightsIn(world.climate)
  const actions: string[] = []
  const unhandled = (cause: unknown): void => {
    const party = runningParty()
    if (party?.dead !== true) world.uncaught(party?.name ?? 'world', cause)
  }
  const real = Object.getOwnPropertyDescriptors(process)
  Object.defineProperties(process, SIMULATED_PROCESS)
  process.on('unhandledRejection', unhandled)
  process.on('uncaughtException', unhandled)
  let step = 0
  try {
    world.begin()
    for (; step < steps && world.violations.length === 0; step += 1) {
      const dice = world.dice.fork(`step ${step}`)
      inhabit(world, dice.fork('successor'))
      const name = dice.weighed(weights)
      actions.push(name)
      if (only === undefined || only.has(step)) {
        world.trace(`step ${step}: ${name}`)
        if (!world.embedder.vacant) ACTIONS[name]?.run({ world, dice, number: step })
      }
      world.advance(dice.pick([0, 1, 5, 20, 100, 100, 400, 1_000]) * dice.next())
      checkStanding(world)
    }
    if (world.violations.length === 0) settleAll(world)
    if (world.violations.length === 0) checkFinally(world)
  } catch (cause) {
    world.uncaught('world', cause)
  } finally {
    process.off('unhandledRejection', unhandled)
    process.off('uncaughtException', unhandled)
    for (const name of ['pid', 'kill'] as const)
      Object.defineProperty(process, name, real[name] as PropertyDescriptor)
  }
  return {
    violations: world.violations,
    traceHash: world.traceHash,
    lines: world.lines,
    actions,
    failedAt: step,
    entries: world.sessions.reduce((sum, { told }) => sum + told.length, 0),
    simulatedMs: world.nowMs,
    checked: world.checked,
    faults: world.faults,
  }
}

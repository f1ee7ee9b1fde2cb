/** Makes a failing run shorter while it still fails in the same way: fewer steps, fewer actions. Bounded effort. */
import type { ClimateName } from './climates.ts'
import type { Fault } from './faults.ts'
import { type RunResult, run } from './run.ts'

export interface Short {
  readonly steps: number
  readonly only: readonly number[]
  readonly tries: number
  readonly result: RunResult
}

const MOST_TRIES = 150

export async function shrink(
  failed: RunResult,
  {
    seed,
    steps,
    broken,
    climate,
  }: { seed: number; steps: number; broken: Fault | undefined; climate: ClimateName },
): Promise<Short> {
  const wanted = failed.violations[0]?.invariant
  let tries = 0
  let result = failed
  const short = Math.min(steps, failed.failedAt + 1)
  const fails = async (only: readonly number[]): Promise<boolean> => {
    tries += 1
    const again = await run({ seed, steps: short, broken, climate, only: new Set(only) })
    const same = again.violations.some(({ invariant }) => invariant === wanted)
    if (same) result = again
    return same
  }
  let only = Array.from({ length: short }, (_, step) => step)
  // Chunks of steps are left out, ever smaller ones: delta debugging.
  for (let size = Math.ceil(only.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < only.length && tries < MOST_TRIES; ) {
      const less = [...only.slice(0, from), ...only.slice(from + size)]
      if (await fails(less)) only = less
      else from += size
    }
  }
  return { steps: short, only, tries, result }
}

/** Many runs, one after another, until one fails. */
import type { ClimateName } from './climates.ts'
import type { Fault } from './faults.ts'
import { type RunResult, run } from './run.ts'

export interface CampaignOptions {
  readonly firstSeed: number
  /** How many seeds, at most. */
  readonly seeds: number
  readonly steps: number
  readonly broken?: Fault | undefined
  /** By default that in which the fault is looked for. */
  readonly climate?: ClimateName | undefined
  readonly only?: ReadonlySet<number> | undefined
  /** Asked after each run: whether there is time for another. */
  readonly goOn?: (done: number) => boolean
}

export interface Campaign {
  readonly done: number
  readonly entries: number
  readonly simulatedMs: number
  /** How often each invariant was looked at, and each kind of bad luck there was. */
  readonly checked: ReadonlyMap<string, number>
  readonly faults: ReadonlyMap<string, number>
  readonly last: RunResult | undefined
  readonly failed: { readonly seed: number; readonly result: RunResult } | undefined
}

const add = (sums: Map<string, number>, more: ReadonlyMap<string, number>): void => {
  for (const [key, count] of more) sums.set(key, (sums.get(key) ?? 0) + count)
}

export async function campaign(options: CampaignOptions): Promise<Campaign> {
  const { firstSeed, seeds, steps, broken, climate, only, goOn = () => true } = options
  const checked = new Map<string, number>()
  const faults = new Map<string, number>()
  let [done, entries, simulatedMs] = [0, 0, 0]
  let last: RunResult | undefined
  let failed: Campaign['failed']
  for (let seed = firstSeed; done < seeds && !failed && goOn(done); seed += 1) {
    const result = await run({ seed, steps, broken, climate, only })
    done += 1
    entries += result.entries
    simulatedMs += result.simulatedMs
    add(checked, result.checked)
    add(faults, result.faults)
    if (result.violations.length > 0) failed = { seed, result }
    last = result
  }
  return { done, entries, simulatedMs, checked, faults, last, failed }
}

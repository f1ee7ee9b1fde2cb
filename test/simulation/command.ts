/** `npm run simulate`: what is asked for, what was run, and how to see a failure again. */
import { parseArgs } from 'node:util'
import { type Campaign, campaign } from './campaign.ts'
import { CLIMATES, type ClimateName, isClimate } from './climates.ts'
import { climateOf, FAULTS, type Fault, isFault } from './faults.ts'
import { shrink } from './shrink.ts'

export const DEFAULT_STEPS = 80
const SHOWN_LINES = 60
const SHOWN_VIOLATIONS = 5

const USAGE = `npm run simulate -- [options]
  --seeds 200             so many seeds, from --seed on (default 1)
  --minutes 1             as many seeds as fit
  --seed 7 --steps 300    one seed; ${DEFAULT_STEPS} steps unless told otherwise
  --only 3,17             the actions of these steps alone: a shortened trace
  --break FAULT           with a fault put in on purpose; the exit status is 1 when it is found
  --climate CLIMATE       what kind of bad luck there is; default: mixed, or where the fault is looked for
  --trace                 prints every line of the last trace
  --no-shrink             shows a failure as it is
`

const OPTIONS = {
  seed: { type: 'string' },
  seeds: { type: 'string' },
  steps: { type: 'string' },
  minutes: { type: 'string' },
  only: { type: 'string' },
  break: { type: 'string' },
  climate: { type: 'string' },
  trace: { type: 'boolean' },
  'no-shrink': { type: 'boolean' },
  help: { type: 'boolean' },
} as const

interface Asked {
  readonly firstSeed: number
  readonly seeds: number
  readonly steps: number
  readonly minutes: number | undefined
  readonly only: ReadonlySet<number> | undefined
  readonly broken: Fault | undefined
  readonly climate: ClimateName
  readonly trace: boolean
  readonly asItIs: boolean
}

class UsageError extends Error {}

function asked(args: readonly string[]): Asked | undefined {
  const { values } = parse(args)
  if (values.help) return undefined
  const count = (name: 'seed' | 'seeds' | 'steps'): number | undefined => {
    const text = values[name]
    if (text !== undefined && !/^[1-9]\d{0,8}$/.test(text))
      throw new UsageError(`--${name}: "${text}" is no count`)
    return text === undefined ? undefined : Number(text)
  }
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes)
  if (minutes !== undefined && !(minutes > 0))
    throw new UsageError(`--minutes: "${values.minutes}" is no time`)
  const broken = values.break
  if (broken !== undefined && !isFault(broken))
    throw unknown(`--break: there is no fault "${broken}". These can be put in:`, FAULTS)
  const climate = values.climate ?? climateOf(broken)
  if (!isClimate(climate)) {
    const known = Object.entries(CLIMATES).map(([name, { what }]) => [name, what])
    throw unknown(`--climate: there is no "${climate}". These are known:`, Object.fromEntries(known))
  }
  return {
    firstSeed: count('seed') ?? 1,
    seeds: count('seeds') ?? (minutes === undefined ? 1 : Number.POSITIVE_INFINITY),
    steps: count('steps') ?? DEFAULT_STEPS,
    minutes,
    only: values.only === undefined ? undefined : new Set(values.only.split(',').filter(Boolean).map(Number)),
    broken,
    climate,
    trace: values.trace ?? false,
    asItIs: values['no-shrink'] ?? false,
  }
}

const unknown = (message: string, known: Readonly<Record<string, string>>): UsageError =>
  new UsageError(
    [message, ...Object.entries(known).map(([name, what]) => `  ${name.padEnd(24)}${what}`)].join('\n'),
  )

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause))
  }
}

/** Resolves with the exit status: 0 when every promise was kept, 1 when one was not, 2 when it was asked wrongly. */
export async function simulate(args: readonly string[], print: (text: string) => void): Promise<number> {
  let options: Asked | undefined
  try {
    options = asked(args)
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause
    print(cause.message)
    return 2
  }
  if (!options) {
    print(USAGE)
    return 0
  }
  const { minutes = Number.POSITIVE_INFINITY } = options
  const startedMs = performance.now()
  const goOn = () => performance.now() - startedMs < minutes * 60_000
  const result = await campaign({ ...options, goOn })
  if (options.trace) print(result.last?.lines.join('\n') ?? '')
  tell(result, options, performance.now() - startedMs, print)
  if (result.failed) await show(result.failed, options, print)
  return result.failed ? 1 : 0
}

const listed = (sums: ReadonlyMap<string, number>): string =>
  [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, count]) => `  ${String(count).padStart(9)}  ${key}`)
    .join('\n')

function tell(
  result: Campaign,
  { firstSeed, steps, broken, climate, seeds }: Asked,
  ms: number,
  print: (text: string) => void,
) {
  const { done, entries, simulatedMs, checked, faults, last } = result
  const rates = `${Math.round((done / ms) * 1000)} seeds/s, ${Math.round((done * steps * 1000) / ms)} steps/s`
  print(
    `${done} seeds of ${steps} steps from ${firstSeed}${broken ? ` with ${broken}` : ''}${climate === 'mixed' ? '' : ` in ${climate}`}: ${entries} entries in ` +
      `${Math.round(simulatedMs / 1000)} simulated s; ${(ms / 1000).toFixed(1)} s, ${rates}`,
  )
  if (seeds === 1) print(`trace ${last?.traceHash}`)
  print(`bad luck:\n${listed(faults)}\ninvariants checked:\n${listed(checked)}`)
}

async function show(
  { seed, result }: NonNullable<Campaign['failed']>,
  { steps, broken, climate, only, asItIs }: Asked,
  print: (text: string) => void,
): Promise<void> {
  const isUnsaid = climate === 'mixed' && climateOf(broken) === 'mixed'
  const replay = (steps: number, only?: Iterable<number>): string =>
    `replay: npm run simulate -- --seed ${seed} --steps ${steps}` +
    `${only ? ` --only ${[...only].join(',')}` : ''}${broken ? ` --break ${broken}` : ''}${isUnsaid ? '' : ` --climate ${climate}`}`
  print(`\nVIOLATED in seed ${seed}, step ${result.failedAt}:`)
  for (const { invariant, message, atMs } of result.violations.slice(0, SHOWN_VIOLATIONS))
    print(`  ${invariant}, at ${atMs.toFixed(1)} ms:\n    ${message}`)
  print(replay(steps, only))
  const short = asItIs || only ? undefined : await shrink(result, { seed, steps, broken, climate })
  if (short)
    print(
      `\nshortened to ${short.only.length} actions of ${short.steps} steps (${short.tries} tries):\n${replay(short.steps, short.only)}`,
    )
  const { lines } = short?.result ?? result
  if (lines.length > SHOWN_LINES) print(`  … ${lines.length - SHOWN_LINES} lines before`)
  for (const line of lines.slice(-SHOWN_LINES)) print(`  ${line}`)
}

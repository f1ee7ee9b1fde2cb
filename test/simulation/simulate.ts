/** Runs seeds, counts, and shows what failed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FAULTS, isFault } from './faults.ts'
import { here } from './here.ts'
import { runningPid } from './launchers.ts'
import { type RunResult, run } from './run.ts'
import { shrink } from './shrink.ts'

const DEFAULT_STEPS = 200
const SHOWN_LINES = 80

const add = (sums: Map<string, number>, more: ReadonlyMap<string, number>): void => {
  for (const [key, count] of more) sums.set(key, (sums.get(key) ?? 0) + count)
}
const listed = (sums: ReadonlyMap<string, number>): string =>
  [...sums].map(([key, count]) => `  ${String(count).padStart(9)}  ${key}`).join('\n')

/** No signal of a run goes to a real process, and our pid is a simulated one. */
function leaveTheRealWorld(): void {
  Object.defineProperty(process, 'pid', { get: runningPid, configurable: true })
  process.kill = (pid: number, signal?: string | number): true => {
    here().kernel.kill(pid, signal as NodeJS.Signals, true)
    return true
  }
}

export async function simulate(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      steps: { type: 'string', default: String(DEFAULT_STEPS) },
      minutes: { type: 'string' },
      only: { type: 'string' },
      break: { type: 'string' },
      trace: { type: 'boolean', default: false },
      'no-shrink': { type: 'boolean', default: false },
    },
  })
  const broken = values.break
  if (broken !== undefined && !isFault(broken)) {
    console.error(`--break: no such fault. These can be put in:`)
    for (const [name, what] of Object.entries(FAULTS)) console.error(`  ${name.padEnd(24)}${what}`)
    return 2
  }
  const startedMs = performance.now()
  const home = mkdtempSync(join(tmpdir(), 'reeve-simulation-'))
  leaveTheRealWorld()
  const steps = Number(values.steps)
  const first = Number(values.seed ?? 1)
  const only = values.only === undefined ? undefined : new Set(values.only.split(',').filter(Boolean).map(Number))
  const untilMs = values.minutes === undefined ? Number.POSITIVE_INFINITY : startedMs + Number(values.minutes) * 60_000
  const seeds = Number(values.seeds ?? (values.minutes === undefined ? 1 : Number.POSITIVE_INFINITY))

  const checked = new Map<string, number>()
  const faults = new Map<string, number>()
  let done = 0
  let entries = 0
  let simulatedMs = 0
  let failure: { seed: number; result: RunResult } | undefined
  for (let seed = first; done < seeds && performance.now() < untilMs && !failure; seed += 1) {
    const result = await run({ seed, steps, broken, home, ...(only && { only }) })
    done += 1
    entries += result.entries
    simulatedMs += result.simulatedMs
    add(checked, result.checked)
    add(faults, result.faults)
    if (values.trace) console.log(result.lines.join('\n'))
    if (seeds === 1) console.log(`seed ${seed}: trace ${result.traceHash}`)
    if (result.violations.length > 0) failure = { seed, result }
  }

  const seconds = (performance.now() - startedMs) / 1000
  console.log(
    `${done} seeds of ${steps} steps from ${first}${broken ? ` with ${broken}` : ''}: ${entries} entries in ` +
      `${Math.round(simulatedMs / 1000)} simulated s; ${seconds.toFixed(1)} s, ${(done / seconds).toFixed(1)} seeds/s, ` +
      `${Math.round((done * steps) / seconds)} steps/s`,
  )
  console.log(`bad luck:\n${listed(faults)}\ninvariants checked:\n${listed(checked)}`)
  if (failure) {
    const options = { steps, broken, home, seed: failure.seed }
    await show(failure.result, options, values['no-shrink'])
  }
  rmSync(home, { recursive: true, force: true })
  return failure ? 1 : 0
}

async function show(
  result: RunResult,
  options: { seed: number; steps: number; broken: string | undefined; home: string },
  asItIs: boolean,
): Promise<void> {
  const { seed, steps, broken } = options
  const command = `npm run simulate -- --seed ${seed} --steps ${steps}${broken ? ` --break ${broken}` : ''}`
  console.log(`\nVIOLATED in seed ${seed}, step ${result.failedAt}:`)
  for (const { invariant, message, atMs } of result.violations.slice(0, 5))
    console.log(`  ${invariant}, at ${atMs.toFixed(1)} ms:\n    ${message}`)
  console.log(`replay: ${command}`)
  if (asItIs) return
  const short = await shrink(result, options)
  console.log(
    `\nshortened to ${short.only.length} actions of ${short.steps} steps (${short.tries} tries):\n` +
      `replay: npm run simulate -- --seed ${seed} --steps ${short.steps} --only ${short.only.join(',')}${broken ? ` --break ${broken}` : ''}`,
  )
  const { lines } = short.result
  if (lines.length > SHOWN_LINES) console.log(`  … ${lines.length - SHOWN_LINES} lines before`)
  for (const line of lines.slice(-SHOWN_LINES)) console.log(`  ${line}`)
}

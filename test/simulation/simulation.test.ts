/**
 * A short share of the simulation: some seeds keep every promise, a seed is replayed to the letter, and every fault
 * that is put in on purpose is found. Nothing here depends on how fast the machine is.
 */
import t from 'tap'
import { install } from './hooks.ts'

install()
const { campaign } = await import('./campaign.ts')
const { simulate } = await import('./command.ts')
const { FAULTS, seedOf } = await import('./faults.ts')
const { run } = await import('./run.ts')

// What takes long here is the machine's business: everything is bounded by seeds and steps.
t.setTimeout(0)

/** A fault that no seed finds among so many is not found. */
const MOST_SEEDS = 400
const STEPS = 60

t.test('every promise is kept, whatever happens', async (t) => {
  const { failed, done } = await campaign({ firstSeed: 1, seeds: 10, steps: STEPS })
  t.equal(failed, undefined, `seed ${failed?.seed}: ${JSON.stringify(failed?.result.violations)}`)
  t.equal(done, 10)
})

t.test('the same seed is the same run to the letter, another is another', async (t) => {
  const [once, other, again] = [
    await run({ seed: 3, steps: STEPS }),
    await run({ seed: 4, steps: STEPS }),
    await run({ seed: 3, steps: STEPS }),
  ]
  t.same(again.lines, once.lines)
  t.equal(again.traceHash, once.traceHash)
  t.not(other.traceHash, once.traceHash)
})

for (const fault of Object.keys(FAULTS) as (keyof typeof FAULTS)[])
  t.test(`${fault}: ${FAULTS[fault]}`, async (t) => {
    const { failed } = await campaign({
      firstSeed: seedOf(fault),
      seeds: MOST_SEEDS,
      steps: STEPS,
      broken: fault,
    })
    const [violation] = failed?.result.violations ?? []
    t.ok(
      violation,
      violation ? `seed ${failed?.seed}: ${violation.invariant}` : `none of ${MOST_SEEDS} seeds found it`,
    )
  })

t.test('a failure says how to see it again, in short, and its replay fails alike', async (t) => {
  const said: string[] = []
  const status = await simulate(['--seeds', '50', '--break', 'restart-after-stop'], (text) => said.push(text))
  t.equal(status, 1)
  const text = said.join('\n')
  t.match(text, /VIOLATED in seed \d+, step \d+:\n {2}intent: what was stopped stays stopped/)
  const replays = [...text.matchAll(/^replay: npm run simulate -- (.*)$/gm)].map(([, args = '']) =>
    args.split(' '),
  )
  t.equal(replays.length, 2, 'as it was, and shortened')
  for (const args of replays) {
    const heard: string[] = []
    t.equal(await simulate([...args, '--no-shrink'], (line) => heard.push(line)), 1)
    t.match(heard.join('\n'), 'intent: what was stopped stays stopped')
  }
})

t.test('a fault is looked for where it is soon found, and its replay says where that is', async (t) => {
  const said: string[] = []
  const args = ['--seeds', '50', '--steps', `${STEPS}`, '--break', 'exit-forgotten', '--no-shrink']
  t.equal(await simulate(args, (text) => said.push(text)), 1)
  t.match(said.join('\n'), /^replay: npm run simulate -- .* --break exit-forgotten --climate succession$/m)
})

t.test('what is asked wrongly is said', async (t) => {
  for (const [args, answer] of [
    [['--break', 'nothing'], /no fault "nothing".*\n.*zombies-live/],
    [['--climate', 'fair'], /no "fair".*\n.*mixed/],
    [['--seeds', 'many'], /--seeds: "many" is no count/],
    [['--loud'], /--loud/],
  ] as const) {
    const said: string[] = []
    t.equal(await simulate(args, (text) => said.push(text)), 2)
    t.match(said.join('\n'), answer)
  }
})

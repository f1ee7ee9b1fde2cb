/**
 * What a budget promises: what an agent said it used is counted over all its lives and by every supervisor, it is warned
 * once of the end, and at the end it ends. A report of the simulation says the same each time: so many of them, so much.
 */
import type { Entry } from '../../../machines/events.ts'
import type { Known } from '../known.ts'
import type { World } from '../world.ts'

/** What one report says. */
const REPORTED = { turns: 1, tokens: 10, usd: 0.01 } as const
type Share = keyof typeof REPORTED
const SHARES = Object.keys(REPORTED) as Share[]
const ROUNDING = 1e-6

/** Each share of its budget that was used so far, by so many reports. */
function sharesOf({ spec }: Known, reports: number): Map<Share, number> {
  const shares = new Map<Share, number>()
  for (const share of SHARES) {
    const allowed = spec.budget?.[share]
    if (allowed !== undefined) shares.set(share, (reports * REPORTED[share]) / allowed + ROUNDING)
  }
  return shares
}

const reportsOf = ({ record }: Known): number => record?.usage?.turns ?? 0

/** By what was told of it. */
export const isSpent = (known: Known): boolean =>
  [...sharesOf(known, reportsOf(known)).values()].some((share) => share >= 1)

/** What it said of its use is counted once, whoever reads it, and added to what was counted before. */
export function counted(world: World, { agentId, usage }: Entry, known: Known): void {
  const name = 'P5 use is counted once'
  world.checking(name)
  const said = world.truth.turnsOf(agentId)
  if (!usage) return
  if (usage.turns > said) world.violated(name, `${agentId} said ${said} turns; counted are ${usage.turns}`)
  const before = reportsOf(known)
  const isRight = SHARES.every((share) => Math.abs(usage[share] - (before + 1) * REPORTED[share]) < ROUNDING)
  const sum = 'budgets: use is the sum over all lives'
  world.checking(sum)
  if (!isRight)
    world.violated(sum, `${agentId} had used ${before} turns, and one report later ${JSON.stringify(usage)}`)
}

/** Every report that it wrote was heard by its end. */
export function allHeard(world: World, { agentId, incarnation }: Entry, known: Known): void {
  const name = 'P5 no use is lost'
  world.checking(name)
  const said = world.truth.turnsOf(agentId)
  if (reportsOf(known) < said)
    world.violated(
      name,
      `${agentId}.${incarnation} has ended; it said ${said} turns, ${reportsOf(known)} are counted`,
    )
}

export function warned(world: World, { agentId, evidence }: Entry, known: Known): void {
  const share = evidence?.budget
  if (share === undefined) return
  const name = 'budgets: one warning, near the end'
  world.checking(name)
  const times = known.entries.filter(
    ({ event, evidence }) => event === 'budget_warning' && evidence?.budget === share,
  ).length
  const used = sharesOf(known, reportsOf(known)).get(share) ?? 0
  if (times > 1 || used < 0.8 || used >= 1)
    world.violated(
      name,
      `${agentId} is warned for the ${times}. time of its ${share}, used to ${used.toFixed(2)}`,
    )
}

/** Its budget ran out just now. */
export function endedBySpending(world: World, { agentId, reason }: Entry): void {
  const name = 'budgets: what a budget ended says so'
  world.checking(name)
  // A listener, asked in between, may have had a word of its own.
  if (reason?.kind !== 'budget' && !world.embedder.mischief)
    world.violated(name, `${agentId} ran out of its budget, and is ended by ${reason?.kind}`)
}

/** States in which one whose budget ran out is not found. */
const GOES_ON: readonly string[] = ['spawning', 'pre_starting', 'running', 'stalling', 'restarting']

export function* spentAreEnding({ embedder, nowMs, supervisor }: World): Generator<string> {
  if (supervisor.frozen || embedder.stopped) return
  for (const { id, state, incarnation } of embedder.supervisor.list()) {
    const known = embedder.known.get(id)
    if (!known?.spec.budget || known.toldAtMs === nowMs || !isSpent(known)) continue
    if (GOES_ON.includes(state))
      yield `${id}.${incarnation} is ${state}, and has used ${JSON.stringify(known.record?.usage)} of ${JSON.stringify(known.spec.budget)}`
  }
}

/** Who ended with the supervisor that heard of it would have to run again for the next one to warn it. */
const isPastWarning = ({ entries, record }: Known, supervisorId: string): boolean =>
  !['running', 'stalling'].includes(record?.state ?? '') &&
  entries.findLast(({ event }) => event === 'usage')?.supervisorId !== supervisorId

export function* nearAreWarned({ embedder, nowMs }: World): Generator<string> {
  for (const [id, known] of embedder.known) {
    if (!known.spec.budget || known.toldAtMs === nowMs || known.removed) continue
    if (isPastWarning(known, embedder.supervisor.id)) continue
    for (const [share, used] of sharesOf(known, reportsOf(known))) {
      const isWarned = known.entries.some(
        ({ event, evidence }) => event === 'budget_warning' && evidence?.budget === share,
      )
      if (used >= 0.8 && used < 1 && !isWarned)
        yield `${id} has used ${used.toFixed(2)} of its ${share}, and was not warned`
    }
  }
}

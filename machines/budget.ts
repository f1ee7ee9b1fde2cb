/** Whether a budget has run out, and when that is near. Total functions of sums that every entry of a usage carries. */
import type { Usage } from './events.ts'

/** What an agent may use, over all its lives; what is absent is not limited. */
export type Budget = { readonly [K in keyof Usage]?: number }

/** Of a budget, one share: what was used of what is allowed. */
export interface Spent {
  readonly budget: keyof Usage
  readonly used: number
  readonly allowed: number
}

/** The share of a budget, and of a `ttl`, at which its agent is warned of the end. */
export const WARNING_AT = 0.8

const KINDS: readonly (keyof Usage)[] = ['turns', 'tokens', 'usd']
/** Ten times $0.1 is $1, though not in floating point. */
const ratio = ({ used, allowed }: Spent): number => used / allowed + 1e-9

const shares = (budget: Budget, usage: Usage): Spent[] =>
  KINDS.flatMap((kind) => {
    const allowed = budget[kind]
    return allowed === undefined ? [] : [{ budget: kind, used: usage[kind], allowed }]
  })

/** The share that has run out; `null`: none has. */
export function exhausted(budget: Budget, usage: Usage): Spent | null {
  const over = shares(budget, usage).filter((spent) => ratio(spent) >= 1)
  return over.reduce<Spent | null>(
    (most, spent) => (most && ratio(most) >= ratio(spent) ? most : spent),
    null,
  )
}

/** A report that brought the sums from `before` to `after` has used up a share that was not used up. */
export function runsOut(budget: Budget, before: Usage, after: Usage): boolean {
  const spentOf = (usage: Usage) => shares(budget, usage).filter((spent) => ratio(spent) >= 1).length
  return spentOf(after) > spentOf(before)
}

/** Shares that are near their end, and of which was not warned yet. One that has run out is not near it any more. */
export function nearEnd(budget: Budget, usage: Usage, warnedOf: readonly Spent['budget'][]): Spent[] {
  const isNear = (spent: Spent) => ratio(spent) >= WARNING_AT && ratio(spent) < 1
  return shares(budget, usage).filter((spent) => isNear(spent) && !warnedOf.includes(spent.budget))
}

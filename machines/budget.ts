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

export interface BudgetVerdict {
  /** Shares that have come near their end just now. One that ran out in the same moment has only run out. */
  readonly near: readonly Spent[]
  /** The share that ran out just now; of several, the one that is furthest over. */
  readonly exceeded: Spent | null
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

/** What a report means that brought the sums from `before` to `after`. */
export function judgeBudget(budget: Budget, before: Usage, after: Usage): BudgetVerdict {
  const was = new Map(shares(budget, before).map((spent) => [spent.budget, ratio(spent)]))
  const passes = (spent: Spent, mark: number) => (was.get(spent.budget) ?? 0) < mark && ratio(spent) >= mark
  const now = shares(budget, after)
  const ranOut = exhausted(budget, after)
  return {
    near: now.filter((spent) => passes(spent, WARNING_AT) && ratio(spent) < 1),
    exceeded: ranOut && now.some((spent) => passes(spent, 1)) ? ranOut : null,
  }
}

/**
 * Who restarts with whom, and whose end is the end of all. Total functions, in the words of OTP's `supervisor`, and
 * with its meanings.
 */

export const STRATEGIES = ['one_for_one', 'one_for_all', 'rest_for_one'] as const
export type Strategy = (typeof STRATEGIES)[number]

export const AUTO_SHUTDOWNS = ['never', 'any_significant', 'all_significant'] as const
export type AutoShutdown = (typeof AUTO_SHUTDOWNS)[number]

/** A place in the order in which a group's members start. It is kept over all lives, as OTP keeps a child's. */
export interface Placed {
  readonly order: number
}

/** In the order in which they start. */
export const inOrder = <T extends Placed>(members: Iterable<T>): T[] =>
  [...members].sort((a, b) => a.order - b.order)

/** The one that starts first. */
export function firstOf<T extends Placed>(members: Iterable<T>): T | undefined {
  let first: T | undefined
  for (const each of members) if (first === undefined || each.order < first.order) first = each
  return first
}

/** Whom a failure takes along, the failed one among them, in the order of their starts. */
export function affectedBy<T extends Placed>(strategy: Strategy, members: Iterable<T>, failed: T): T[] {
  switch (strategy) {
    case 'one_for_one':
      return [failed]
    case 'one_for_all':
      return inOrder(members)
    case 'rest_for_one':
      return inOrder(members).filter(({ order }) => order >= failed.order)
  }
}

/**
 * Whether a group shuts itself down now that this member has ended by itself.
 *
 * @param rest those that have not ended.
 */
export function shutsDown(
  autoShutdown: AutoShutdown,
  ended: { readonly significant: boolean },
  rest: Iterable<{ readonly significant: boolean }>,
): boolean {
  if (autoShutdown === 'never' || !ended.significant) return false
  return autoShutdown === 'any_significant' || ![...rest].some(({ significant }) => significant)
}

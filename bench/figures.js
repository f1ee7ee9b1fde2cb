/** Samples to figures: medians, for the machine is shared and noisy, and how far the repetitions lie apart. */
/** @import { Figure } from './types.ts' */

/**
 * @param {readonly number[]} samples
 * @param {number} share in [0, 1]
 */
export function quantile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** @param {readonly number[]} samples */
export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** @param {number} share */
export const p = (share) => (/** @type {readonly number[]} */ samples) => quantile(samples, share)
/** @param {readonly number[]} samples */
export const greatest = (samples) => Math.max(...samples)

/**
 * One statistic of all samples, and its spread over the repetitions.
 *
 * @param {readonly (readonly number[] | number)[]} repetitions the samples of each
 * @param {(samples: readonly number[]) => number} statistic
 * @returns {Figure}
 */
export function figure(repetitions, statistic = median) {
  const each = repetitions.map((samples) => [samples].flat())
  const spread = each.map(statistic)
  const all = each.flat()
  return { value: statistic(all), low: Math.min(...spread), high: Math.max(...spread), n: all.length }
}

/**
 * A B A B: what disturbs one disturbs the other.
 *
 * @template A, B
 * @param {number} times
 * @param {() => A | Promise<A>} one
 * @param {() => B | Promise<B>} other
 */
export async function interleave(times, one, other) {
  /** @type {A[]} */
  const ones = []
  /** @type {B[]} */
  const others = []
  for (let i = 0; i < times; i += 1) {
    ones.push(await one())
    others.push(await other())
  }
  return /** @type {const} */ ([ones, others])
}

/** @param {NodeJS.CpuUsage} since */
export function cpuMsSince(since) {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

/** All benchmarks, in the order in which they run, and the seconds after which one that hangs is ended. */
/** @import { Benchmark } from './types.ts' */

export const SUITE = /** @type {const} */ ({
  'spawn-blocks': 45,
  starts: 60,
  respawn: 45,
  'kill-listed': 30,
  'mass-stop': 75,
  heartbeats: 45,
  reports: 45,
  lives: 60,
  vitals: 45,
  registries: 60,
  peers: 60,
})

/** @typedef {keyof typeof SUITE} Name */

export const NAMES = /** @type {Name[]} */ (Object.keys(SUITE))

/**
 * @param {Name} name
 * @returns {Promise<Benchmark>}
 */
export const load = async (name) => (await import(`./${name}.js`)).benchmark

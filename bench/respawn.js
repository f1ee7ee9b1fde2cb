/** From SIGKILL to the next pid of a `permanent` agent without backoff; raw: `spawn` in the `exit` listener. */
/** @import { Benchmark } from './types.ts' */
import { figure, interleave, p } from './figures.js'
import { withBoth } from './hosts.js'

const SIZES = /** @type {const} */ ({
  full: { count: 30, times: 5 },
  quick: { count: 20, times: 3 },
  tiny: { count: 2, times: 1 },
})

/** @type {Benchmark} */
export const benchmark = {
  name: 'respawn',
  about: 'SIGKILL to new pid, restart permanent, no backoff',
  async run(size) {
    const { count, times } = SIZES[size]
    const [ours, theirs] = await withBoth(async (raw, reeve) => {
      await interleave(
        1,
        () => reeve.ask('reeve', 'kill', Math.min(count, 10), true),
        () => raw.ask('raw', 'kill', Math.min(count, 10), true),
      )
      return interleave(
        times,
        () => reeve.ask('reeve', 'kill', count, true),
        () => raw.ask('raw', 'kill', count, true),
      )
    })
    const back = (/** @type {typeof ours} */ all) => all.map((each) => each.map(({ backMs }) => backMs))
    const known = (/** @type {typeof ours} */ all) => all.map((each) => each.map(({ knownMs }) => knownMs))
    const gap = (/** @type {typeof ours} */ all) =>
      all.map((each) => each.map(({ backMs, knownMs }) => backMs - knownMs))
    return {
      rows: [
        {
          what: 'SIGKILL to new pid: p50',
          unit: 'ms',
          measured: figure(back(ours)),
          raw: figure(back(theirs)),
          target: { of: 'ratio', atMost: 1.6 },
        },
        {
          what: 'SIGKILL to new pid: p99',
          unit: 'ms',
          measured: figure(back(ours), p(0.99)),
          raw: figure(back(theirs), p(0.99)),
        },
        {
          what: 'of it, until the exit is known',
          unit: 'ms',
          measured: figure(known(ours)),
          raw: figure(known(theirs)),
        },
        {
          what: 'of it, from there to the new pid',
          unit: 'ms',
          measured: figure(gap(ours)),
          raw: figure(gap(theirs)),
        },
      ],
      notes: [],
    }
  },
}

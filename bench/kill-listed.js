/** From `kill -9` of an agent until `list()` says that it is not alive; raw: until the `exit` listener is called. */
/** @import { Benchmark } from './types.ts' */
import { figure, greatest, interleave, p } from './figures.js'
import { withBoth } from './hosts.js'

const SIZES = /** @type {const} */ ({
  full: { count: 50, times: 4 },
  quick: { count: 50, times: 2 },
  tiny: { count: 3, times: 1 },
})

/** @type {Benchmark} */
export const benchmark = {
  name: 'kill-listed',
  about: 'kill -9 until list() says so',
  async run(size) {
    const { count, times } = SIZES[size]
    const [ours, theirs] = await withBoth((raw, reeve) =>
      interleave(
        times,
        async () => (await reeve.ask('reeve', 'kill', count, false)).map(({ knownMs }) => knownMs),
        async () => (await raw.ask('raw', 'kill', count, false)).map(({ knownMs }) => knownMs),
      ),
    )
    const target = /** @type {const} */ ({ of: 'value', atMost: 50 })
    return {
      rows: [
        { what: 'p50', unit: 'ms', measured: figure(ours), raw: figure(theirs) },
        { what: 'p99', unit: 'ms', measured: figure(ours, p(0.99)), raw: figure(theirs, p(0.99)) },
        { what: 'max', unit: 'ms', measured: figure(ours, greatest), raw: figure(theirs, greatest), target },
      ],
      notes: [],
    }
  },
}

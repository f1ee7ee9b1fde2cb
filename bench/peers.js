/** Others, on the same two rows, where they are installed; as they are watched from outside, in `/proc`. */
/** @import { Benchmark, Row } from './types.ts' */
import { figure, interleave } from './figures.js'
import { withHost } from './hosts.js'
import { measurePeers } from './peers/peers.js'

const SIZES = /** @type {const} */ ({
  full: { count: 100, kills: 10, times: 3 },
  tiny: { count: 3, kills: 1, times: 1 },
})

/** @type {Benchmark} */
export const benchmark = {
  name: 'peers',
  about: 'other supervisors, on the rows above',
  async run(size) {
    if (size === 'quick') return { rows: [], notes: ['left out of a quick run'] }
    const { count, kills, times } = SIZES[size]
    const { measured, notes } = await measurePeers(count, kills)
    if (measured.length === 0) return { rows: [], notes }
    const [starts, respawns] = await withHost(['raw'], 0, (host) =>
      interleave(
        times,
        async () => {
          const { ms } = await host.ask('raw', 'start', ['sleep', '60'], count)
          await host.ask('raw', 'clear')
          return ms
        },
        async () => (await host.ask('raw', 'kill', Math.max(10, kills), true)).map(({ backMs }) => backMs),
      ),
    )
    /** @type {Row[]} */
    const rows = measured.flatMap(({ name, startMs, backMs }) => [
      { what: `${name}: ${count} starts`, unit: 'ms', measured: figure([startMs]), raw: figure(starts) },
      { what: `${name}: SIGKILL to new pid`, unit: 'ms', measured: figure([backMs]), raw: figure(respawns) },
    ])
    return { rows, notes }
  },
}

/** For how long a spawn keeps the event loop to itself: in a small host, and in one of 1 GB. */
/** @import { Benchmark, Row, Size } from './types.d.ts' */
import { figure, greatest, interleave, median, p } from './figures.js'
import { withHost } from './hosts.js'

/** Spawns at a time, by Reeve and raw; how often; megabytes of the host. */
const SIZES = /** @type {const} */ ({
  full: { reeve: 100, raw: 10, times: 3, hosts: [0, 1000] },
  quick: { reeve: 50, raw: 5, times: 2, hosts: [0, 1000] },
  tiny: { reeve: 3, raw: 2, times: 1, hosts: [0] },
})

/** @type {Benchmark} */
export const benchmark = {
  name: 'spawn-blocks',
  about: 'loop blocked per spawn()',
  async run(size) {
    /** @type {Row[]} */
    const rows = []
    /** @type {string[]} */
    const notes = []
    for (const megabytes of SIZES[size].hosts) {
      const { rss, of } = await inHostOf(megabytes, size)
      notes.push(`a host "of ${megabytes} MB" has ${rss} MB of RSS`)
      rows.push(...of)
    }
    return { rows, notes }
  },
}

/**
 * @param {number} megabytes
 * @param {Size} size
 */
function inHostOf(megabytes, size) {
  const { reeve, raw, times } = SIZES[size]
  return withHost(['raw', 'reeve'], megabytes, async (host) => {
    // Nobody's first spawn is measured: code is compiled then.
    await host.ask('raw', 'block', ['sleep', '60'], 2)
    await host.ask('reeve', 'block', ['sleep', '60'], size === 'tiny' ? 2 : 20)
    const [ours, theirs] = await interleave(
      times,
      () => host.ask('reeve', 'block', ['sleep', '60'], reeve),
      () => host.ask('raw', 'block', ['sleep', '60'], raw),
    )
    const where = megabytes === 0 ? 'small host' : `host of ${megabytes / 1000} GB`
    const target = /** @type {const} */ ({ of: 'value', atMost: 0.5 })
    /** @type {Row[]} */
    const of = [
      { what: `${where}: p50`, unit: 'ms', reeve: figure(ours, median), raw: figure(theirs, median) },
      { what: `${where}: p99`, unit: 'ms', reeve: figure(ours, p(0.99)), raw: figure(theirs, p(0.99)), target },
      { what: `${where}: max`, unit: 'ms', reeve: figure(ours, greatest), raw: figure(theirs, greatest) },
    ]
    return { rss: host.rssMb, of }
  })
}

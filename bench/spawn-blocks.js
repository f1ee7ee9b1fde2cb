/** For how long a spawn keeps the event loop to itself: in a small host, and in one of 1 GB. */
/** @import { Host } from './hosts.js' */
/** @import { Benchmark, Blocked, Row, Size } from './types.ts' */
import { figure, greatest, interleave, median, p } from './figures.js'
import { withHost } from './hosts.js'

/** Spawns at a time, by Reeve and raw; how often; megabytes of the host. */
const SIZES = /** @type {const} */ ({
  full: { reeve: 100, raw: 10, times: 3, hosts: [0, 1000] },
  quick: { reeve: 40, raw: 2, times: 2, hosts: [1000] },
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
      const { rss, rows: of } = await inHostOf(megabytes, size)
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
    await blocked(host, 'raw', 2)
    await blocked(host, 'reeve', size === 'tiny' ? 2 : 50)
    const [ours, theirs] = await interleave(
      times,
      () => blocked(host, 'reeve', reeve),
      () => blocked(host, 'raw', raw),
    )
    const clock = (/** @type {Blocked[][]} */ all) => all.map((each) => each.map(({ ms }) => ms))
    const cpu = (/** @type {Blocked[][]} */ all) => all.map((each) => each.map(({ cpuMs }) => cpuMs))
    const where = megabytes === 0 ? 'small host' : `host of ${megabytes / 1000} GB`
    const target = /** @type {const} */ ({ of: 'value', atMost: 0.5 })
    /**
     * @param {string} what
     * @param {typeof clock} side
     * @param {(samples: readonly number[]) => number} statistic
     * @returns {Row}
     */
    const of = (what, side, statistic) => ({
      what: `${where}: ${what}`,
      unit: 'ms',
      measured: figure(side(ours), statistic),
      raw: figure(side(theirs), statistic),
    })
    /** @type {Row[]} */
    const rows = [
      of('p50', clock, median),
      { ...of('p99', clock, p(0.99)), target },
      of('max', clock, greatest),
      of('CPU of it, p50', cpu, median),
      of('CPU of it, p99', cpu, p(0.99)),
    ]
    return { rss: host.rssMb, rows }
  })
}

/**
 * @param {Host} host
 * @param {'raw' | 'reeve'} crew
 * @param {number} count
 */
async function blocked(host, crew, count) {
  const result = await host.ask(crew, 'block', ['sleep', '60'], count)
  await host.ask(crew, 'clear')
  return result
}

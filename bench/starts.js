/** A hundred processes, from the first call until all run. */
/** @import { Host } from './hosts.js' */
/** @import { Benchmark, Row } from './types.d.ts' */
import { figure, interleave } from './figures.js'
import { withBoth } from './hosts.js'
import { measurePeers } from './peers/peers.js'

const SIZES = /** @type {const} */ ({
  full: { count: 100, times: 7 },
  quick: { count: 100, times: 3 },
  tiny: { count: 5, times: 1 },
})

/** @type {Benchmark} */
export const benchmark = {
  name: 'starts',
  about: 'many starts at once, until all run',
  async run(size) {
    const { count, times } = SIZES[size]
    const [firstOurs, firstTheirs, ours, theirs] = await withBoth(async (raw, reeve) => {
      const start = () => started(reeve, 'reeve', count)
      const startRaw = () => started(raw, 'raw', count)
      const [[first], [firstRaw]] = await interleave(1, start, startRaw)
      return [first, firstRaw, ...(await interleave(times, start, startRaw))]
    })
    /** @type {Row[]} */
    const rows = [
      {
        what: `${count} starts`,
        unit: 'ms',
        reeve: figure(ours.map(({ ms }) => ms)),
        raw: figure(theirs.map(({ ms }) => ms)),
        target: { of: 'ratio', atMost: 1.3 },
      },
      {
        what: 'the first of all, code not compiled yet',
        unit: 'ms',
        reeve: figure([firstOurs?.ms ?? Number.NaN]),
        raw: figure([firstTheirs?.ms ?? Number.NaN]),
      },
      {
        what: 'CPU time of the host, per start',
        unit: 'ms',
        reeve: figure(ours.map(({ cpuMs }) => cpuMs / count)),
        raw: figure(theirs.map(({ cpuMs }) => cpuMs / count)),
      },
    ]
    const peers = size === 'tiny' ? { rows: [], notes: [] } : await measurePeers('starts', { count, raw: theirs })
    return { rows: [...rows, ...peers.rows], notes: peers.notes }
  },
}

/**
 * Leaves none of them: they would be in the way of those that follow.
 *
 * @param {Host} host
 * @param {'raw' | 'reeve'} crew
 * @param {number} count
 */
async function started(host, crew, count) {
  const result = await host.ask(crew, 'start', ['sleep', '60'], count)
  await host.ask(crew, 'clear')
  return result
}

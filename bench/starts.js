/** A hundred processes, from the first call until all run. */
/** @import { Host } from './hosts.js' */
/** @import { Benchmark, Row, Started } from './types.ts' */
import { existsSync } from 'node:fs'
import { figure } from './figures.js'
import { withBoth, withHost } from './hosts.js'

const SIZES = /** @type {const} */ ({
  full: { count: 100, times: 5 },
  quick: { count: 50, times: 2 },
  tiny: { count: 5, times: 1 },
})
/** A file system that costs next to nothing: what is left is not the disk's. */
const MEMORY = '/dev/shm'

/** @type {Benchmark} */
export const benchmark = {
  name: 'starts',
  about: 'many starts at once, until all run',
  async run(size) {
    const { count, times } = SIZES[size]
    const memory = existsSync(MEMORY) ? MEMORY : undefined
    /** @type {Record<'ours' | 'swift' | 'theirs', Started[]>} */
    const all = { ours: [], swift: [], theirs: [] }
    await withBoth((raw, reeve) =>
      withHost(
        ['reeve'],
        0,
        async (other) => {
          // One round more: in the first one code is compiled.
          for (let i = 0; i <= times; i += 1) {
            all.ours.push(await started(reeve, 'reeve', count))
            all.theirs.push(await started(raw, 'raw', count))
            if (memory) all.swift.push(await started(other, 'reeve', count))
          }
        },
        memory,
      ),
    )
    const [[firstOurs, ...ours], [firstTheirs, ...theirs], [, ...swift]] = [all.ours, all.theirs, all.swift]
    const ms = (/** @type {Started} */ each) => each.ms
    /** @type {Row[]} */
    const rows = [
      {
        what: `${count} starts`,
        unit: 'ms',
        measured: figure(ours.map(ms)),
        raw: figure(theirs.map(ms)),
        target: { of: 'ratio', atMost: 1.3 },
      },
      {
        what: 'the first of all, code not compiled yet',
        unit: 'ms',
        measured: figure([firstOurs?.ms ?? Number.NaN]),
        raw: figure([firstTheirs?.ms ?? Number.NaN]),
      },
      {
        what: 'CPU time of the host, per start',
        unit: 'ms',
        measured: figure(ours.map(({ cpuMs }) => cpuMs / count)),
        raw: figure(theirs.map(({ cpuMs }) => cpuMs / count)),
      },
    ]
    if (memory)
      rows.push({
        what: `${count} starts, home in ${MEMORY}`,
        unit: 'ms',
        measured: figure(swift.map(ms)),
        raw: figure(theirs.map(ms)),
      })
    return { rows, notes: [] }
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

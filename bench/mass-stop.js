/** Many that ignore SIGTERM, stopped at once: how much longer than their grace it takes, and where the time goes. */
/** @import { Benchmark, Row, Stopped } from './types.ts' */
/** @import { Host } from './hosts.js' */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { figure, interleave } from './figures.js'
import { withBoth } from './hosts.js'

/** One process each; an ignored signal stays ignored through `exec`. */
const STUBBORN = /** @type {[string, ...string[]]} */ (['sh', '-c', 'trap "" TERM; exec sleep 60'])

const SIZES = /** @type {const} */ ({
  full: [
    { count: 100, graceMs: 2000, times: 3 },
    { count: 500, graceMs: 1000, times: 3 },
  ],
  quick: [{ count: 200, graceMs: 1000, times: 1 }],
  tiny: [{ count: 5, graceMs: 300, times: 1 }],
})

/** @type {Benchmark} */
export const benchmark = {
  name: 'mass-stop',
  about: 'stop many that ignore SIGTERM',
  async run(size) {
    /** @type {Row[]} */
    const rows = []
    for (const { count, graceMs, times } of SIZES[size]) {
      const [ours, theirs] = await withBoth((raw, reeve) =>
        interleave(
          times,
          () => stopped(reeve, 'reeve', count, graceMs),
          () => stopped(raw, 'raw', count, graceMs),
        ),
      )
      rows.push(...rowsOf(ours, theirs, count, graceMs))
    }
    return {
      rows,
      notes: [
        '"gone": as a process of its own sees it in /proc, within some 5 ms; moments from the call of stop()',
      ],
    }
  },
}

/** @typedef {Stopped & { readonly firstGone: number, readonly lastGone: number }} Seen */

/**
 * @param {Host} host
 * @param {'raw' | 'reeve'} crew
 * @param {number} count
 * @param {number} graceMs
 * @returns {Promise<Seen>}
 */
async function stopped(host, crew, count, graceMs) {
  const { pids } = await host.ask(crew, 'start', STUBBORN, count)
  const eye = fork(fileURLToPath(new URL('./sees-gone.js', import.meta.url)), { execArgv: [] })
  try {
    const seen = once(eye, 'message')
    eye.send({ pids, from: Number(process.hrtime.bigint() / 1_000_000n) + graceMs * 0.9 })
    const done = await host.ask(crew, 'stop', graceMs)
    /** @type {number[][]} */
    const [gone = []] = await seen
    return { ...done, firstGone: Math.min(...gone), lastGone: Math.max(...gone) }
  } finally {
    eye.kill('SIGKILL')
  }
}

/**
 * @param {readonly Seen[]} ours
 * @param {readonly Seen[]} theirs
 * @param {number} count
 * @param {number} graceMs
 * @returns {Row[]}
 */
function rowsOf(ours, theirs, count, graceMs) {
  /** @param {string} what @param {(one: Seen) => number} of @returns {Row} */
  const row = (what, of) => ({
    what,
    unit: 'ms',
    measured: figure(ours.map(of)),
    raw: figure(theirs.map(of)),
  })
  const over = (/** @type {Seen} */ one) => (one.over - one.called) / graceMs
  return [
    {
      what: `${count}, grace ${graceMs / 1000} s: all over`,
      unit: '× grace',
      measured: figure(ours.map(over)),
      raw: figure(theirs.map(over)),
      target: { of: 'value', atMost: 1.05 },
    },
    row('  call returned', ({ returned, called }) => returned - called),
    row('  first SIGTERM', ({ firstTerm, called }) => firstTerm - called),
    row('  last SIGTERM', ({ lastTerm, called }) => lastTerm - called),
    row('  first SIGKILL', ({ firstKill, called }) => firstKill - called),
    row('  last SIGKILL', ({ lastKill, called }) => lastKill - called),
    row('  first process gone', ({ firstGone, called }) => firstGone - called),
    row('  last process gone', ({ lastGone, called }) => lastGone - called),
    row('  first exit known', ({ firstExit, called }) => firstExit - called),
    row('  last exit known', ({ lastExit, called }) => lastExit - called),
    row('  all over', (one) => one.over - one.called),
    row('  CPU time of the host', ({ cpuMs }) => cpuMs),
  ]
}

/** What a report line costs whoever reads it, at 10,000 lines a second over many files; raw: a watch, and a read per event. */
/** @import { Benchmark } from './types.ts' */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync, watch, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadClock, loadReports } from './built.js'
import { cpuMsSince, figure, interleave } from './figures.js'
import { inScratch } from './scratch.js'

const SIZES = /** @type {const} */ ({
  full: { files: 500, rate: 10_000, ms: 1_500, times: 3 },
  quick: { files: 500, rate: 10_000, ms: 800, times: 1 },
  tiny: { files: 5, rate: 500, ms: 100, times: 1 },
})
/** What was written last is read within this, or is lost. */
const LATEST_MS = 3_000

/** @type {Benchmark} */
export const benchmark = {
  name: 'reports',
  about: 'a line of a report file',
  async run(size) {
    const { files, rate, ms, times } = SIZES[size]
    const [ours, theirs] = await interleave(
      times,
      () => inScratch((dir) => read(byReeve, dir, files, rate, ms)),
      () => inScratch((dir) => read(byWatch, dir, files, rate, ms)),
    )
    const lost = (/** @type {typeof ours} */ all) => all.map((each) => each.lost)
    return {
      rows: [
        {
          what: `CPU per line, ${rate.toLocaleString('en')} lines/s over ${files} files`,
          unit: 'µs',
          measured: figure(ours.map(({ us }) => us)),
          raw: figure(theirs.map(({ us }) => us)),
          rawIs: 'fs.watch and readSync',
          target: { of: 'value', atMost: 20 },
        },
        {
          what: 'lines lost',
          unit: '',
          measured: figure(lost(ours)),
          raw: figure(lost(theirs)),
          target: { of: 'value', atMost: 0 },
        },
      ],
      notes: [],
    }
  },
}

/** @typedef {{ readonly lines: () => number, readonly close: () => void }} Reader */

/**
 * @param {(dir: string, count: number) => Promise<Reader & { files: readonly string[] }>} open
 * @param {string} dir
 * @param {number} count
 * @param {number} rate
 * @param {number} ms
 */
async function read(open, dir, count, rate, ms) {
  const { files, lines, close } = await open(dir, count)
  const script = fileURLToPath(new URL('./writes-reports.js', import.meta.url))
  const cpu = process.cpuUsage()
  const writer = fork(script, [String(rate), String(ms), ...files], { execArgv: [] })
  try {
    const [{ written }] = await once(writer, 'message')
    for (const until = performance.now() + LATEST_MS; lines() < written && performance.now() < until; )
      await pause(10)
    return { us: (cpuMsSince(cpu) * 1000) / lines(), lost: written - lines() }
  } finally {
    writer.kill('SIGKILL')
    close()
  }
}

/** @param {string} dir @param {number} count */
async function byReeve(dir, count) {
  const [{ Reports }, { realClock }] = await Promise.all([loadReports(), loadClock()])
  let seen = 0
  const reports = new Reports({
    dir,
    clock: realClock,
    onReport: () => {
      seen += 1
    },
    onRejected: () => {},
    onTrouble: (message) => {
      throw new Error(message)
    },
  })
  const files = Array.from({ length: count }, (_, i) => {
    const file = reports.expect({ agentId: `agent-${i}`, incarnation: 1 })
    writeFileSync(file, '', { mode: 0o600 })
    return file
  })
  await pause(20)
  return { files, lines: () => seen, close: () => reports.close() }
}

/** @param {string} dir @param {number} count */
async function byWatch(dir, count) {
  const names = Array.from({ length: count }, (_, i) => `agent-${i}`)
  for (const name of names) writeFileSync(path.join(dir, name), '', { mode: 0o600 })
  const open = new Map(names.map((name) => [name, { fd: openSync(path.join(dir, name), 'r'), offset: 0 }]))
  const buffer = Buffer.allocUnsafe(64 * 1024)
  let seen = 0
  const watcher = watch(dir, (_event, name) => {
    const file = open.get(name ?? '')
    if (file === undefined) return
    const bytes = readSync(file.fd, buffer, 0, buffer.length, file.offset)
    file.offset += bytes
    seen += buffer.toString('latin1', 0, bytes).split('\n').length - 1
  })
  const close = () => {
    watcher.close()
    for (const { fd } of open.values()) closeSync(fd)
  }
  return { files: names.map((name) => path.join(dir, name)), lines: () => seen, close }
}

/**
 * Measures Reeve beside the raw limit, and prints what came of it: `npm run bench -- [options] [names]`.
 *
 * --only <name>   this one alone; may be said again
 * --quick         smaller and shorter, for a look
 * --size <size>   full, quick or tiny (to see that everything runs)
 * --out <file>    where the figures are written as JSON; default bench/results.json
 */
/** @import { Name } from './suite.js' */
/** @import { Result, Size } from './types.ts' */
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DIST, isBuilt } from './built.js'
import { machine } from './machine.js'
import { inScratch } from './scratch.js'
import { NAMES, SUITE } from './suite.js'
import { isMet, ratioOf, table } from './table.js'

const here = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    size: { type: 'string' },
    out: { type: 'string', default: here('./results.json') },
  },
})
const size = /** @type {Size} */ (values.size ?? (values.quick ? 'quick' : 'full'))
if (!['full', 'quick', 'tiny'].includes(size)) refuse(`--size ${size}: it is full, quick or tiny`)
const wanted = [...values.only, ...positionals]
for (const name of wanted)
  if (!NAMES.some((each) => each === name)) refuse(`${name}: there is ${NAMES.join(', ')}`)
if (!isBuilt('lib/index.js')) refuse(`${DIST} holds no build: run \`npm run build\` first`)

/** Seconds for all of it. */
const TIME = { full: 180, quick: 40, tiny: 60 }
const began = performance.now()
const on = machine()
const results = []
for (const name of NAMES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const startedMs = performance.now()
  process.stderr.write(`${name} … `)
  try {
    results.push({ name, ...(await inScratch((dir) => measured(name, dir))) })
    process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`)
  } catch (error) {
    process.exitCode = 1
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  }
}

const { cores, memoryMb, kernel, node, date } = on
console.log(
  `\nReeve ${size} benchmarks · ${date} · Node ${node} · ${cores} cores, ${memoryMb} MB, ${kernel} · medians of one run\n`,
)
console.log(table(results))
for (const { name, notes } of results) for (const note of notes) console.log(`\n${name}: ${note}`)
const seconds = Math.round((performance.now() - began) / 100) / 10
console.log(`\n${seconds} s; written to ${values.out}`)
const written = results.map(({ rows, ...result }) => ({
  ...result,
  rows: rows.map((row) => ({ ...row, ratio: ratioOf(row), met: isMet(row) })),
}))
writeFileSync(values.out, `${JSON.stringify({ machine: on, size, seconds, results: written }, null, 2)}\n`)

/**
 * In a process of its own, which is ended when it takes too long: whatever it had started ends with it.
 *
 * @param {Name} name
 * @param {string} dir for its temporary files
 * @returns {Promise<Result & { about: string }>}
 */
function measured(name, dir) {
  const child = fork(here('./one.js'), [name, size], {
    execArgv: ['--expose-gc'],
    env: { ...process.env, TMPDIR: dir },
  })
  return new Promise((resolve, reject) => {
    const left = TIME[size] - (performance.now() - began) / 1000
    const seconds = Math.max(0, Math.min(SUITE[name], left))
    let late = ''
    const limit = setTimeout(() => {
      late = `not done within ${seconds.toFixed(1)} s${left < SUITE[name] ? ', the time for all is over' : ''}`
      child.kill('SIGKILL')
    }, seconds * 1000)
    /** @type {(Result & { about: string }) | undefined} */
    let result
    child.on('message', (message) => {
      result = /** @type {Result & { about: string }} */ (message)
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      clearTimeout(limit)
      if (result) resolve(result)
      else reject(new Error(late || `it ended without a result (${signal ?? code})`))
    })
  })
}

/** @param {string} why @returns {never} */
function refuse(why) {
  console.error(why)
  process.exit(2)
}

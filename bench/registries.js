/** Entries into the registries, in batches as the journal gives them, and what the event loop feels meanwhile. */
/** @import { Benchmark, Row } from './types.d.ts' */
/** @import { Entry, Registry } from '../src/index.ts' */
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isBuilt, loadJsonFileRegistry, loadReeve, loadSpill, loadSqlite, loadSqliteRegistry } from './built.js'
import { entriesOf } from './entries.js'
import { figure, greatest, interleave } from './figures.js'
import { inScratch } from './scratch.js'

const SIZES = /** @type {const} */ ({
  full: { entries: 42_000, times: 5 },
  quick: { entries: 14_000, times: 2 },
  tiny: { entries: 700, times: 1 },
})
/** As many as the journal gives at a time. */
const BATCH = 500
/** How often the loop's delay is looked at; a turn that is on time shows as this much. */
const EVERY_MS = 1

/** @typedef {{ readonly perSecond: number, readonly p99Ms: number, readonly maxMs: number }} Taken */

/** @type {Benchmark} */
export const benchmark = {
  name: 'registries',
  about: `entries into registries, in batches of ${BATCH}`,
  async run(size) {
    const { entries: count, times } = SIZES[size]
    const { memoryRegistry } = await loadReeve()
    /** @type {string[]} */
    const notes = ['delays of the loop are beyond the timer that looks at them; raw: the loop, idle, in the same run']
    /** @type {Record<string, (dir: string) => Promise<Registry>>} */
    const registries = { memory: async () => memoryRegistry() }
    if (isBuilt('src/registry/sqlite.js')) {
      const { sqliteRegistry } = await loadSqliteRegistry()
      registries.sqlite = async (dir) => sqliteRegistry(path.join(dir, 'agents.db'))
    } else notes.push('sqlite: not in this build, skipped')
    if (isBuilt('src/registry/json-file.js')) {
      const { jsonFileRegistry } = await loadJsonFileRegistry()
      registries['json-file'] = async (dir) => jsonFileRegistry(path.join(dir, 'agents.json'))
    } else notes.push('json-file: not in this build, skipped')

    let supervisors = 0
    const batches = () => inBatches(entriesOf(`bench-${++supervisors}`, count))
    /** @type {Row[]} */
    const rows = []
    for (const [name, open] of Object.entries(registries)) {
      const raw = isBuilt('src/registry/sqlite/database.js') ? rawInserts : undefined
      await inScratch((dir) => taken(open, dir, batches().slice(0, 10)))
      await raw?.(batches().slice(0, 10))
      const [ours, theirs] = await interleave(
        times,
        () => inScratch((dir) => taken(open, dir, batches())),
        () => raw?.(batches()) ?? 0,
      )
      const idle = await idleDelays()
      rows.push({
        what: `${name}: entries`,
        unit: '/s',
        reeve: figure(ours.map(({ perSecond }) => perSecond)),
        ...(raw && { raw: figure(theirs), rawIs: 'INSERTs in the same SQLite' }),
        ...(name === 'sqlite' && { target: { of: 'value', atLeast: 100_000 } }),
      })
      rows.push({ what: `${name}: loop delayed, p99`, unit: 'ms', reeve: figure(ours.map(({ p99Ms }) => p99Ms)), raw: figure([idle.p99Ms]) })
      rows.push({
        what: `${name}: loop delayed, max`,
        unit: 'ms',
        reeve: figure(ours.map(({ maxMs }) => maxMs)),
        raw: figure([idle.maxMs]),
        target: { of: 'value', atMost: 5 },
      })
    }
    if (isBuilt('src/registry/spill.js')) rows.push(await spilled(batches, times))
    return { rows, notes }
  },
}

/** @param {readonly Entry[]} entries */
const inBatches = (entries) =>
  Array.from({ length: Math.ceil(entries.length / BATCH) }, (_, i) => entries.slice(i * BATCH, (i + 1) * BATCH))

/**
 * @param {(dir: string) => Promise<Registry>} open
 * @param {string} dir
 * @param {readonly (readonly Entry[])[]} batches
 * @returns {Promise<Taken>}
 */
async function taken(open, dir, batches) {
  const registry = await open(dir)
  await registry.open()
  try {
    // What was made to be written is old by then: no collection of it falls into the measurement.
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const delays = monitorEventLoopDelay({ resolution: EVERY_MS })
    delays.enable()
    const began = performance.now()
    for (const batch of batches) await registry.append(batch)
    const ms = performance.now() - began
    delays.disable()
    return { perSecond: (batches.flat().length / ms) * 1000, ...beyond(delays) }
  } finally {
    await registry.close?.()
  }
}

async function idleDelays() {
  const delays = monitorEventLoopDelay({ resolution: EVERY_MS })
  delays.enable()
  await new Promise((resolve) => setTimeout(resolve, 300))
  delays.disable()
  return beyond(delays)
}

/** @param {import('node:perf_hooks').IntervalHistogram} delays */
const beyond = (delays) => ({
  p99Ms: Math.max(0, delays.percentile(99) / 1e6 - EVERY_MS),
  maxMs: Math.max(0, delays.max / 1e6 - EVERY_MS),
})

/**
 * The same rows into the same log table by the same library, a transaction per batch, on this loop.
 *
 * @param {readonly (readonly Entry[])[]} batches
 */
const rawInserts = (batches) =>
  inScratch(async (dir) => {
    const { loadSqlite: load } = await loadSqlite()
    const { DatabaseSync } = await load()
    const database = new DatabaseSync(path.join(dir, 'raw.db'))
    try {
      database.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
      database.exec(
        `CREATE TABLE log (supervisor_id TEXT, seq INTEGER, agent_id TEXT, name TEXT, incarnation INTEGER, from_state TEXT,
         to_state TEXT, event TEXT, at TEXT, pid INTEGER, entry TEXT, PRIMARY KEY (supervisor_id, seq))`,
      )
      const insert = database.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      const began = performance.now()
      for (const batch of batches) {
        database.exec('BEGIN')
        for (const entry of batch) {
          const { supervisorId, seq, agentId, name, incarnation, from, to, event, at, pid } = entry
          insert.run(supervisorId, seq, agentId, name, incarnation, from, to, event, at, pid ?? null, JSON.stringify(entry))
        }
        database.exec('COMMIT')
      }
      return (batches.flat().length / (performance.now() - began)) * 1000
    } finally {
      database.close()
    }
  })

/**
 * Writing ahead, for a durable registry: it happens on the loop, before any listener hears of the entry.
 *
 * @param {() => Entry[][]} batches
 * @param {number} times
 * @returns {Promise<Row>}
 */
async function spilled(batches, times) {
  const { SpillBacklog } = await loadSpill()
  const once = () =>
    inScratch(async (dir) => {
      const entries = batches().flat()
      const owner = { bootId: 'bench', pid: process.pid, startTime: 0 }
      const header = /** @type {const} */ ({ spill: 1, supervisorId: 'bench', owner, registry: null })
      const spill = new SpillBacklog(path.join(dir, 'spill.ndjson'), header, (cause) => {
        throw cause
      })
      const began = performance.now()
      for (const entry of entries) spill.push(entry)
      const us = ((performance.now() - began) * 1000) / entries.length
      await spill.close()
      return us
    })
  await once()
  /** @type {number[]} */
  const costs = []
  for (let i = 0; i < times; i += 1) costs.push(await once())
  return { what: 'written ahead on the loop, per entry', unit: 'µs', reeve: figure(costs) }
}

/** Entries into the registries, in batches as the journal gives them, and what the event loop feels meanwhile. */
/** @import { Benchmark, Row } from './types.ts' */
/** @import { Entry, Registry } from '../src/index.ts' */
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import {
  isBuilt,
  loadJsonFileRegistry,
  loadReeve,
  loadSpill,
  loadSqliteApi,
  loadSqliteRegistry,
} from './built.js'
import { entriesOf } from './entries.js'
import { figure, greatest, interleave } from './figures.js'
import { threadMs } from './processes.js'
import { inScratch } from './scratch.js'

const SIZES = /** @type {const} */ ({
  full: { entries: 42_000, times: 4 },
  quick: { entries: 14_000, times: 1 },
  tiny: { entries: 700, times: 1 },
})
/** As many as the journal gives at a time. */
const BATCH = 500
/** How often the loop is looked at; a turn that is on time shows as this much. */
const EVERY_MS = 1

/** @typedef {{ readonly p99Ms: number, readonly maxMs: number, readonly workMs: number }} Felt */
/** @typedef {{ readonly perSecond: number } & Felt} Taken */

/** @type {Benchmark} */
export const benchmark = {
  name: 'registries',
  about: `entries into registries, in batches of ${BATCH}`,
  async run(size) {
    const { entries: count, times } = SIZES[size]
    const { memoryRegistry } = await loadReeve()
    /** @type {string[]} */
    const notes = [
      'delays of the loop are beyond the timer that looks at them, others on the cores included; "longest turn" is the CPU time of the thread in one; raw: the loop, idle, in the same run',
    ]
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
      const raw = name !== 'memory' && isBuilt('src/registry/sqlite/api.js') ? rawInserts : undefined
      await inScratch((dir) => taken(open, dir, batches().slice(0, 10)))
      await raw?.(batches().slice(0, 10))
      const [ours, theirs] = await interleave(
        times,
        () => inScratch((dir) => taken(open, dir, batches())),
        () => raw?.(batches()) ?? 0,
      )
      const idle = await felt(() => new Promise((resolve) => setTimeout(resolve, 300)))
      rows.push({
        what: `${name}: entries`,
        unit: '/s',
        measured: figure(ours.map(({ perSecond }) => perSecond)),
        ...(raw && { raw: figure(theirs), rawIs: 'INSERTs in the same SQLite' }),
        // 100,000 a second where the raw loop makes 263,000.
        ...(name === 'sqlite' && { target: { of: 'ratio', atLeast: 0.38 } }),
      })
      rows.push({
        what: `${name}: loop delayed, p99`,
        unit: 'ms',
        measured: figure(ours.map(({ p99Ms }) => p99Ms)),
        raw: figure([idle.p99Ms]),
      })
      rows.push({
        what: `${name}: loop delayed, max`,
        unit: 'ms',
        measured: figure(ours.map(({ maxMs }) => maxMs)),
        raw: figure([idle.maxMs]),
      })
      rows.push({
        what: `${name}: longest turn, CPU`,
        unit: 'ms',
        measured: figure(
          ours.map(({ workMs }) => workMs),
          greatest,
        ),
        raw: figure([idle.workMs]),
        target: { of: 'value', atMost: 5 },
      })
    }
    if (isBuilt('src/registry/spill.js')) rows.push(await spilled(batches, times))
    return { rows, notes }
  },
}

/** @param {readonly Entry[]} entries */
const inBatches = (entries) =>
  Array.from({ length: Math.ceil(entries.length / BATCH) }, (_, i) =>
    entries.slice(i * BATCH, (i + 1) * BATCH),
  )

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
    let ms = 0
    const how = await felt(async () => {
      const began = performance.now()
      for (const batch of batches) await registry.append(batch)
      ms = performance.now() - began
    })
    return { perSecond: (batches.flat().length / ms) * 1000, ...how }
  } finally {
    await registry.close?.()
  }
}

/**
 * What the event loop feels while this is done.
 *
 * @param {() => Promise<unknown>} work
 * @returns {Promise<Felt>}
 */
async function felt(work) {
  const delays = monitorEventLoopDelay({ resolution: EVERY_MS })
  let workMs = 0
  let last = threadMs()
  const look = () => {
    const now = threadMs()
    workMs = Math.max(workMs, now - last)
    last = now
  }
  const timer = setInterval(look, EVERY_MS)
  delays.enable()
  await work()
  delays.disable()
  look()
  clearInterval(timer)
  const beyond = (/** @type {number} */ ns) => Math.max(0, ns / 1e6 - EVERY_MS)
  return { p99Ms: beyond(delays.percentile(99)), maxMs: beyond(delays.max), workMs }
}

/**
 * The same rows into the same log table by the same library, a transaction per batch, on this loop.
 *
 * @param {readonly (readonly Entry[])[]} batches
 */
const rawInserts = (batches) =>
  inScratch(async (dir) => {
    const { loadSqlite: load } = await loadSqliteApi()
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
          insert.run(
            supervisorId,
            seq,
            agentId,
            name,
            incarnation,
            from,
            to,
            event,
            at,
            pid ?? null,
            JSON.stringify(entry),
          )
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
  return { what: 'written ahead on the loop, per entry', unit: 'µs', measured: figure(costs) }
}

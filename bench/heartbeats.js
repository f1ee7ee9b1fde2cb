/** What a sign of life costs, and what ten thousand agents that beat once a second cost. */
/** @import { Benchmark, Row } from './types.ts' */
/** @import { Agent } from '../src/index.ts' */
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { loadClock, loadDeadlines, loadSupervisor } from './built.js'
import { cpuMsSince, figure, interleave } from './figures.js'
import { inScratch } from './scratch.js'
import { simulated } from './simulated.js'

const SIZES = /** @type {const} */ ({
  full: { agents: 10_000, beats: 200_000, times: 3, watchMs: 2_000, watches: 2 },
  quick: { agents: 2_000, beats: 30_000, times: 2, watchMs: 800, watches: 1 },
  tiny: { agents: 20, beats: 100, times: 1, watchMs: 50, watches: 1 },
})
const TICK_MS = 10

/** @type {Benchmark} */
export const benchmark = {
  name: 'heartbeats',
  about: 'signs of life',
  run: (size) =>
    inScratch(async (dir) => {
      const { agents: count, beats, times, watchMs, watches } = SIZES[size]
      const [{ superviseIn }, { Deadlines }, { realClock }] = await Promise.all([
        loadSupervisor(),
        loadDeadlines(),
        loadClock(),
      ])
      const { outside, report } = simulated()
      const deadlines = new Deadlines({
        clock: realClock,
        look: async () => [],
        stalled: () => {},
        expiring: () => {},
        expired: () => {},
      })
      const keys = Array.from({ length: count }, (_, i) => `agent-${i}.1`)
      /** @type {Map<string, { beatMs: number }>} */
      const stamps = new Map(keys.map((key) => [key, { beatMs: 0 }]))
      const stamp = (/** @type {number} */ i) => {
        const known = stamps.get(keys[i % count] ?? '')
        if (known) known.beatMs = performance.now()
      }
      // Before there is a supervisor: what the timers of this benchmark cost by themselves.
      await coreShare(stamp, count, watchMs / 4)
      /** @type {number[]} */
      const bare = []
      for (let i = 0; i < watches; i += 1) bare.push(await coreShare(stamp, count, watchMs))

      const reeve = await superviseIn(outside, { home: path.join(dir, 'home') })
      try {
        /** @type {Agent[]} */
        const agents = []
        for (let i = 0; i < count; i += 1) {
          agents.push(reeve.spawn({ command: ['agent'] }))
          if (i % 100 === 99) await agents.at(-1)?.ready
        }
        await Promise.all(agents.map((agent) => agent.ready))
        const lives = agents.map(({ id: agentId }) => ({ agentId, incarnation: 1 }))
        const policy = { timeoutMs: 120_000, maxWaitMs: 86_400_000, sources: [] }
        for (let i = 0; i < count; i += 1) deadlines.watch({ agentId: `agent-${i}`, incarnation: 1 }, policy)
        /** @type {readonly (readonly [what: string, beat: (i: number) => unknown, target?: number])[]} */
        const ways = [
          ['the stamp (Deadlines.beat)', (i) => deadlines.beat(keys[i % count] ?? ''), 0.5],
          [
            'a beat from a report file, once it is read',
            (i) => report(lives[i % count] ?? lives[0] ?? NOBODY, i),
            0.5,
          ],
          ['agent.heartbeat()', (i) => agents[i % count]?.heartbeat(), 0.5],
          [
            "supervisor.actor.send({type: 'HEARTBEAT'})",
            (i) => reeve.actor.send({ type: 'HEARTBEAT', agentId: lives[i % count]?.agentId ?? '' }),
          ],
        ]
        const rawIs = 'a Map and a stamp'
        /** @type {Row[]} */
        const rows = []
        for (const [what, beat, target] of ways) {
          await costUs(beat, beats / 10)
          await costUs(stamp, beats / 10)
          const [ours, theirs] = await interleave(
            times,
            () => costUs(beat, beats),
            () => costUs(stamp, beats),
          )
          rows.push({
            what,
            unit: 'µs',
            measured: figure(ours),
            raw: figure(theirs),
            rawIs,
            ...(target && { target: { of: 'value', atMost: target } }),
          })
        }

        deadlines.close()
        /** @type {number[]} */
        const beaten = []
        for (let i = 0; i < watches; i += 1)
          beaten.push(await coreShare((each) => report(lives[each] ?? NOBODY, each), count, watchMs))
        const beyond = figure(beaten).value - figure(bare).value
        rows.push({
          what: `${count.toLocaleString('en')} agents, a beat a second each`,
          unit: '% core',
          measured: figure(beaten),
          raw: figure(bare),
          rawIs: 'the timers alone',
        })
        rows.push({
          what: '  beyond the timers',
          unit: '% core',
          measured: { ...figure(beaten), value: beyond, low: beyond, high: beyond },
          target: { of: 'value', atMost: 2 },
        })
        return { rows, notes: ['µs and shares of a core are CPU time'] }
      } finally {
        deadlines.close()
        await reeve.stop({ timeout: '20s' })
      }
    }),
}

const NOBODY = { agentId: 'nobody', incarnation: 0 }

/**
 * CPU time of one, in slices: the loop turns in between, as it would.
 *
 * @param {(i: number) => unknown} beat
 * @param {number} count
 */
async function costUs(beat, count) {
  let usedMs = 0
  for (let i = 0; i < count; ) {
    const cpu = process.cpuUsage()
    for (const end = Math.min(count, i + 10_000); i < end; i += 1) beat(i)
    usedMs += cpuMsSince(cpu)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return (usedMs * 1000) / count
}

/**
 * The share of a core that this process uses while each of `count` beats once a second, a hundredth of them every 10 ms.
 *
 * @param {(i: number) => unknown} beat
 * @param {number} count
 * @param {number} ms
 */
async function coreShare(beat, count, ms) {
  globalThis.gc?.()
  let next = 0
  const cpu = process.cpuUsage()
  const began = performance.now()
  for (let now = began; now - began < ms; now = performance.now()) {
    const due = ((now - began) / 1000) * count
    for (; next < due; next += 1) beat(next % count)
    await pause(TICK_MS)
  }
  return (cpuMsSince(cpu) / (performance.now() - began)) * 100
}

/** A check-up of a thousand agents; raw: reading the stat of every process of the machine, in this process. */
/** @import { Benchmark } from './types.ts' */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { loadReeve } from './built.js'
import { cpuMsSince, figure, interleave, p } from './figures.js'
import { inScratch } from './scratch.js'

const SIZES = /** @type {const} */ ({
  full: { agents: 1_000, times: 20 },
  quick: { agents: 300, times: 8 },
  tiny: { agents: 5, times: 2 },
})

/** @type {Benchmark} */
export const benchmark = {
  name: 'vitals',
  about: 'a check-up of all agents',
  run: (size) =>
    inScratch(async (dir) => {
      const { agents, times } = SIZES[size]
      const { createSupervisor } = await loadReeve()
      const reeve = await createSupervisor({
        home: path.join(dir, 'home'),
        defaults: { heartbeat: false, stop: [] },
      })
      try {
        for (let i = 0; i < agents; i += 100) {
          const some = Array.from({ length: Math.min(100, agents - i) }, () =>
            reeve.spawn({ command: ['sleep', '1000'] }),
          )
          await Promise.all(some.map((agent) => agent.ready))
        }
        const launcher = parentOf(reeve.list()[0]?.pid ?? 0)
        /** @type {number[]} */
        const cpuMs = []
        const ours = async () => {
          const cpu = process.cpuUsage()
          const began = performance.now()
          const all = await reeve.health()
          const ms = performance.now() - began
          cpuMs.push(cpuMsSince(cpu))
          if (all.length !== agents || all.some(({ processes }) => processes !== 1))
            throw new Error(`${all.length} of ${agents} agents were seen, or not as they are`)
          return ms
        }
        await ours()
        await ours()
        cpuMs.length = 0
        const usedMs = cpuMsOf(launcher)
        const rawCpu = process.cpuUsage()
        const [looks, passes] = await interleave(times, ours, rawPass)
        const theirCpuMs = cpuMsSince(rawCpu) - cpuMs.reduce((sum, each) => sum + each, 0)
        const perPass = (/** @type {number} */ ms) => figure([ms / times])
        const count = agents.toLocaleString('en')
        const rawIs = 'readdir, and each stat'
        return {
          rows: [
            {
              what: `health() of ${count} agents`,
              unit: 'ms',
              measured: figure(looks),
              raw: figure(passes),
              rawIs,
              target: { of: 'value', atMost: 100 },
            },
            {
              what: '  p90',
              unit: 'ms',
              measured: figure(looks, p(0.9)),
              raw: figure(passes, p(0.9)),
              rawIs,
            },
            {
              what: '  CPU of the launcher, a pass',
              unit: 'ms',
              measured: perPass(cpuMsOf(launcher) - usedMs),
              raw: perPass(theirCpuMs),
              rawIs,
            },
            { what: '  CPU of the supervisor', unit: 'ms', measured: figure(cpuMs) },
          ],
          notes: [`${readdirSync('/proc').filter(Number).length} processes on the machine`],
        }
      } finally {
        await reeve.stop({ timeout: '20s' })
      }
    }),
}

/** @param {number} pid */
const statOf = (pid) => {
  const line = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return line
    .slice(line.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
}
/** @param {number} pid */
const parentOf = (pid) => statOf(pid)[1] ?? 0
/** In clock ticks of 10 ms: over many passes that is enough. @param {number} pid */
const cpuMsOf = (pid) => ((statOf(pid)[11] ?? 0) + (statOf(pid)[12] ?? 0)) * 10

function rawPass() {
  const began = performance.now()
  for (const pid of readdirSync('/proc').filter(Number)) {
    try {
      readFileSync(`/proc/${pid}/stat`)
    } catch {
      // Gone in between.
    }
  }
  return performance.now() - began
}

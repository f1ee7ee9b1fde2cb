/** The same, by Reeve, as a user has it: a supervisor with its launcher, a home, a registry in memory. */
/** @import { Agent, Entry } from '../../src/index.ts' */
/** @import { Blocked, Crew, Killed } from '../types.ts' */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadReeve } from '../built.js'
import { cpuMsSince } from '../figures.js'
import { moment, untilAllRun } from '../processes.js'

/** @returns {Promise<Crew>} */
export async function openCrew() {
  const { createSupervisor } = await loadReeve()
  const dir = mkdtempSync(path.join(process.env.REEVE_BENCH_HOMES ?? tmpdir(), 'reeve-bench-'))
  const reeve = await createSupervisor({
    home: path.join(dir, 'home'),
    defaults: { restart: { backoff: { initial: 0 }, intensity: false } },
  })
  /** @type {Agent[]} */
  let agents = []
  const pidOf = (/** @type {Agent} */ { pid }) => pid ?? 0
  let names = 0
  /**
   * @param {readonly [string, ...string[]]} command
   * @param {'permanent' | 'temporary'} restart
   */
  const spawn = (command, restart = 'temporary') => {
    const agent = reeve.spawn({ name: `agent-${++names}`, command: [...command], restart })
    agents.push(agent)
    return agent
  }

  /**
   * @param {Agent} agent
   * @param {(entry: Entry) => boolean} is
   */
  const told = (agent, is) =>
    new Promise((resolve) => {
      const off = agent.on('transition', (entry) => {
        if (!is(entry)) return
        off()
        resolve(moment())
      })
    })

  async function clear() {
    await reeve.kill({ all: true })
    agents = []
  }

  return {
    async start(command, count) {
      const cpu = process.cpuUsage()
      const began = moment()
      const started = Array.from({ length: count }, () => spawn(command))
      await Promise.all(started.map((agent) => agent.ready))
      return { ms: moment() - began, cpuMs: cpuMsSince(cpu), pids: started.map(pidOf) }
    },

    async block(command, count) {
      /** @type {Blocked[]} */
      const blocked = []
      for (let i = 0; i < count; i += 1) {
        const cpu = process.cpuUsage()
        const began = moment()
        const agent = spawn(command)
        // Behind what spawn() put off to the end of this turn: the write to the launcher.
        await new Promise((resolve) => process.nextTick(resolve))
        blocked.push({ ms: moment() - began, cpuMs: cpuMsSince(cpu) })
        await agent.ready
      }
      return blocked
    },

    async kill(count, again) {
      /** @type {Killed[]} */
      const killed = []
      const victims = again
        ? [spawn(['sleep', '60'], 'permanent')]
        : Array.from({ length: count }, () => spawn(['sleep', '60']))
      await Promise.all(victims.map((agent) => agent.ready))
      for (let i = 0; i < count; i += 1) {
        const victim = victims[i % victims.length]
        if (victim === undefined) throw new Error('there is nobody to kill')
        const { pid: former, incarnation } = victim
        const exit = told(victim, () => reeve.list({ name: victim.name }).every((record) => !record.alive))
        const back = again && told(victim, ({ to, incarnation: of }) => to === 'running' && of > incarnation)
        const began = moment()
        process.kill(former ?? 0, 'SIGKILL')
        const knownMs = (await exit) - began
        killed.push({ knownMs, backMs: back ? (await back) - began : knownMs })
      }
      await clear()
      return killed
    },

    async stop(graceMs) {
      const all = agents
      await untilAllRun(all.map(pidOf), 'sleep')
      /** @type {Record<'term' | 'kill' | 'exit', number[]>} */
      const at = { term: [], kill: [], exit: [] }
      const offs = [
        reeve.on('note', ({ event, evidence }) => {
          if (event === 'rung') at[evidence?.signal === 'SIGKILL' ? 'kill' : 'term'].push(moment())
        }),
        reeve.on('transition', ({ to }) => {
          if (to === 'reaping') at.exit.push(moment())
        }),
      ]
      const pids = all.map(pidOf)
      const cpu = process.cpuUsage()
      const called = moment()
      const over = reeve.stop({ all: true }, { grace: graceMs })
      const returned = moment()
      await over
      const overAt = moment()
      const cpuMs = cpuMsSince(cpu)
      for (const off of offs) off()
      agents = []
      return {
        pids,
        called,
        returned,
        firstTerm: Math.min(...at.term),
        lastTerm: Math.max(...at.term),
        firstKill: Math.min(...at.kill),
        lastKill: Math.max(...at.kill),
        firstExit: Math.min(...at.exit),
        lastExit: Math.max(...at.exit),
        over: overAt,
        cpuMs,
      }
    },

    clear,

    async close() {
      try {
        await clear()
      } finally {
        await reeve.stop({ timeout: '5s' })
        rmSync(dir, { recursive: true, force: true })
      }
    },
  }
}

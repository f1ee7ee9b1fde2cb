/** `child_process` and nothing else: the limit that everything is held against. */
/** @import { Blocked, Crew, Killed } from '../types.ts' */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpuMsSince } from '../figures.js'
import { killAll, moment, untilAllRun } from '../processes.js'

/** @typedef {import('node:child_process').ChildProcess} Child */

/** @returns {Promise<Crew>} */
export async function openCrew() {
  /** @type {Set<Child>} */
  const children = new Set()
  const pidOf = (/** @type {Child} */ { pid }) => pid ?? 0
  process.once('exit', () => killAll([...children].map(pidOf)))

  /** @param {readonly [string, ...string[]]} command */
  function fork([program, ...args]) {
    const child = spawn(program, args, { stdio: 'ignore', detached: true })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }

  /** @param {NodeJS.Signals} signal */
  function signalAll(signal) {
    for (const child of children) process.kill(-pidOf(child), signal)
  }

  async function clear() {
    const gone = [...children].map((child) => once(child, 'exit'))
    killAll([...children].map(pidOf))
    await Promise.all(gone)
  }

  return {
    async start(command, count) {
      const cpu = process.cpuUsage()
      const began = moment()
      const started = Array.from({ length: count }, () => fork(command))
      await Promise.all(started.map((child) => once(child, 'spawn')))
      return { ms: moment() - began, cpuMs: cpuMsSince(cpu), pids: started.map(pidOf) }
    },

    async block(command, count) {
      /** @type {Blocked[]} */
      const blocked = []
      for (let i = 0; i < count; i += 1) {
        const cpu = process.cpuUsage()
        const began = moment()
        const started = once(fork(command), 'spawn')
        await new Promise((resolve) => process.nextTick(resolve))
        blocked.push({ ms: moment() - began, cpuMs: cpuMsSince(cpu) })
        await started
      }
      return blocked
    },

    async kill(count, again) {
      /** @type {Killed[]} */
      const killed = []
      const victims = Array.from({ length: again ? 1 : count }, () => fork(['sleep', '60']))
      await Promise.all(victims.map((child) => once(child, 'spawn')))
      for (let i = 0; i < count; i += 1) {
        const victim = victims[i % victims.length]
        if (victim === undefined) throw new Error('there is nobody to kill')
        const exited = once(victim, 'exit')
        const began = moment()
        process.kill(pidOf(victim), 'SIGKILL')
        await exited
        const known = moment()
        const next = again ? fork(['sleep', '60']) : undefined
        killed.push({ knownMs: known - began, backMs: moment() - began })
        if (next === undefined) continue
        victims[i % victims.length] = next
        await once(next, 'spawn')
      }
      await clear()
      return killed
    },

    async stop(graceMs) {
      const all = [...children]
      await untilAllRun(all.map(pidOf), 'sleep')
      /** @type {number[]} */
      const exits = []
      const gone = all.map(async (child) => {
        await once(child, 'exit')
        exits.push(moment())
      })
      const cpu = process.cpuUsage()
      const called = moment()
      signalAll('SIGTERM')
      const returned = moment()
      await new Promise((resolve) => setTimeout(resolve, graceMs))
      const firstKill = moment()
      signalAll('SIGKILL')
      const lastKill = moment()
      await Promise.all(gone)
      return {
        pids: all.map(pidOf),
        called,
        returned,
        firstTerm: called,
        lastTerm: returned,
        firstKill,
        lastKill,
        firstExit: Math.min(...exits),
        lastExit: Math.max(...exits),
        over: moment(),
        cpuMs: cpuMsSince(cpu),
      }
    },

    clear,
    close: clear,
  }
}

/**
 * Programs of others that do the same: pm2, supervisord, ports of Erlang/OTP. They are looked for (in `PATH`, and in the
 * folder that `REEVE_BENCH_PEERS` names, as `npm install --prefix` fills it), and left out where they are missing.
 *
 * All of them are watched from outside, in the same way: in `/proc`.
 */
/** @import { ChildProcess } from 'node:child_process' */
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { killAll, moment, pidsOf } from '../processes.js'
import { inScratch } from '../scratch.js'
import { erlang } from './erlang.js'
import { pm2 } from './pm2.js'
import { supervisord } from './supervisord.js'

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} program what has to be there
 * @property {(exec: string, dir: string, command: readonly string[], count: number) => Promise<Running>} open
 *
 * @typedef {object} Running
 * @property {() => unknown} start starts all; returns at once
 * @property {() => Promise<unknown>} close
 *
 * @typedef {{ readonly name: string, readonly startMs: number, readonly backMs: readonly number[] }} Measured
 */

/** @type {readonly Peer[]} */
const PEERS = [pm2, supervisord, erlang]
const LIMIT_MS = 20_000

/**
 * @param {number} count how many are started
 * @param {number} kills how many of them are killed and come back
 * @returns {Promise<{ measured: Measured[], notes: string[] }>}
 */
export async function measurePeers(count, kills) {
  /** @type {Measured[]} */
  const measured = []
  /** @type {string[]} */
  const notes = []
  for (const peer of PEERS) {
    const exec = found(peer.program)
    if (exec === undefined) notes.push(`${peer.name}: ${peer.program} is not installed, skipped`)
    else
      try {
        measured.push(await inScratch((dir) => measure(peer, exec, dir, count, kills)))
      } catch (error) {
        notes.push(`${peer.name}: ${error instanceof Error ? error.message : error}`)
      }
  }
  return { measured, notes }
}

/** @param {string} program */
function found(program) {
  const { PATH = '', REEVE_BENCH_PEERS: folder } = process.env
  const folders = [
    ...(folder ? [path.join(folder, 'node_modules', '.bin'), path.join(folder, 'bin')] : []),
    ...PATH.split(':'),
  ]
  return folders
    .map((each) => path.join(each, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/**
 * @param {Peer} peer
 * @param {string} exec
 * @param {string} dir
 * @param {number} count
 * @param {number} kills
 * @returns {Promise<Measured>}
 */
async function measure(peer, exec, dir, count, kills) {
  // Nobody else on this machine sleeps for exactly that long.
  const command = ['/bin/sleep', `100.${process.pid}`]
  const running = await peer.open(exec, dir, command, count)
  try {
    const began = moment()
    running.start()
    const pids = await until(() => pidsOf(command).length === count && pidsOf(command), `${count} run`)
    const startMs = moment() - began
    /** @type {number[]} */
    const backMs = []
    // Not in its first second: some take an early end for a failure.
    await pause(1_200)
    for (const pid of pids.slice(0, kills)) backMs.push(await back(pid, command))
    return { name: peer.name, startMs, backMs }
  } finally {
    await running.close()
    killAll(pidsOf(command))
  }
}

/**
 * From SIGKILL until another process runs the same command.
 *
 * @param {number} pid
 * @param {readonly string[]} command
 */
async function back(pid, command) {
  const before = new Set(readdirSync('/proc'))
  const wanted = `${command.join('\0')}\0`
  const began = moment()
  process.kill(pid, 'SIGKILL')
  await until(
    () =>
      readdirSync('/proc').some((each) => {
        if (before.has(each) || !(Number(each) > 0)) return false
        try {
          return readFileSync(`/proc/${each}/cmdline`, 'latin1') === wanted
        } catch {
          return false
        }
      }),
    'the killed one is back',
  )
  return moment() - began
}

/**
 * @template T
 * @param {() => T} condition
 * @param {string} what
 * @returns {Promise<Exclude<T, false>>}
 */
async function until(condition, what) {
  for (const end = moment() + LIMIT_MS; ; await pause(1)) {
    const value = condition()
    if (value !== false) return /** @type {Exclude<T, false>} */ (value)
    if (moment() > end) throw new Error(`not within ${LIMIT_MS / 1000} s: ${what}`)
  }
}

/** @param {ChildProcess} child */
export async function ended(child) {
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((resolve) => child.once('exit', resolve))
}

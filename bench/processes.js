/** What `/proc` says, and the machine's monotonic clock. */
import { openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** Milliseconds of `CLOCK_MONOTONIC`: the same clock in every process of the machine. */
export const moment = () => Number(process.hrtime.bigint() / 1000n) / 1000

/** @type {number | undefined} */
let schedstat
const scratch = Buffer.alloc(128)

/**
 * CPU time of this process's main thread, in milliseconds: what the loop itself did. Waiting for a core that others hold
 * counts on the clock, and not here. Exact whenever the thread had waited for something, else some milliseconds old.
 */
export function threadMs() {
  schedstat ??= openSync('/proc/self/schedstat', 'r')
  return (
    Number.parseInt(scratch.toString('latin1', 0, readSync(schedstat, scratch, 0, scratch.length, 0)), 10) /
    1e6
  )
}

/** @param {number} pid */
function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const end = stat.lastIndexOf(')')
    return { program: stat.slice(stat.indexOf('(') + 1, end), rest: stat.slice(end + 2).split(' ') }
  } catch {
    return undefined
  }
}

/**
 * A zombie is dead.
 *
 * @param {number} pid
 */
export function isAlive(pid) {
  const state = statOf(pid)?.rest[0]
  return state !== undefined && !'ZXx'.includes(state)
}

/** @param {number} pid */
export const programOf = (pid) => statOf(pid)?.program

/**
 * Until all of these run this program: what a shell that execs it was told before is in force then.
 *
 * @param {readonly number[]} pids
 * @param {string} program
 */
export async function untilAllRun(pids, program) {
  for (const untilMs = moment() + 20_000; !pids.every((pid) => programOf(pid) === program); await pause(5))
    if (moment() > untilMs) throw new Error(`not all of ${pids.length} processes came to run ${program}`)
}

/**
 * Live processes whose command line is exactly this.
 *
 * @param {readonly string[]} command
 */
export function pidsOf(command) {
  const wanted = `${command.join('\0')}\0`
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!(pid > 0)) return false
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === wanted && isAlive(pid)
      } catch {
        return false
      }
    })
}

/**
 * Ends exactly these, whatever becomes of the rest of the machine.
 *
 * @param {Iterable<number>} pids
 */
export function killAll(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
}

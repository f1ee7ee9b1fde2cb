/**
 * The helper process: `node launcher-host.cjs launcher <home> <launcherId>`. It listens on a socket in the home, says
 * so with one byte on descriptor 3, serves one supervisor at a time, and outlives it: when the connection ends, by
 * whatever means, each life goes by its own terms, and it leaves when nothing is left to keep.
 *
 * It is started detached, its output appended to its log; nothing but its own decision ends it, SIGKILL aside.
 */
import { execFile } from 'node:child_process'
import { chmodSync, closeSync, rmSync, statSync, writeSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { realClock, timestamp } from '../clock.ts'
import { errnoOf, messageOf } from '../errors.ts'
import { clearLeftovers } from './clear-leftovers.ts'
import { leaveAgentsGroup } from './control-groups.ts'
import { HostedSupervisor } from './hosted-supervisor.ts'
import { Household } from './household.ts'
import { launcherLog, socketPath } from './launcher-files.ts'
import { openBook } from './open-book.ts'
import { inheritableDescriptors } from './proc.ts'
import { homeRemover } from './remove-home.ts'

/** Nobody came: whoever started this launcher is gone. */
const CONNECT_WITHIN_MS = 10_000
/** A connection that does not greet is not our supervisor. */
const GREET_WITHIN_MS = 5_000
/** Homes that others left are looked at when the start is over. */
const CLEAR_AFTER_MS = 1_000
const READY_FD = 3
/** None of these ends a launcher: its agents would lose the only one who waits for them. */
const LOGGED_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR2'] as const

const log = (message: string): void => {
  try {
    writeSync(2, `${timestamp(realClock)} ${message}\n`)
  } catch (error) {
    // The log is full or gone; the agents matter more. Anything else is a fault of ours.
    if (errnoOf(error) === undefined) throw error
  }
}

/**
 * As a batch task it no longer preempts the supervisor that wakes it by a request: of 1,000 spawns 9 instead of 226 then
 * held the supervisor's loop for more than 0.8 ms. Its agents are ordinary tasks again. Where `chrt` (util-linux) is
 * missing, or not allowed, all goes on without.
 */
function yieldToWakers(): void {
  execFile('chrt', ['--batch', '--reset-on-fork', '--pid', '0', String(process.pid)], (error) => {
    if (error) log(`not made a batch task: ${error.message}`)
  })
}

/** Whoever started us may be an agent, and what it started is killed with it. */
function leaveGroup(): void {
  try {
    leaveAgentsGroup()
  } catch (error) {
    log(`the agent's control group that this runs in could not be left: ${messageOf(error)}`)
  }
}

function main([word, home, launcherId]: readonly (string | undefined)[]): void {
  if (word !== 'launcher' || home === undefined || launcherId === undefined)
    throw new Error(
      'usage: launcher-host launcher <home> <launcherId>; it is started by a supervisor, not by hand',
    )

  for (const signal of LOGGED_SIGNALS) process.on(signal, () => log(`${signal} was ignored`))
  process.on('uncaughtException', (error) => log(`fault: ${error.stack ?? error.message}`))
  for (const name of Object.keys(process.env)) if (name.startsWith('REEVE_')) delete process.env[name]
  for (const fd of inheritableDescriptors(READY_FD)) closeSync(fd)
  leaveGroup()
  yieldToWakers()

  const socket = socketPath(home, launcherId)
  const removeHome = homeRemover(home)

  const leave = (mayRemoveHome: boolean): void => {
    try {
      rmSync(socket.path, { force: true })
      const logFile = launcherLog(home, launcherId)
      if (statSync(logFile, { throwIfNoEntry: false })?.size === 0) rmSync(logFile)
      if (mayRemoveHome) removeHome()
    } catch (error) {
      log(`not everything could be removed: ${messageOf(error)}`)
    }
    // Whatever may listen for it must not keep us.
    process.removeAllListeners('exit')
    process.exit()
  }

  const household = new Household({
    launcherId,
    book: openBook({ home, launcherId, clock: realClock, warning: log }),
    log,
    leave,
    clear: (folder) => {
      realClock.setTimeout(() => void clearLeftovers({ folder, except: home, log }), CLEAR_AFTER_MS)
    },
  })

  const lonely = realClock.setTimeout(() => {
    log(`nobody connected within ${CONNECT_WITHIN_MS / 1000} s; leaving`)
    household.leaveUnserved()
  }, CONNECT_WITHIN_MS)

  const server = createServer((connection: Socket) => {
    const impatience = realClock.setTimeout(() => connection.destroy(), GREET_WITHIN_MS)
    connection.once('close', () => realClock.clearTimeout(impatience))
    new HostedSupervisor(connection, household, () => {
      realClock.clearTimeout(lonely)
      realClock.clearTimeout(impatience)
    })
  })
  server.on('error', (error) => {
    log(`cannot listen on ${socket.path}: ${error.message}`)
    process.exit(1)
  })
  const umask = process.umask(0o177)
  server.listen(socket.address, () => {
    process.umask(umask)
    chmodSync(socket.path, 0o600)
    writeSync(READY_FD, '.')
    closeSync(READY_FD)
  })
}

main(process.argv.slice(2))

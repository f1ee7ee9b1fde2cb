/** Starts the launcher's process, and waits until it listens. */
import type { ChildProcess } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../clock.ts'
import { errnoOf, messageOf, ReeveError } from '../errors.ts'
import { LATE, within } from './deadline.ts'
import { spawnDetached } from './detached.ts'
import { scrubbed } from './launch.ts'
import { launcherLog } from './launcher-files.ts'

export interface HelperOptions {
  readonly home: string
  /** Of this process, not of the supervisor: each one started has its own socket and log. */
  readonly launcherId: string
  readonly exec: string | undefined
  readonly clock: Clock
}

const HOST = fileURLToPath(new URL('./launcher-host.cjs', import.meta.url))
/** A Node process is up after 40–80 ms; a machine under load may take its time. */
const START_WITHIN_MS = 10_000
const TAIL_BYTES = 2000

export async function startHelper(options: HelperOptions): Promise<ChildProcess> {
  const { home, launcherId, exec = process.execPath, clock } = options
  const args = ['--v8-pool-size=0', HOST, 'launcher', home, launcherId]
  const logFile = launcherLog(home, launcherId)
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW
  let log: number | undefined
  try {
    log = openSync(logFile, flags, 0o600)
    const start = fstatSync(log).size
    // Certificates are read when Node starts, 50 ms for those of a system; nothing here speaks TLS. Agents get them all the same.
    const { NODE_OPTIONS: _options, NODE_EXTRA_CA_CERTS: _certificates, ...env } = scrubbed(process.env)
    const child = spawnDetached({ exec, args, env, log })
    const wrong = await within(clock, failureToListen(child), START_WITHIN_MS)
    if (wrong === undefined) return child
    child.kill('SIGKILL')
    const why = wrong === LATE ? `it did not listen within ${START_WITHIN_MS / 1000} s` : wrong
    throw new Error(`${why}\n${tailOf(log, start)}`.trimEnd())
  } catch (error) {
    throw new ReeveError(
      'launcher_failed',
      `The launcher could not be started: ${messageOf(error)}\n` +
        `What was run: ${[exec, ...args].join(' ')} (its log: ${logFile}). ` +
        'Check that the home can be written and that `launcher.exec` is a Node binary; ' +
        "`launcher: 'inline'` does without the process.",
      { cause: error, ...(errnoOf(error) !== undefined && { errno: errnoOf(error) as string }) },
    )
  } finally {
    if (log !== undefined) closeSync(log)
  }
}

/** `undefined` once it listens; else why it never will. */
function failureToListen(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(`it ended at once (${signal ?? `exit code ${code}`})`))
    const ready = child.stdio[3] as Socket | null | undefined
    // It is closed without a byte only by one that ends, which says more.
    ready?.once('error', () => {})
    ready?.once('data', () => {
      ready.destroy()
      resolve(undefined)
    })
    ready?.unref()
  })
}

function tailOf(log: number, start: number): string {
  const end = fstatSync(log).size
  const from = Math.max(start, end - TAIL_BYTES)
  const buffer = Buffer.alloc(end - from)
  return buffer.toString('utf8', 0, readSync(log, buffer, 0, buffer.length, from))
}

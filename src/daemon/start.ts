/** Starting a daemon in the background, whoever else does so at the same moment: there is one in the end. */
import { closeSync, constants, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { realClock } from '../clock.ts'
import { within } from '../deferred.ts'
import { ReeveError } from '../errors.ts'
import { ownFolder } from '../home.ts'
import { spawnDetached } from '../process/detached.ts'
import { scrubbed } from '../process/launch.ts'
import { parseStrictly } from '../strict.ts'
import { errorFromWire, isWireError } from '../wire.ts'
import { claimStart } from './claim.ts'
import { type DaemonOptions, daemonOptionsSchema } from './daemon-options.ts'
import { daemonLog, setAside } from './log.ts'
import { type DaemonStatus, findDaemon, homeOf } from './reach.ts'

const HOST = fileURLToPath(new URL('./daemon-host.js', import.meta.url))
/** A daemon is up after 0.3 s; one that has much to recover, on a machine under load, may take its time. */
const START_LIMIT_MS = 60_000
/** The home is locked: by another that starts or stops, and in the end is found or gone. */
const LOCKED_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 50
const TRY_EVERY_MS = 1_000

export interface Started {
  readonly daemon: DaemonStatus
  /** `false`: it ran already. */
  readonly started: boolean
}

/**
 * Returns once a daemon answers in this home: the one that ran already, or a new one, which holds none of this
 * process's descriptors, outlives it, and is where the user's shell cannot reach it. The options are those of a new one.
 *
 * @throws ReeveError `invalid_spec`, `home_unusable`, `home_locked` when a supervisor that is no daemon has the home,
 * `daemon_failed`, `registry_unavailable`, `registry_corrupt`, `launcher_failed`, `platform_unsupported`
 */
export async function startDaemon(options: DaemonOptions = {}): Promise<Started> {
  parseStrictly(daemonOptionsSchema, options, 'daemon')
  const home = homeOf(options.home)
  ownFolder(home)
  let untilMs = realClock.now() + LOCKED_LIMIT_MS
  let triedAtMs = Number.NEGATIVE_INFINITY
  for (;;) {
    const daemon = await findDaemon(home)
    if (daemon && !daemon.stopping) return { daemon, started: false }
    const nowMs = realClock.now()
    // It ends within a time of its own.
    if (daemon) untilMs = nowMs + LOCKED_LIMIT_MS
    const giveBack = !daemon && nowMs - triedAtMs >= TRY_EVERY_MS ? claimStart(home) : undefined
    if (giveBack) {
      triedAtMs = nowMs
      const refusal = await launch(home, options).finally(giveBack)
      const started = refusal ? undefined : await findDaemon(home)
      if (started) return { daemon: started, started: true }
      if (refusal && (refusal.code !== 'home_locked' || nowMs >= untilMs)) throw refusal
    }
    if (nowMs >= untilMs + TRY_EVERY_MS)
      throw new ReeveError(
        'daemon_failed',
        `the daemon of ${home} does not answer. Its log: ${daemonLog(home)}`,
      )
    await within(new Promise(() => {}), LOOK_EVERY_MS, realClock)
  }
}

/** `undefined` once it answers; else why it never will. */
async function launch(home: string, { home: _, ...options }: DaemonOptions): Promise<ReeveError | undefined> {
  setAside(home)
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const log = openSync(daemonLog(home), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  try {
    const args = [HOST, 'daemon', home, JSON.stringify(options)]
    const child = spawnDetached({ exec: process.execPath, args, env: scrubbed(process.env), log })
    const said: ReeveError[] = []
    const answer = new Promise<void>((resolve) => {
      const fail = (why: string) => {
        said.push(
          new ReeveError(
            'daemon_failed',
            `the daemon could not be started: ${why}. Its log: ${daemonLog(home)}`,
          ),
        )
        resolve()
      }
      const pipe = child.stdio[3] as Socket
      let text = ''
      child.once('error', (error) => fail(error.message))
      child.once('close', (code, signal) => fail(`it ended at once (${signal ?? `exit code ${code}`})`))
      pipe.setEncoding('utf8')
      // It is closed without a word only by one that ends, which says more.
      pipe.on('error', () => {})
      pipe.on('data', (chunk: string) => {
        text += chunk
        if (!text.endsWith('\n')) return
        const word: unknown = JSON.parse(text)
        if (isWireError(word)) said.push(errorFromWire(word))
        pipe.destroy()
        resolve()
      })
    })
    if (await within(answer, START_LIMIT_MS, realClock)) return said[0]
    child.kill('SIGKILL')
    return new ReeveError(
      'daemon_failed',
      `the daemon did not answer within ${START_LIMIT_MS / 1000} s. Its log: ${daemonLog(home)}`,
    )
  } finally {
    closeSync(log)
  }
}

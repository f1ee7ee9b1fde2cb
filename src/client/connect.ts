/** Finding a daemon and speaking with it. */
import { realClock } from '../clock.ts'
import { lives, livingMarker } from '../daemon/marker.ts'
import { type DaemonStatus, homeOf } from '../daemon/reach.ts'
import { readHomeToken } from '../daemon/tokens.ts'
import { type Duration, durationMs } from '../duration.ts'
import { ReeveError } from '../errors.ts'
import { checkFolder } from '../home.ts'
import { VERSION, WIRE_VERSION } from '../version.ts'
import { ReeveClient } from './client.ts'
import { mismatch, type Target, Transport } from './transport.ts'

export interface ConnectOptions {
  /** The daemon's home. Default: the user's (`$REEVE_HOME`, else `$XDG_STATE_HOME/reeve`, else `~/.local/state/reeve`). */
  readonly home?: string
  /** Over loopback in place of the socket: `http://127.0.0.1:PORT`. */
  readonly url?: string
  /** For `url`. Default: what the file `token` in the home says. */
  readonly token?: string
  /** How long streams and waits go on for a daemon that is away. Default `30s`. */
  readonly patience?: Duration
  /** Told of once, when the daemon is of another version that speaks the same words. Default: a Node warning. */
  readonly onVersion?: (message: string) => void
  /** Told of once, when the daemon cannot record what happens: a full disk, most often. Default: nobody. */
  readonly onTrouble?: (message: string) => void
}

/** After its last answer a daemon's process is gone within a second or two. */
const GONE_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 10

/**
 * A client of the daemon that runs in the home, once it has answered.
 *
 * @throws ReeveError `daemon_not_running`, `version_mismatch`, `home_unusable`, `unauthorized`, `invalid_spec`
 */
export async function connect(options: ConnectOptions = {}): Promise<ReeveClient> {
  const home = homeOf(options.home)
  const find = options.url === undefined ? () => inHome(home) : overLoopback(options.url, home, options.token)
  const where = options.url ?? home
  const patienceMs = durationMs(options.patience ?? '30s', 'patience')
  let told = false
  const met = (version: string) => {
    if (version === VERSION || told) return
    told = true
    if (options.onVersion) options.onVersion(mismatch(version))
    else process.emitWarning(mismatch(version), { type: 'ReeveWarning', code: 'version_mismatch' })
  }
  const transport = new Transport(find, where, met)
  const client = new ReeveClient({ transport, patienceMs, departure: () => departureFrom(home, options.url) })
  const { wireVersion, version, trouble }: DaemonStatus = await client.status()
  if (wireVersion === WIRE_VERSION) {
    if (trouble) options.onTrouble?.(trouble)
    return client
  }
  client.close()
  throw new ReeveError('version_mismatch', mismatch(version))
}

function inHome(home: string): Target {
  const marker = checkFolder(home) ? livingMarker(home) : undefined
  const { REEVE_SOCKET, REEVE_TOKEN } = process.env
  // Within an agent: what it asks of its own daemon is asked by it.
  const own = marker?.socket === REEVE_SOCKET && REEVE_TOKEN !== undefined && { token: REEVE_TOKEN }
  if (marker) return { socketPath: marker.socket, ...own }
  throw new ReeveError('daemon_not_running', `no daemon runs in ${home}. Start one: reeve up -d`)
}

function overLoopback(text: string, home: string, token: string | undefined): () => Target {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' || url.port === '')
    throw new ReeveError(
      'invalid_spec',
      `url: ${JSON.stringify(text)} must be like "http://127.0.0.1:7410"`,
      { field: 'url' },
    )
  const target = { host: url.hostname, port: Number(url.port), token: token ?? readHomeToken(home) }
  return () => target
}

/** The home can be taken by another once the process that had it is gone. */
function departureFrom(home: string, url: string | undefined): () => Promise<void> {
  const marker = url === undefined ? livingMarker(home) : undefined
  return async () => {
    const untilMs = realClock.now() + GONE_LIMIT_MS
    while (marker && lives(marker) && realClock.now() < untilMs)
      await new Promise<void>((resolve) => {
        // Someone waits for it: the loop is held.
        const timer = realClock.setTimeout(resolve, LOOK_EVERY_MS) as NodeJS.Timeout
        timer.ref()
      })
  }
}

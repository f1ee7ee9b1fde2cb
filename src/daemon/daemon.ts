/** The daemon: one supervisor in a home, found by everyone of this user, from any directory, until it is asked to end. */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { realClock, timestamp } from '../clock.ts'
import { within } from '../deferred.ts'
import { durationMs } from '../duration.ts'
import { messageOf, ReeveError } from '../errors.ts'
import { ownFolder } from '../home.ts'
import { lockHome } from '../home-lock.ts'
import { realOutside } from '../outside.ts'
import { identify } from '../process/identity.ts'
import { sqliteRegistry } from '../registry/sqlite.ts'
import type { StopSupervisorOptions, StopSupervisorResult } from '../shutdown.ts'
import { parseStrictly } from '../strict.ts'
import { type Supervisor, superviseIn } from '../supervisor.ts'
import { VERSION, WIRE_VERSION } from '../version.ts'
import { type ConnectedFile, connectedFile } from './connected.ts'
import { type DaemonOptions, daemonOptionsSchema } from './daemon-options.ts'
import type { Door } from './guard.ts'
import { housekeeping } from './housekeeping.ts'
import { listener, Traffic } from './listener.ts'
import { type DaemonMarker, removeMarker, writeMarker } from './marker.ts'
import { type DaemonStatus, homeOf } from './reach.ts'
import type { Served } from './route.ts'
import { daemonSocket, listenOn } from './socket.ts'
import { agentToken, homeToken } from './tokens.ts'
import { Turns } from './turns.ts'

/** Streams of entries, warnings and logs that are open at once. */
export const MAX_STREAMS = 1_000
/** The worker of the registry takes 64 requests at once. */
const READS_AT_ONCE = 8
/** Who does not read is cut off after this. */
const SLOW_AFTER_MS = 30_000
/** The last answers are out by then. */
const LAST_WORDS_MS = 1_000
/** The registry is tried again every second, or after the 5 s that one attempt may take: silent for longer, it is back. */
const FAILURE_LASTS_MS = 7_000

export interface Daemon {
  /** The supervisor that it serves. */
  readonly reeve: Supervisor
  status(): DaemonStatus
  /** Ends every agent in reverse order, then the daemon. Idempotent. */
  stop(options?: StopSupervisorOptions): Promise<StopSupervisorResult>
  /**
   * Settles when all is over and the last answers are out, however it came to that. Then leave by `process.exit()`:
   * sockets are never closed, for that could unlink those of a successor.
   */
  readonly stopped: Promise<StopSupervisorResult>
}

/**
 * Runs a daemon in this process, and returns once it answers. Nobody else may run on the home.
 *
 * @param log a line for the daemon's own log: warnings, failing sinks, faults.
 * @throws ReeveError `invalid_spec`, `home_unusable`, `home_locked`, `daemon_failed`, `registry_unavailable`,
 * `registry_corrupt`, `launcher_failed`, `platform_unsupported`
 */
export async function runDaemon(
  options: DaemonOptions = {},
  log: (line: string) => void = () => {},
  { slowAfterMs = SLOW_AFTER_MS }: { readonly slowAfterMs?: number } = {},
): Promise<Daemon> {
  parseStrictly(daemonOptionsSchema, options, 'daemon')
  const home = homeOf(options.home)
  ownFolder(home)
  const { retention = '7d', port, admission } = options
  const retentionMs = retention === false ? null : durationMs(retention, 'retention')
  const socket = daemonSocket(home)
  const startedAt = timestamp(realClock)
  const traffic = new Traffic()
  const reads = new Turns(READS_AT_ONCE)
  const fault = (cause: unknown) => log(`fault: ${cause instanceof Error ? cause.stack : messageOf(cause)}`)
  let token = ''
  let connected: ConnectedFile | undefined
  let marker: DaemonMarker | undefined
  let streams = 0
  let stopping: Promise<StopSupervisorResult> | undefined

  const reeve = await superviseIn(
    {
      ...realOutside,
      async lockHome(dir) {
        const lock = await lockHome(dir)
        token = homeToken(dir)
        return {
          /** What says that somebody is here goes while nobody else can be. */
          async release() {
            await connected?.close()
            if (marker) {
              removeMarker(dir)
              rmSync(socket, { force: true })
            }
            lock.release()
          },
        }
      },
      agentEnv: (agentId) => ({
        REEVE_HOME: home,
        REEVE_SOCKET: socket,
        REEVE_TOKEN: agentToken(token, agentId),
      }),
    },
    // What ended long ago is taken out by us, with its log: see housekeeping.
    {
      home,
      registry: sqliteRegistry(path.join(home, 'agents.db'), { retention: false }),
      defaults: { onSupervisorDeath: 'adopt' },
      admission,
    },
  )
  reeve.on('warning', ({ code, message, agentId }) =>
    log(`${code}${agentId === undefined ? '' : ` (${agentId})`}: ${message}`),
  )
  let failed = { message: '', atMs: Number.NEGATIVE_INFINITY }
  reeve.on('sink-error', ({ sink, message, queued, lost }) => {
    log(`${sink}: ${message}; ${queued} entries wait, ${lost} were given up`)
    failed = { message, atMs: realClock.now() }
  })

  const statusOf = (self: DaemonMarker): DaemonStatus => {
    const agents: Record<string, number> = {}
    for (const { state } of reeve.list()) agents[state] = (agents[state] ?? 0) + 1
    return {
      version: self.version,
      wireVersion: WIRE_VERSION,
      pid: self.pid,
      startTime: self.startTime,
      bootId: self.bootId,
      supervisorId: reeve.id,
      home,
      socket,
      url: self.url,
      startedAt,
      stopping: stopping !== undefined,
      agents,
      streams,
      trouble: realClock.now() - failed.atMs < FAILURE_LASTS_MS ? failed.message : null,
      rss: process.memoryUsage.rss(),
    }
  }

  const stop = (how: StopSupervisorOptions = {}): Promise<StopSupervisorResult> => {
    stopping ??= reeve.stop(how)
    return stopping
  }

  const served: Omit<Served, 'status'> = {
    reeve,
    shutDown: stop,
    slowAfterMs,
    inTurn: (read) => reads.take(read),
    openStream() {
      if (streams >= MAX_STREAMS)
        throw new ReeveError('too_busy', `${streams} streams are open, the most that one daemon serves`)
      streams += 1
      let open = true
      return () => {
        if (open) streams -= 1
        open = false
      }
    },
  }

  try {
    connected = await connectedFile(home, reeve, fault)
    const self = identify(process.pid)
    if (!self) throw new ReeveError('internal', 'this process cannot be found in /proc')
    const status = () => statusOf(marker ?? { ...self, socket, version: VERSION, url: null })
    const serve = (door: Door) => listener({ served: { ...served, status }, door, token, fault }, traffic)
    const url = port === undefined ? null : await listenOnLoopback(port, serve)
    await listenOn(serve({ port: null }), socket)
    marker = { ...self, socket, version: VERSION, url }
    writeMarker(home, marker)
    const endHousekeeping = housekeeping({ reeve, retentionMs, trouble: fault })
    const stopped = new Promise<StopSupervisorResult>((resolve) => {
      reeve.actor.subscribe({ complete: () => resolve(stop()), error: () => resolve(stop()) })
    }).then(async (result) => {
      endHousekeeping()
      await within(traffic.quiet(), LAST_WORDS_MS, realClock)
      return result
    })
    return { reeve, status, stop, stopped }
  } catch (error) {
    await reeve.stop()
    throw error
  }
}

/** Answers to its own name alone, and that has the port in it, which is known once it listens. */
async function listenOnLoopback(port: number, serve: (door: Door) => Server): Promise<string> {
  const door = { port }
  const server = serve(door)
  // Who is gone without a word is noticed, also by streams that have nothing to say.
  server.on('connection', (socket) => socket.setKeepAlive(true, 30_000))
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch (cause) {
    const message = `cannot listen on 127.0.0.1:${port}: ${messageOf(cause)}`
    throw new ReeveError('daemon_failed', message, { field: 'port', cause })
  }
  door.port = (server.address() as AddressInfo).port
  return `http://127.0.0.1:${door.port}`
}

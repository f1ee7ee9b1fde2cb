/** Where a daemon listens: in its home, or, when that lies too deep for a socket's address, in the user's runtime folder. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { messageOf, ReeveError } from '../errors.ts'
import { ownFolder } from '../home.ts'
import { SOCKET_PATH_BYTES } from '../platform.ts'

/** Who connects while so many wait is refused by the kernel. */
const BACKLOG = 4096

/**
 * `daemon.sock` in the home. In a deep home nobody could connect to it, curl and agents least of all: then it lies in
 * `$XDG_RUNTIME_DIR/reeve`, else in `/tmp/reeve-<uid>`, under a name that is the home's.
 */
export function daemonSocket(home: string, env: NodeJS.ProcessEnv = process.env): string {
  const inside = path.join(home, 'daemon.sock')
  if (Buffer.byteLength(inside) <= SOCKET_PATH_BYTES) return inside
  const name = `${createHash('sha256').update(home).digest('hex').slice(0, 16)}.sock`
  const places = [
    ...(env.XDG_RUNTIME_DIR ? [path.join(env.XDG_RUNTIME_DIR, 'reeve')] : []),
    path.join('/tmp', `reeve-${os.userInfo().uid}`),
  ]
  const fitting = places.map((place) => path.join(place, name))
  return fitting.find((file) => Buffer.byteLength(file) <= SOCKET_PATH_BYTES) ?? (fitting.at(-1) as string)
}

/**
 * Listens there, for this user alone. To be called under the home's lock: what lies there is left by a daemon that is
 * gone. The server is never closed, for `close()` unlinks the path even when a successor has bound it: leave by
 * `process.exit`.
 *
 * @throws ReeveError `home_unusable`, `daemon_failed`
 */
export async function listenOn(server: Server, file: string): Promise<void> {
  ownFolder(path.dirname(file))
  rmSync(file, { force: true })
  // `listen` makes it with the mode that the umask leaves.
  const umask = process.umask(0o177)
  try {
    server.listen({ path: file, backlog: BACKLOG })
    await once(server, 'listening')
  } catch (cause) {
    throw new ReeveError('daemon_failed', `cannot listen on ${file}: ${messageOf(cause)}`, { cause })
  } finally {
    process.umask(umask)
  }
  chmodSync(file, 0o600)
}

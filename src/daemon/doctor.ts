/** What is wrong with a home and its daemon, and the way out. It looks, and changes nothing. */
import { closeSync, existsSync, openSync, readdirSync, readSync, statfsSync, statSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../errors.ts'
import { checkFolder } from '../home.ts'
import { lockHolder } from '../home-lock.ts'
import { isSupported } from '../platform.ts'
import { isAlive } from '../process/identity.ts'
import { allPids, commandOf } from '../process/proc.ts'
import { VERSION } from '../version.ts'
import { daemonLog } from './log.ts'
import { livingMarker, readMarker } from './marker.ts'
import { askStatus, type DaemonStatus, homeOf } from './reach.ts'
import { daemonSocket } from './socket.ts'
import { readHomeToken, tokenFile } from './tokens.ts'

export interface Finding {
  /** What was looked at: `home`, `daemon`, `lock` … */
  readonly check: string
  readonly verdict: 'ok' | 'warning' | 'wrong'
  readonly message: string
  /** The way out, where there is something to do. */
  readonly way?: string
}

/** Programs that do better what goes without them. */
const PROGRAMS = {
  flock: 'the home is locked by an abstract socket instead, which counts within one network namespace',
  fallocate: 'logs are rotated by copying, which may lose what is written in that moment',
  chrt: 'the launcher may hold up its supervisor for a moment',
} as const
const LOW_BYTES = 100 * 1024 * 1024
const SQLITE_MAGIC = 'SQLite format 3\0'

const ok = (check: string, message: string): Finding => ({ check, verdict: 'ok', message })
const warning = (check: string, message: string, way?: string): Finding => ({
  check,
  verdict: 'warning',
  message,
  ...(way !== undefined && { way }),
})
const wrong = (check: string, message: string, way: string): Finding => ({
  check,
  verdict: 'wrong',
  message,
  way,
})

/** Looks at everything, in the order in which one thing rests on another. */
export async function doctor(home?: string): Promise<Finding[]> {
  const dir = homeOf(home)
  const machine = [system(), ...programs()]
  try {
    if (!checkFolder(dir))
      return [...machine, ok('home', `${dir} is not there yet; the first daemon makes it`)]
  } catch (error) {
    return [
      ...machine,
      wrong('home', messageOf(error), `chmod 700 ${dir}, or set REEVE_HOME to another folder`),
    ]
  }
  const marker = livingMarker(dir)
  const status = marker && (await askStatus(marker))
  return [
    ...machine,
    ok('home', dir),
    space(dir),
    daemon(dir, status),
    lock(dir, marker?.pid),
    socket(dir, status),
    token(dir),
    status?.trouble ? failing(status.trouble) : registry(dir),
    ...leftovers(dir, status),
  ]
}

const system = (): Finding => {
  const message = `Reeve ${VERSION}, Node ${process.versions.node}, ${process.platform}`
  if (process.platform === 'linux') return ok('system', message)
  if (isSupported())
    return warning(
      'system',
      `${message}: known by ps, and not verified on hardware`,
      'see "macOS" in the README',
    )
  return wrong('system', message, 'Reeve runs on Linux and macOS: run it in a Linux VM or container')
}

function programs(): Finding[] {
  if (process.platform !== 'linux') return []
  const folders = (process.env.PATH ?? '').split(':').concat('/usr/bin', '/bin')
  return Object.entries(PROGRAMS)
    .filter(([name]) => !folders.some((folder) => existsSync(path.join(folder, name))))
    .map(([name, without]) => warning('system', `${name} is missing: ${without}`, 'install util-linux'))
}

function space(dir: string): Finding {
  const { bavail, bsize } = statfsSync(dir)
  const free = bavail * bsize
  const message = `${Math.round(free / 2 ** 20)} MB are free on its disk`
  return free > LOW_BYTES
    ? ok('space', message)
    : wrong('space', message, 'logs and entries need room: make some')
}

function daemon(dir: string, status: DaemonStatus | undefined): Finding {
  if (status) {
    const message = `pid ${status.pid}, version ${status.version}, since ${status.startedAt}`
    if (status.stopping) return warning('daemon', `${message}, is stopping`)
    return status.version === VERSION
      ? ok('daemon', message)
      : wrong('daemon', `${message}; this is ${VERSION}`, 'restart it: reeve down, then reeve up -d')
  }
  const living = livingMarker(dir)
  if (living)
    return wrong(
      'daemon',
      `pid ${living.pid} lives and does not answer. Its log: ${daemonLog(dir)}`,
      `end it (kill ${living.pid}), then reeve up -d: it recovers`,
    )
  if (readMarker(dir))
    return warning('daemon', 'the last one ended without a good-bye', 'reeve up -d recovers what it left')
  return ok('daemon', 'none runs')
}

function lock(dir: string, pid: number | undefined): Finding {
  const holder = lockHolder(dir)
  if (!holder || !isAlive(holder)) return ok('lock', 'free')
  if (holder.pid === pid) return ok('lock', `held by the daemon (pid ${pid})`)
  return wrong(
    'lock',
    `held by pid ${holder.pid}, which is no daemon that can be found`,
    'a program supervises in this home: stop it, or take another home',
  )
}

function socket(dir: string, status: DaemonStatus | undefined): Finding {
  const file = status?.socket ?? daemonSocket(dir)
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat)
    return status
      ? wrong(
          'socket',
          `${file} is gone while the daemon lives`,
          `restart it: kill ${status.pid}, then reeve up -d`,
        )
      : ok('socket', 'none, as no daemon runs')
  if ((stat.mode & 0o077) !== 0) return wrong('socket', `${file} is open to others`, `chmod 600 ${file}`)
  return status
    ? ok('socket', file)
    : warning('socket', `${file} was left`, 'the next daemon takes its place')
}

function token(dir: string): Finding {
  if (!existsSync(tokenFile(dir))) return ok('token', 'none yet; the first daemon makes it')
  try {
    readHomeToken(dir)
    return ok('token', tokenFile(dir))
  } catch (error) {
    return wrong('token', messageOf(error), `remove ${tokenFile(dir)}, and restart the daemon`)
  }
}

const failing = (trouble: string): Finding =>
  wrong('registry', trouble, 'until then entries wait beside it, and none is lost')

function registry(dir: string): Finding {
  const file = path.join(dir, 'agents.db')
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat || stat.size === 0) return ok('registry', 'none yet; the first daemon makes it')
  if (beginningOf(file, SQLITE_MAGIC.length) !== SQLITE_MAGIC)
    return wrong('registry', `${file} is no SQLite database`, 'move it away, if nobody needs it')
  return ok('registry', `${file}, ${Math.ceil(stat.size / 1024)} KB`)
}

function beginningOf(file: string, bytes: number): string {
  const fd = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(bytes)
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, bytes, 0))
  } finally {
    closeSync(fd)
  }
}

/** What those left who are gone: it is taken up by the next daemon. */
function leftovers(dir: string, status: DaemonStatus | undefined): Finding[] {
  const spills = entriesOf(path.join(dir, 'spill')).filter(
    (name) => name.endsWith('.ndjson') && !name.startsWith(status?.supervisorId ?? '\0'),
  )
  const launchers = allPids().filter((pid) => {
    const argv = commandOf(pid) ?? []
    return argv.includes('launcher') && argv.includes(dir)
  })
  return [
    ...(spills.length > 0 && !status
      ? [
          warning(
            'leftovers',
            `${spills.length} files of entries wait for the registry`,
            'reeve up -d brings them there',
          ),
        ]
      : []),
    ...entriesOf(path.join(dir, 'spill'))
      .filter((name) => name.endsWith('.corrupt'))
      .map((name) => warning('leftovers', `spill/${name} could not be read`, 'look at it, then remove it')),
    ...(launchers.length > 0 && !status
      ? [
          warning(
            'leftovers',
            `launcher ${launchers.map((pid) => `pid ${pid}`).join(', ')} of a supervisor that is gone ends or keeps its agents`,
            'reeve up -d takes them over',
          ),
        ]
      : []),
  ]
}

const entriesOf = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : [])

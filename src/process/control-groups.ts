/**
 * Control groups of version 2 (cgroups(7)), where this process may make some: what is forked within one stays in it,
 * whatever session, parent or environment it gives itself.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { errnoOf } from '../errors.ts'
import { identify, isAlive, isDead, type ProcessStat, readStat } from './identity.ts'
import { bootId, pidNamespace } from './proc.ts'

/** What answers when a group, or the whole of its file, is gone, or when it has threads alone. */
const NOTHING_THERE = new Set(['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTDIR'])
const isNothingThere = (error: unknown): boolean => NOTHING_THERE.has(errnoOf(error) ?? '')

export interface Look {
  readonly members: readonly ProcessStat[]
  /** Others came while it was looked at. */
  readonly isChanging: boolean
}

/** The group of one life, with whatever groups its agent made below. */
export class ControlGroup {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** Where a process writes `0` to enter. */
  get door(): string {
    return join(this.path, 'cgroup.procs')
  }

  /**
   * Who lives in it. A process counts when the group names it before and after it was looked at: a pid that changed hands
   * in between belongs to a stranger.
   */
  look(): Look {
    const before = new Set(pidsBelow(this.path))
    const stats = [...before].flatMap((pid) => readStat(pid) ?? [])
    const after = new Set(pidsBelow(this.path))
    return {
      members: stats.filter((stat) => after.has(stat.pid) && !isDead(stat)),
      isChanging: [...after].some((pid) => !before.has(pid)),
    }
  }

  /** SIGKILL to all that is in it and below, at once: nothing that forks gets away. */
  kill(): void {
    try {
      writeFileSync(join(this.path, 'cgroup.kill'), '1')
    } catch (error) {
      if (!isNothingThere(error)) throw error
    }
  }

  /** `false` while something lives in it. */
  remove(): boolean {
    return pidsBelow(this.path).length === 0 && removeBelow(this.path)
  }
}

function groupsIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(path, name))
  } catch (error) {
    if (isNothingThere(error) || errnoOf(error) === 'EACCES') return []
    throw error
  }
}

function pidsIn(path: string): number[] {
  try {
    const pids = readFileSync(join(path, 'cgroup.procs'), 'latin1').split('\n')
    // 0: a process of another pid namespace, which has no number here.
    return pids.map(Number).filter((pid) => pid > 0)
  } catch (error) {
    if (isNothingThere(error)) return []
    throw error
  }
}

const pidsBelow = (path: string): number[] => [...pidsIn(path), ...groupsIn(path).flatMap(pidsBelow)]

function removeBelow(path: string): boolean {
  if (!groupsIn(path).every(removeBelow)) return false
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    if (isNothingThere(error)) return true
    if (errnoOf(error) === 'EBUSY' || errnoOf(error) === 'ENOTEMPTY') return false
    throw error
  }
}

/** The launcher that made a group, and the marker of the life that it is for: whoever comes after it finds both. */
const NAME = /^reeve-(\d+)-(\d+)-(\d+)-([0-9a-f]{32})$/

function nameFor(marker: string): string {
  const startTime = identify(process.pid)?.startTime ?? 0
  return `reeve-${namespaceNumber()}-${process.pid}-${startTime}-${marker}`
}

const namespaceNumber = (): string => /\d+/.exec(pidNamespace())?.[0] ?? '0'

/** Where the hierarchy is mounted, and which part of it. */
interface Mount {
  readonly at: string
  readonly root: string
}

/** From `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export function cgroupMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root, at] = before.split(' ')
    if (root === undefined || at === undefined || !after.startsWith('cgroup2 ')) return []
    return [{ at: unescaped(at), root: unescaped(root) }]
  })
}

/** Space, tab, newline and backslash stand as `\040` and the like. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** The place of this process in the hierarchy, from `/proc/self/cgroup`; `undefined`: outside of what it can see. */
export function placeIn(cgroup: string): string | undefined {
  const place = /^0::(\/.*)$/m.exec(cgroup)?.[1]
  return place === undefined || place.startsWith('/..') || place.endsWith(' (deleted)') ? undefined : place
}

/** The folder of the group that this process is in; `undefined` where none is to be seen. */
export function ownFolder(mountinfo: string, cgroup: string): string | undefined {
  const place = placeIn(cgroup)
  if (place === undefined) return undefined
  for (const { at, root } of cgroupMounts(mountinfo)) {
    if (root === '/') return resolve(join(at, place))
    if (place === root || place.startsWith(`${root}/`)) return resolve(join(at, place.slice(root.length)))
  }
  return undefined
}

const readOwnFolder = (): string | undefined =>
  ownFolder(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'))

/** Where this process can make groups: below its own. */
export class ControlGroups {
  readonly #base: string
  /** All groups of ours by marker, as they were in this turn of the event loop. */
  #index: Map<string, string> | undefined

  private constructor(base: string) {
    this.#base = base
  }

  /** `undefined` where it may not, or where a group cannot be killed whole (Linux before 5.14). */
  static open(): ControlGroups | undefined {
    try {
      const base = readOwnFolder()
      if (base === undefined) return undefined
      accessSync('/bin/sh', constants.X_OK)
      accessSync(join(base, 'cgroup.procs'), constants.W_OK)
      return canBeKilled(base) ? new ControlGroups(base) : undefined
    } catch (error) {
      // Read-only, not ours, not there: as many reasons as ways to mount it. All is done without, then.
      if (errnoOf(error) !== undefined) return undefined
      throw error
    }
  }

  make(marker: string): ControlGroup {
    const path = join(this.#base, nameFor(marker))
    mkdirSync(path)
    return new ControlGroup(path)
  }

  /** The group that another launcher made for this life, wherever that ran. */
  find(marker: string): ControlGroup | undefined {
    if (this.#index === undefined) {
      this.#index = new Map(oursBelow(mountPointOf(this.#base)))
      setImmediate(() => {
        this.#index = undefined
      })
    }
    const path = this.#index.get(marker)
    return path === undefined ? undefined : new ControlGroup(path)
  }

  /** Removes what dead launchers left here, and nothing lives in. */
  clearLeftovers(): void {
    for (const path of groupsIn(this.#base))
      if (isLeftover(path.slice(this.#base.length + 1))) new ControlGroup(path).remove()
  }
}

function canBeKilled(base: string): boolean {
  const path = join(base, nameFor('0'.repeat(32)))
  mkdirSync(path)
  try {
    accessSync(join(path, 'cgroup.procs'), constants.W_OK)
    return (
      existsSync(join(path, 'cgroup.kill')) &&
      readFileSync(join(path, 'cgroup.type'), 'latin1').trim() === 'domain'
    )
  } finally {
    rmdirSync(path)
  }
}

const mountPointOf = (base: string): string =>
  cgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
    .map(({ at }) => at)
    .find((at) => base === at || base.startsWith(`${at}/`)) ?? base

function* oursBelow(path: string): Generator<[marker: string, path: string]> {
  for (const group of groupsIn(path)) {
    const marker = NAME.exec(group.slice(group.lastIndexOf('/') + 1))?.[4]
    if (marker !== undefined) yield [marker, group]
    yield* oursBelow(group)
  }
}

/** A launcher that lives may have made it just now, for one that has not entered yet. */
function isLeftover(name: string): boolean {
  const [, namespace, pid, startTime] = NAME.exec(name) ?? []
  if (namespace !== namespaceNumber()) return false
  return !isAlive({ bootId: bootId(), pid: Number(pid), startTime: Number(startTime) })
}

/**
 * One of Reeve's own processes that an agent started leaves the agent's group: it ends its agents itself, by their
 * ladders, and nobody kills it for having been started there.
 */
export function leaveAgentsGroup(): void {
  const own = existsSync('/proc/self/cgroup') ? readOwnFolder() : undefined
  const outside = own === undefined ? undefined : outsideOf(own)
  if (outside !== undefined) writeFileSync(join(outside, 'cgroup.procs'), '0')
}

/** The folder around the outermost group of an agent; `undefined` for one that is in none. */
export function outsideOf(folder: string): string | undefined {
  const parts = folder.split('/')
  const at = parts.findIndex((part) => NAME.test(part))
  return at === -1 ? undefined : parts.slice(0, at).join('/')
}

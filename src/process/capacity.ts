/** What the machine has left for another agent: memory, as far as this process and its children may use it, and CPU. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '../errors.ts'

/** `undefined`: it cannot be read here. */
export interface Capacity {
  /** Bytes that can be had without swapping; in a control group with a limit, what that leaves, where it is less. */
  readonly memoryFreeBytes: number | undefined
  /** Programs that run or want to run, averaged over the last minute, for each CPU. */
  readonly cpuLoad: number | undefined
}

/** The text of a file; `undefined` when there is none, or none for us. */
type Read = (path: string) => string | undefined

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** About 0.2 ms. */
export function capacityNow(read: Read = readText, cpus: number = availableParallelism()): Capacity {
  const kilobytes = numberIn(read('/proc/meminfo'), /^MemAvailable:\s+(\d+) kB$/m)
  const left = [...(kilobytes === undefined ? [] : [kilobytes * 1024]), ...leftByGroups(read)]
  const load = numberIn(read('/proc/loadavg'), /^(\d+\.\d+)/)
  return {
    memoryFreeBytes: left.length === 0 ? undefined : Math.min(...left),
    cpuLoad: load === undefined ? undefined : load / cpus,
  }
}

/** What a version of control groups calls its files (cgroups(7)). */
const VERSIONS = [
  {
    type: 'cgroup2',
    option: undefined,
    place: /^0::(\/.*)$/m,
    limit: 'memory.max',
    used: 'memory.current',
    reclaimable: /^inactive_file (\d+)$/m,
  },
  {
    type: 'cgroup',
    option: 'memory',
    place: /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m,
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    reclaimable: /^total_inactive_file (\d+)$/m,
  },
] as const

/** Of the group that this process is in, and of each around it: what its limit leaves. Files that lie idle in memory are given back. */
function leftByGroups(read: Read): number[] {
  const mounts = read('/proc/self/mountinfo')?.split('\n') ?? []
  const groups = read('/proc/self/cgroup') ?? ''
  return VERSIONS.flatMap(({ type, option, place: at, limit, used, reclaimable }) => {
    const place = at.exec(groups)?.[1]
    if (place === undefined) return []
    return foldersOf(mounts, { type, option, place }).flatMap((folder) => {
      const limitBytes = numberIn(read(join(folder, limit)), /^(\d+)$/m)
      const usedBytes = numberIn(read(join(folder, used)), /^(\d+)$/m)
      if (limitBytes === undefined || usedBytes === undefined) return []
      const idleBytes = numberIn(read(join(folder, 'memory.stat')), reclaimable) ?? 0
      return [Math.max(0, limitBytes - usedBytes + idleBytes)]
    })
  })
}

interface Sought {
  readonly type: string
  readonly option: string | undefined
  readonly place: string
}

/** From the group's own up to the mount. Seen from within a container the place may lie outside: the mount is all there is then. */
function foldersOf(mounts: readonly string[], { type, option, place }: Sought): string[] {
  for (const line of mounts) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '/', at = ''] = before.split(' ')
    const [kind, , options = ''] = after.split(' ')
    if (kind !== type || (option !== undefined && !options.split(',').includes(option))) continue
    const below = root === '/' ? place : place.startsWith(`${root}/`) ? place.slice(root.length) : '/'
    const steps = below.split('/').filter((step) => step !== '' && step !== '..')
    return [...steps.keys(), steps.length].map((length) => join(at, ...steps.slice(0, length)))
  }
  return []
}

function numberIn(text: string | undefined, pattern: RegExp): number | undefined {
  const [, digits] = (text === undefined ? undefined : pattern.exec(text)) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/** Whether the machine has room for another agent. Looked at when one is asked for, at most once a second. */
import type { Clock } from './clock.ts'
import { ReeveError } from './errors.ts'
import type { Warning } from './listeners.ts'
import type { AdmissionOptions } from './options.ts'
import type { Capacity } from './process/capacity.ts'
import { bytesOf, sizeText } from './size.ts'

/** A burst of spawns is judged by one look: what they will use is not to be seen yet anyway. */
const LOOK_EVERY_MS = 1_000

export interface AdmissionPorts {
  readonly clock: Clock
  readonly capacity: () => Capacity
  readonly warn: (warning: Warning) => void
}

export class Admission {
  readonly #options: AdmissionOptions
  readonly #ports: AdmissionPorts
  #seen: { readonly atMs: number; readonly capacity: Capacity } | undefined
  readonly #warned = new Set<string>()

  constructor(options: AdmissionOptions, ports: AdmissionPorts) {
    this.#options = options
    this.#ports = ports
  }

  /**
   * What cannot be read refuses nobody: a warning says so, once.
   *
   * @throws ReeveError `resource_exhausted`
   */
  admit(name: string): void {
    const { memoryFree, cpuLoad } = this.#options
    if (memoryFree === undefined && cpuLoad === undefined) return
    const seen = this.#look()
    if (memoryFree !== undefined) {
      const least = bytesOf(memoryFree)
      const free = this.#known(seen.memoryFreeBytes, 'memoryFree')
      if (free < least)
        throw refused(name, 'memoryFree', {
          seen: `${sizeText(free)} of memory are free`,
          limit: `${sizeText(least)} have to be`,
        })
    }
    if (cpuLoad !== undefined) {
      const load = this.#known(seen.cpuLoad, 'cpuLoad', 0)
      if (load > cpuLoad)
        throw refused(name, 'cpuLoad', {
          seen: `the load of each CPU is ${load.toFixed(2)}, over the last minute`,
          limit: `it may be ${cpuLoad}`,
        })
    }
  }

  #look(): Capacity {
    const { clock, capacity } = this.#ports
    const atMs = clock.now()
    if (this.#seen === undefined || atMs - this.#seen.atMs >= LOOK_EVERY_MS)
      this.#seen = { atMs, capacity: capacity() }
    return this.#seen.capacity
  }

  #known(seen: number | undefined, field: string, otherwise = Number.POSITIVE_INFINITY): number {
    if (seen !== undefined) return seen
    if (!this.#warned.has(field))
      this.#ports.warn({
        code: 'resource_exhausted',
        message: `admission.${field} cannot be judged on this machine: nobody is refused for it.`,
      })
    this.#warned.add(field)
    return otherwise
  }
}

const refused = (name: string, which: string, how: { seen: string; limit: string }): ReeveError =>
  new ReeveError(
    'resource_exhausted',
    `${name} is not begun: ${how.seen}, and ${how.limit} (admission.${which}). End an agent or wait, or change the limit.`,
    { field: `admission.${which}` },
  )

/**
 * Every process of the machine, seen in one pass. One pass serves any number of trees: which process belongs
 * to which is told by descent, by the leader's session, and by what is known already.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { identityOf, isAlive, isDead, type ProcessStat } from './identity.ts'
import { glance } from './proc.ts'

/** Processes looked at before the event loop gets its turn: about a millisecond. */
const SLICE = 64

export class Census {
  readonly #byPid = new Map<number, ProcessStat>()
  readonly #byParent = new Map<number, ProcessStat[]>()
  readonly #bySession = new Map<number, ProcessStat[]>()
  /** Processes that were still the same after all had been read; others may have handed their pids to strangers. */
  readonly #confirmed = new Map<number, boolean>()

  static async take({ pids, stat: statOf } = glance()): Promise<Census> {
    const census = new Census()
    for (const [i, pid] of pids.entries()) {
      if (i % SLICE === SLICE - 1) await nextTurn()
      const stat = statOf(pid)
      if (stat !== undefined && !stat.kernelThread && !isDead(stat)) census.#add(stat)
    }
    return census
  }

  get(pid: number): ProcessStat | undefined {
    return this.#byPid.get(pid)
  }

  childrenOf(pid: number): readonly ProcessStat[] {
    return this.#byParent.get(pid) ?? []
  }

  inSession(id: number): readonly ProcessStat[] {
    return this.#bySession.get(id) ?? []
  }

  /**
   * Whether this process has held its pid all through the pass: then what names that pid as its parent, or as its
   * session, means this one and no stranger.
   */
  isStill(stat: ProcessStat): boolean {
    const known = this.#confirmed.get(stat.pid)
    if (known !== undefined) return known
    const still = isAlive(identityOf(stat))
    this.#confirmed.set(stat.pid, still)
    return still
  }

  #add(stat: ProcessStat): void {
    this.#byPid.set(stat.pid, stat)
    addTo(this.#byParent, stat.ppid, stat)
    addTo(this.#bySession, stat.session, stat)
  }
}

function addTo(map: Map<number, ProcessStat[]>, key: number, stat: ProcessStat): void {
  const stats = map.get(key)
  if (stats === undefined) map.set(key, [stat])
  else stats.push(stat)
}

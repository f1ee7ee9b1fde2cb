/** The tree of one life, walked downwards from what is known of it. */
import type { ProcessIdentity } from '../../machines/events.ts'
import type { Census } from './census.ts'
import { isDead, liveStat, type ProcessStat, readStat } from './identity.ts'
import { bootId, childrenOf, MS_PER_TICK } from './proc.ts'
import type { Spared } from './spared.ts'

/**
 * The processes of one life that were seen, by identity. What was seen once is found again after its parent, through
 * which it was seen, is gone.
 */
export class Tree {
  readonly #known = new Map<number, number>()
  readonly #spared: Spared
  /** With `detachOk`, a descendant in a session of its own is none of ours. */
  readonly #detachOk: boolean
  leader: ProcessIdentity | undefined
  /** It was waited for, or never came: no look at it is needed any more. */
  leaderGone = false

  constructor(spared: Spared, detachOk: boolean) {
    this.#spared = spared
    this.#detachOk = detachOk
  }

  /** Whether a process that was found counts as one of this tree. */
  takes(stat: ProcessStat): boolean {
    if (isDead(stat) || this.#spared.has(stat)) return false
    return !(this.#detachOk && this.leader !== undefined && stat.session !== this.leader.pid)
  }

  remember(stats: Iterable<ProcessStat>): void {
    // By pid and start: an heir may have got the number of the leader, which is gone.
    for (const { pid, startTime } of stats)
      if (pid !== this.leader?.pid || startTime !== this.leader.startTime) this.#known.set(pid, startTime)
  }

  /** Those that live of what is known: the leader first, unless it is known to be gone. The dead are forgotten. */
  #alive(): ProcessStat[] {
    const alive: ProcessStat[] = []
    const leader = this.leader === undefined || this.leaderGone ? undefined : liveStat(this.leader)
    if (leader !== undefined) alive.push(leader)
    for (const [pid, startTime] of this.#known) {
      const stat = liveStat({ bootId: bootId(), pid, startTime })
      if (stat === undefined) this.#known.delete(pid)
      else alive.push(stat)
    }
    return alive
  }

  /** Those that live of what is known, and all their descendants, which are known from now on. */
  collect(): ProcessStat[] {
    return this.descend(this.#alive())
  }

  /**
   * As `collect`, from one pass over the whole machine, and what is left in the leader's session as well. A process that
   * is new here counts only when whoever it was found by is still there: a pid that changed hands tells nothing.
   */
  collectFrom(census: Census): ProcessStat[] {
    const found = this.#aliveIn(census)
    const seen = new Set(found.map((stat) => stat.pid))
    const take = (stat: ProcessStat, by: ProcessStat): void => {
      if (seen.has(stat.pid) || stat.startTime < by.startTime || !this.takes(stat)) return
      seen.add(stat.pid)
      if (this.#known.get(stat.pid) === stat.startTime || census.isStill(by)) found.push(stat)
    }
    const [first] = found
    if (first !== undefined && this.#isLeader(first))
      for (const stat of census.inSession(first.pid)) take(stat, first)
    for (const parent of found) for (const stat of census.childrenOf(parent.pid)) take(stat, parent)
    this.remember(found)
    return found
  }

  /** Those of what is known that the pass has seen. None is forgotten: it may be younger than the pass. */
  #aliveIn(census: Census): ProcessStat[] {
    const known = [...this.#known].map(([pid, startTime]) => ({ pid, startTime }))
    const leader = this.leader === undefined || this.leaderGone ? [] : [this.leader]
    return [...leader, ...known].flatMap(({ pid, startTime }) => {
      const stat = census.get(pid)
      return stat?.startTime === startTime ? [stat] : []
    })
  }

  #isLeader({ pid, startTime }: ProcessStat): boolean {
    return pid === this.leader?.pid && startTime === this.leader.startTime
  }

  /** These and all their descendants, which are known from now on. */
  descend(from: readonly ProcessStat[]): ProcessStat[] {
    const found = [...from]
    const seen = new Set(found.map((stat) => stat.pid))
    for (const parent of found) {
      for (const pid of childrenOf(parent.pid, parent.threads)) {
        if (seen.has(pid)) continue
        seen.add(pid)
        const stat = readStat(pid)
        // Another parent by now: reparented, or a stranger of the same pid. The marker tells these apart, later.
        if (stat !== undefined && stat.ppid === parent.pid && this.takes(stat)) found.push(stat)
      }
    }
    this.remember(found)
    return found
  }
}

/** User and system CPU time of these processes and of the children they have waited for, in milliseconds. */
export const cpuMsOf = (stats: readonly ProcessStat[]): number =>
  stats.reduce((sum, s) => sum + s.utime + s.stime + s.cutime + s.cstime, 0) * MS_PER_TICK

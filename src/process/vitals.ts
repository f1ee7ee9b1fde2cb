/** What trees use: CPU time, memory, processes. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LifeAddress } from '../../machines/events.ts'
import { errnoOf } from '../errors.ts'
import { Census } from './census.ts'
import { identityOf, isAlive, type ProcessStat } from './identity.ts'
import type { TreeVitals } from './launcher.ts'
import { MS_PER_TICK, pageBytes, proportionalBytes, ticksNow } from './proc.ts'
import { cpuMsOf, type Tree } from './tree.ts'

/** Trees summed up before the event loop gets its turn. */
const SLICE = 64

/** A life, and its tree. */
export interface Counted {
  readonly address: LifeAddress
  readonly tree: Tree
}

/**
 * What these trees use, from one pass for all of them. `exact` tells shared memory once (a read of each process's page
 * tables: milliseconds for a large one); where that cannot be read it is left out.
 */
export async function vitalsOf(lives: readonly Counted[], exact: boolean): Promise<TreeVitals[]> {
  if (lives.length === 0) return []
  const census = await Census.take()
  const now = ticksNow()
  const vitals: TreeVitals[] = []
  for (const [i, { address, tree }] of lives.entries()) {
    if (i % SLICE === SLICE - 1) await nextTurn()
    const stats = tree.collectFrom(census)
    if (stats.length === 0) continue
    const oldest = tree.leader?.startTime ?? Math.min(...stats.map(({ startTime }) => startTime))
    const exactBytes = exact ? exactBytesOf(stats) : undefined
    vitals.push({
      ...address,
      cpuMs: cpuMsOf(stats),
      memoryBytes: stats.reduce((sum, { rssPages }) => sum + rssPages, 0) * pageBytes(),
      ...(exactBytes !== undefined && { exactBytes }),
      processes: stats.length,
      ageMs: (now - oldest) * MS_PER_TICK,
    })
  }
  return vitals
}

/** `undefined` when one of them cannot be read: less than all would be less than the truth. */
function exactBytesOf(stats: readonly ProcessStat[]): number | undefined {
  let sum = 0
  for (const stat of stats) {
    try {
      const bytes = proportionalBytes(stat.pid)
      if (bytes !== undefined) sum += bytes
      else if (isAlive(identityOf(stat))) return undefined
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }
  return sum
}

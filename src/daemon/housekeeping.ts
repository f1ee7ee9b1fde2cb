/**
 * What is remembered for a time is forgotten by time, and not when somebody happens to ask: agents that ended long ago
 * go out of the registry, with their entries and their logs, and so do logs that nobody's record names any more, and
 * groups that were over as long ago.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { type Clock, realClock, type Timer } from '../clock.ts'
import { errnoOf, ReeveError } from '../errors.ts'
import type { AgentRecord } from '../registry/record.ts'
import type { Supervisor } from '../supervisor.ts'

const EVERY_MS = 10 * 60 * 1000

export interface HousekeepingOptions {
  readonly reeve: Supervisor
  /** How long an agent that has ended is kept; `null`: for ever. */
  readonly retentionMs: number | null
  readonly trouble: (cause: unknown) => void
  readonly clock?: Clock
}

/** Begins at once, and goes on every ten minutes. Returns what ends it. */
export function housekeeping({
  reeve,
  retentionMs,
  trouble,
  clock = realClock,
}: HousekeepingOptions): () => void {
  if (retentionMs === null) return () => {}
  let timer: Timer
  let over = false
  const pass = async (): Promise<void> => {
    try {
      reeve.forgetGroups(retentionMs)
      await forget(reeve, clock.wallNow() - retentionMs)
    } catch (cause) {
      trouble(cause)
    }
    if (!over) timer = clock.setTimeout(() => void pass(), EVERY_MS)
  }
  void pass()
  return () => {
    over = true
    clock.clearTimeout(timer)
  }
}

/** Takes out what ended before `cutoffMs`. */
export async function forget(reeve: Supervisor, cutoffMs: number): Promise<void> {
  const live = new Set(reeve.list().map(({ id }) => id))
  const known = await reeve.records()
  const old = ({ id, endedAt }: AgentRecord) =>
    !live.has(id) && endedAt !== null && Date.parse(endedAt) < cutoffMs
  for (const { id } of known.filter(old)) {
    try {
      await reeve.remove(id, { history: true })
    } catch (error) {
      // Someone was faster, or it runs again.
      if (!(error instanceof ReeveError) || !['agent_not_found', 'agent_running'].includes(error.code))
        throw error
    }
  }
  await removeLogs(path.join(reeve.home, 'logs'), new Set(known.map(({ id }) => id)), cutoffMs)
}

/** Logs of agents that are in no record, and were not written since. */
async function removeLogs(folder: string, known: ReadonlySet<string>, cutoffMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const [id = ''] = name.split('.')
    if (known.has(id)) continue
    const file = path.join(folder, name)
    try {
      if ((await stat(file)).mtimeMs < cutoffMs) await rm(file, { force: true, recursive: true })
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
}

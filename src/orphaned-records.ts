/**
 * Records of agents whose supervisor is gone and left no spec to go on from: it had a home of its own that was removed,
 * or what was kept there is lost. Their ends are told once their processes are gone. Nobody is signalled: what a registry
 * says is not enough for that, and a launcher, where one is left, ends them by itself.
 */
import os from 'node:os'
import path from 'node:path'
import { isEnd, STATES } from '../machines/events.ts'
import type { Home } from './home.ts'
import type { Outside } from './outside.ts'
import { askRegistry } from './queries.ts'
import type { AgentRecord } from './registry/record.ts'
import type { Runtime } from './runtime.ts'

const LIVE = STATES.filter((state) => !isEnd(state))
const LOOK_AGAIN_MS = 1_000
const UNSEEN = { code: null, signal: null } as const

/**
 * Those of this host that nobody looks after: of this home, whose lock is ours, and of homes that are gone or free.
 *
 * @throws ReeveError `registry_unavailable`
 */
export async function orphanedRecords(
  of: Pick<Runtime, 'registry' | 'clock'>,
  home: Home,
  outside: Outside,
  isKnown: (id: string) => boolean,
): Promise<AgentRecord[]> {
  const live = await askRegistry(of, (registry) => registry.records({ state: LIVE }))
  const ours = live.filter(({ id, host }) => host === os.hostname() && !isKnown(id))
  const deserted = new Map<string, boolean>([[home.dir, true]])
  for (const { logFile } of ours) {
    const dir = path.dirname(path.dirname(logFile))
    if (!deserted.has(dir)) deserted.set(dir, await outside.isDeserted(dir))
  }
  return ours.filter(({ logFile }) => deserted.get(path.dirname(path.dirname(logFile))))
}

/** Tells the ends of those whose processes are gone, now and as they go. */
export function tellTheirEnds(runtime: Runtime, records: readonly AgentRecord[]): void {
  const left = records.filter((record) => {
    const { pid, startTime, bootId } = record
    const named = pid !== null && startTime !== null && bootId !== null
    if (named && runtime.outside.whose({ pid, startTime, bootId }, '') !== 'nobodys') return true
    tellEnd(runtime, record)
    return false
  })
  if (left.length === 0) return
  runtime.clock.setTimeout(() => {
    if (runtime.root.getSnapshot().status === 'active') tellTheirEnds(runtime, left)
  }, LOOK_AGAIN_MS)
}

/** At the last moment at which it is known to have lived. */
function tellEnd(runtime: Runtime, record: AgentRecord): void {
  const { state, reason } = record
  const dates = [record.createdAt, record.startedAt, record.endedAt, record.lastHeartbeatAt]
  const known = dates.filter((date) => date !== null).map((date) => Date.parse(date))
  const written = runtime.outside.lastWrittenMs([record.logFile]) ?? 0
  const atMs = Math.min(Math.max(...known, written), runtime.clock.wallNow())
  const at = new Date(atMs).toISOString()
  const exit = record.exit ?? UNSEEN
  const told = { at, ...(reason && { reason }) }
  if (state === 'restarting') {
    const message = 'its supervisor died before its next life began'
    runtime.tell(record, {
      from: state,
      to: 'killed',
      event: 'end',
      reason: { kind: 'shutdown', by: 'supervisor', message },
    })
    return
  }
  if (state === 'spawning')
    runtime.tell(record, { from: state, to: 'reaping', event: 'spawn_failed', ...told })
  else if (state !== 'reaping')
    runtime.tell(record, { from: state, to: 'reaping', event: 'exit', exit, ...told })
  const seen = state === 'spawning' ? {} : { exit }
  runtime.tell(record, { from: 'reaping', to: reason ? 'killed' : 'crashed', event: 'end', ...seen, ...told })
}

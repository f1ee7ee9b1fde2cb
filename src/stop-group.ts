/** The end of one group, within one time limit. */
import type { Reason } from '../machines/events.ts'
import { within } from './deferred.ts'
import { durationMs } from './duration.ts'
import { type StopGroupOptions, type StopGroupResult, stopGroupSchema } from './group-options.ts'
import { isWithin } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import { killReserveMs } from './shutdown.ts'
import { parseStrictly } from './strict.ts'

export async function stopGroup(
  runtime: Runtime,
  path: string,
  options: StopGroupOptions,
): Promise<StopGroupResult> {
  const { timeout = '30s', by = 'user', reason } = parseStrictly(stopGroupSchema, options, 'stop')
  const timeoutMs = durationMs(timeout, 'timeout')
  const standing = runtime.groups.get(path)
  const seats = runtime.roster.live().filter(({ plan }) => isWithin(plan.group, path))
  if (!standing || standing.over) return { ended: 0, escaped: [], timedOut: false }
  const asked: Reason = { kind: 'user', by, ...(reason !== undefined && { message: reason }) }
  const killAfterMs = timeoutMs - killReserveMs(timeoutMs)
  runtime.groups.end(path, asked, killAfterMs)
  const inTime = await within(standing.ended.promise, timeoutMs, runtime.clock)
  const left = seats.filter((seat) => !seat.ended)
  const escaped = seats.flatMap(({ record, ended }) => [
    ...record.escaped,
    ...(ended || record.pid === null ? [] : [record.pid]),
  ])
  return { ended: seats.length - left.length, escaped, timedOut: !inTime }
}

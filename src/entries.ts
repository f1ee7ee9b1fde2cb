/**
 * Following the log from anywhere in it: from memory what memory holds, from the registry what lies further back,
 * entries of supervisors that are gone too. Nothing is missed and nothing comes twice, however far behind one reads.
 */
import type { Entry } from '../machines/events.ts'
import { ReeveError } from './errors.ts'
import { placeText, readPlace } from './place.ts'
import { askRegistry } from './queries.ts'
import type { Place } from './registry/registry.ts'
import type { Runtime } from './runtime.ts'

/** The most entries that are read from the registry at once. */
const PAGE = 500

/**
 * What came after `since`, then what comes, until the supervisor has stopped. A number is a place in this
 * supervisor's own log; `'start'` is the oldest entry that the registry has.
 */
export async function* follow(
  runtime: Runtime,
  since: number | string,
  signal?: AbortSignal,
): AsyncGenerator<Entry, void, void> {
  const { log, supervisorId, registry } = runtime
  if (typeof since === 'number') {
    yield* log.read(since, signal)
    return
  }
  let place = since === 'start' ? null : readPlace(since)
  while (!signal?.aborted) {
    const isOurs = place?.supervisorId === supervisorId
    if (place && isOurs && place.seq >= log.nextSeq)
      throw new ReeveError(
        'entries_gone',
        `there is no entry ${placeText(place)} yet: the last is ${log.nextSeq - 1}`,
      )
    if (place && isOurs && log.holds(place.seq)) {
      for await (const entry of log.read(place.seq, signal)) {
        place = { supervisorId, seq: entry.seq }
        yield entry
        // Who falls further behind than memory reaches goes on with the registry.
        if (!log.holds(place.seq)) break
      }
      if (log.holds(place.seq)) return
      continue
    }
    if (!registry.after) throw gone(place)
    const from: Place | null = place
    const page = await askRegistry(runtime, async (asked) => {
      await runtime.journal.committed()
      return asked.after?.(from, PAGE) ?? []
    })
    for (const entry of page) {
      place = { supervisorId: entry.supervisorId, seq: entry.seq }
      yield entry
    }
    // The registry has no more: what follows is ours, from its beginning.
    if (page.length === 0 && !isOurs) place = { supervisorId, seq: 0 }
    else if (page.length === 0) throw gone(place)
  }
}

const gone = (place: Place | null): ReeveError =>
  new ReeveError(
    'entries_gone',
    `entries after ${place ? placeText(place) : 'the start'} are no longer held in memory, and this registry cannot give them. Read history(id), or begin later.`,
  )

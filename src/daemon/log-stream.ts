/**
 * The log of an agent, as lines of text or as server-sent events. The id of an event is the place behind its line:
 * who comes back with the last one it had (`Last-Event-ID`) misses nothing and gets nothing twice, across daemons too.
 */
import { isEnd } from '../../machines/events.ts'
import { realClock } from '../clock.ts'
import { ReeveError } from '../errors.ts'
import type { LogPlace } from '../process/log-lines.ts'
import { logSize, openLog, type ReadLogOptions } from '../process/logs.ts'
import type { AgentRecord } from '../registry/record.ts'
import { toWire, wireError } from '../wire.ts'
import type { Call } from './route.ts'
import { EVENTS, event, lineStream, textStream } from './stream.ts'

interface LogQuery {
  readonly since?: number | 'start' | 'end' | undefined
  readonly follow?: boolean | undefined
}

/** `1042`; `1042+2` behind the second piece of the long line that begins there. */
const placeText = ({ offset, pieces }: LogPlace): string =>
  pieces === 0 ? `${offset}` : `${offset}+${pieces}`

/** @throws ReeveError `invalid_spec` */
function readPlace(text: string): LogPlace {
  const [, offset, pieces = 0] = /^(\d{1,15})(?:\+(\d{1,9}))?$/.exec(text) ?? []
  if (offset !== undefined) return { offset: Number(offset), pieces: Number(pieces) }
  const message = `Last-Event-ID: ${JSON.stringify(text)} is no place in a log. Give back the id of an event as it came.`
  throw new ReeveError('invalid_spec', message, { field: 'last-event-id' })
}

/** @throws ReeveError `invalid_spec`, `too_busy` */
export function logStream(call: Call<LogQuery, unknown>, { id, logFile }: AgentRecord): Response {
  const { reeve, lastEventId, wantsEvents } = call
  const { since = 'start', follow = false } = call.query
  const options = (signal: AbortSignal): ReadLogOptions => ({
    follow,
    signal,
    clock: realClock,
    // One that ended before this daemon began is not in memory.
    until: () => isEnd(reeve.get(id)?.state ?? 'completed'),
  })
  if (!wantsEvents) return lineStream(call, (signal) => openLog(logFile, { ...options(signal), from: since }))

  const back = lastEventId ? readPlace(lastEventId) : undefined
  // Who loses the connection before anything came goes on from here.
  const from = back?.offset ?? (since === 'end' ? logSize(logFile) : since)
  const place = back ?? (from === 'start' ? undefined : { offset: from, pieces: 0 })
  const hello = event('hello', toWire({ agentId: id }), place && placeText(place))
  async function* pieces(signal: AbortSignal) {
    const log = openLog(logFile, { ...options(signal), from })
    let had = back?.pieces ?? 0
    for await (const line of log) {
      if (had > 0 && log.place?.offset === from) {
        had -= 1
        continue
      }
      yield event('line', line, log.place && placeText(log.place))
    }
  }
  return textStream(call, pieces, {
    ...EVENTS,
    first: `retry: 1000\n${hello}`,
    failure: (cause) => event('error', wireError(cause)),
  })
}

/**
 * `/v1/entries`: the log as server-sent events. The id of each is its place, `supervisorId:seq`: a reader who comes
 * back with the last one it had (`Last-Event-ID`) misses nothing and gets nothing twice, across daemons too.
 */
import * as z from 'zod'
import { type Entry, isNote } from '../../machines/events.ts'
import { placeText, readPlace } from '../place.ts'
import { VERSION } from '../version.ts'
import { toWire, wireError } from '../wire.ts'
import { route } from './route.ts'
import { EVENTS, event, textStream } from './stream.ts'
import { toldBy } from './told.ts'

const text = z.string().min(1)
const LABELS = ['group', 'lane', 'task', 'spawner'] as const

const query = z.strictObject({
  since: text.optional().meta({ description: 'start, or supervisorId:seq; Last-Event-ID goes before it' }),
  agent: text.optional().meta({ description: 'an id or a name' }),
  group: text.optional(),
  lane: text.optional(),
  task: text.optional(),
  spawner: text.optional(),
})

const fits = (entry: Entry, { agent, ...labels }: z.output<typeof query>): boolean =>
  (agent === undefined || entry.agentId === agent || entry.name === agent) &&
  LABELS.every((key) => labels[key] === undefined || entry[key] === labels[key])

export const entryRoutes = [
  route({
    method: 'get',
    path: '/v1/entries',
    summary:
      'The log as server-sent events: hello, then transition and note. After Last-Event-ID, or since, nothing is missed and nothing comes twice; without either, from now on.',
    query,
    answer: 'events',
    errors: ['invalid_spec', 'too_busy'],
    handle(call) {
      const { reeve, lastEventId } = call
      const since = lastEventId || call.query.since || reeve.place
      if (since !== 'start') readPlace(since)
      // The place is said at once: who loses the connection before anything came goes on from here.
      const hello = { supervisorId: reeve.id, version: VERSION, since }
      const first = `retry: 1000\n${event('hello', toWire(hello), since === 'start' ? undefined : since)}`
      async function* pieces(signal: AbortSignal) {
        for await (const entry of reeve.entries({ since, signal })) {
          if (!fits(entry, call.query)) continue
          yield event(isNote(entry) ? 'note' : 'transition', toWire(entry), placeText(entry))
        }
      }
      return textStream(call, pieces, {
        ...EVENTS,
        first,
        failure: (cause) => event('error', wireError(cause)),
      })
    },
  }),

  route({
    method: 'get',
    path: '/v1/warnings',
    summary: 'What is not as it should be, from now on, as server-sent events: warning and sink-error.',
    answer: 'events',
    errors: ['too_busy'],
    handle(call) {
      async function* pieces(signal: AbortSignal) {
        for await (const [name, { cause, ...payload }] of toldBy(call.reeve, signal))
          yield event(name, toWire({ ...payload, ...(cause !== undefined && { cause: String(cause) }) }))
      }
      return textStream(call, pieces, { ...EVENTS, first: `retry: 1000\n${event('hello', {})}` })
    },
  }),

  route({
    method: 'get',
    path: '/v1/inspection',
    summary:
      'Every XState actor as it is now, then its events and snapshots, as server-sent events: frame, in the words of the Stately inspector’s protocol. Heartbeats are left out.',
    answer: 'events',
    errors: ['too_busy'],
    handle(call) {
      async function* pieces(signal: AbortSignal) {
        for await (const frame of call.reeve.inspection({ signal })) yield `event: frame\ndata: ${frame}\n\n`
      }
      return textStream(call, pieces, { ...EVENTS, failure: (cause) => event('error', wireError(cause)) })
    },
  }),
]

/** Many at once: ended by task, by lane, all, or all that are silent; and a check-up of them. */
import * as z from 'zod'
import { ReeveError } from '../errors.ts'
import type { KillStalledOptions } from '../kill.ts'
import { cancelOptionsSchema, killOptionsSchema, killStalledSchema, stopOptionsSchema } from '../options.ts'
import type { Selection } from '../reeve.ts'
import { healthSchema, killResultSchema, killStalledResultSchema } from '../shapes.ts'
import { filterOf, filterQuery } from './filter.ts'
import { signed } from './requester.ts'
import { route } from './route.ts'

const text = z.string().min(1)
const whom = {
  task: text.optional(),
  lane: text.optional(),
  all: z.literal(true, 'must be true, or left out').optional(),
}

type Whom = { [K in keyof typeof whom]?: z.output<(typeof whom)[K]> }

/** Nothing that could mean "all" by mistake is taken for it. */
function selectionOf({ task, lane, all }: Whom): Selection {
  const said: Selection[] = [
    ...(task === undefined ? [] : [{ task }]),
    ...(lane === undefined ? [] : [{ lane }]),
    ...(all === undefined ? [] : [{ all }]),
  ]
  if (said.length === 1 && said[0]) return said[0]
  throw new ReeveError(
    'invalid_spec',
    'selection: must be {"task": text}, {"lane": text} or {"all": true}, one of them',
    { field: 'selection' },
  )
}

export const manyRoutes = [
  route({
    method: 'post',
    path: '/v1/stop',
    summary: 'Stops those of a task, the one in a lane, or all, side by side. Answers when all are gone.',
    body: stopOptionsSchema.extend(whom),
    answer: z.array(killResultSchema),
    errors: ['agent_not_found', 'kill_failed'],
    handle({ reeve, requester, body: { task, lane, all, ...options } }) {
      return reeve.stop(selectionOf({ task, lane, all }), signed(requester, options))
    },
  }),

  route({
    method: 'post',
    path: '/v1/cancel',
    summary:
      'Lets those of a task, the one in a lane, or all finish their present step. Answers when all are gone.',
    body: cancelOptionsSchema.extend(whom),
    answer: z.array(killResultSchema),
    errors: ['agent_not_found', 'kill_failed'],
    handle({ reeve, requester, body: { task, lane, all, ...options } }) {
      return reeve.cancel(selectionOf({ task, lane, all }), signed(requester, options))
    },
  }),

  route({
    method: 'get',
    path: '/v1/health',
    summary: 'A check-up of all that have not ended, from one pass over the machine’s processes.',
    query: z.strictObject(filterQuery),
    answer: z.array(healthSchema),
    handle: ({ reeve, query }) => reeve.health(filterOf(query)),
  }),

  route({
    method: 'post',
    path: '/v1/kill',
    summary: 'SIGKILL to those of a task, to the one in a lane, or to all. Answers when all are gone.',
    body: killOptionsSchema.extend(whom),
    answer: z.array(killResultSchema),
    errors: ['agent_not_found', 'kill_failed'],
    handle({ reeve, requester, body: { task, lane, all, ...options } }) {
      return reeve.kill(selectionOf({ task, lane, all }), signed(requester, options))
    },
  }),

  route({
    method: 'post',
    path: '/v1/kill-stalled',
    summary:
      'Ends every agent that is silent, never one that is idle or waiting. Their restart policies apply.',
    body: killStalledSchema.optional(),
    answer: killStalledResultSchema,
    handle: ({ reeve, body }) => reeve.killStalled((body ?? {}) as KillStalledOptions),
  }),
]

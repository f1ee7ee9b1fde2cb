/** Ending many at once: by task, all, or all that are silent. */
import { z } from 'zod'
import { ReeveError } from '../errors.ts'
import type { KillStalledOptions } from '../kill.ts'
import { killOptionsSchema, killStalledSchema, stopOptionsSchema } from '../options.ts'
import type { Selection } from '../reeve.ts'
import { killResultSchema, killStalledResultSchema } from '../shapes.ts'
import { signed } from './requester.ts'
import { route } from './route.ts'

const whom = {
  task: z.string().min(1).optional(),
  all: z.literal(true, 'must be true, or left out').optional(),
}

function selectionOf({ task, all }: { task?: string | undefined; all?: true | undefined }): Selection {
  if (task !== undefined && all === undefined) return { task }
  if (all && task === undefined) return { all }
  throw new ReeveError('invalid_spec', 'selection: must be {"task": text} or {"all": true}, one of them', {
    field: 'selection',
  })
}

export const manyRoutes = [
  route({
    method: 'post',
    path: '/v1/stop',
    summary: 'Stops those of a task, or all, side by side. Answers when all are gone.',
    body: stopOptionsSchema.extend(whom),
    answer: z.array(killResultSchema),
    errors: ['agent_not_found', 'kill_failed'],
    handle({ reeve, requester, body: { task, all, ...options } }) {
      return reeve.stop(selectionOf({ task, all }), signed(requester, options))
    },
  }),

  route({
    method: 'post',
    path: '/v1/kill',
    summary: 'SIGKILL to those of a task, or to all. Answers when all are gone.',
    body: killOptionsSchema.extend(whom),
    answer: z.array(killResultSchema),
    errors: ['agent_not_found', 'kill_failed'],
    handle({ reeve, requester, body: { task, all, ...options } }) {
      return reeve.kill(selectionOf({ task, all }), signed(requester, options))
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

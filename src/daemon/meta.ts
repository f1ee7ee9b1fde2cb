/** What the daemon says of itself, and its end. */
import * as z from 'zod'
import { stopSupervisorSchema } from '../options.ts'
import { signed } from './requester.ts'
import { route } from './route.ts'

const text = z.string()

const statusSchema = z
  .object({
    version: text,
    wireVersion: z.int(),
    pid: z.int(),
    startTime: z.number(),
    bootId: text,
    supervisorId: text,
    home: text,
    socket: text,
    url: text.nullable(),
    startedAt: text,
    stopping: z.boolean(),
    agents: z.record(text, z.int()),
    streams: z.int(),
    trouble: text
      .nullable()
      .meta({ description: 'what keeps it from recording what happens; what happens meanwhile waits' }),
    rss: z.int(),
  })
  .meta({ description: 'A daemon: who it is, where it serves, what it has to do.' })

export const metaRoutes = [
  route({
    method: 'get',
    path: '/v1/status',
    summary: 'Who serves here, which version, and how many agents have not ended.',
    answer: statusSchema,
    handle: ({ status }) => status(),
  }),

  route({
    method: 'post',
    path: '/v1/shutdown',
    summary: 'Ends every agent in reverse order, then the daemon. Answers when they are gone.',
    body: stopSupervisorSchema.optional(),
    answer: z.object({ ended: z.int(), escaped: z.array(z.int()), timedOut: z.boolean() }),
    handle: ({ shutDown, requester, body }) => shutDown(signed(requester, body)),
  }),
]

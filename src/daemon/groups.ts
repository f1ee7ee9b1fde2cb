/** `/v1/groups`: groups are opened, seen and stopped; `group` in the spec of an agent makes it a member. */
import * as z from 'zod'
import { awaited } from '../awaited.ts'
import type { Group } from '../group.ts'
import { type GroupOptions, groupOptionsSchema, groupPathSchema, stopGroupSchema } from '../group-options.ts'
import { groupNotFound } from '../groups.ts'
import { groupEndSchema, groupSchema } from '../shapes.ts'
import { signed } from './requester.ts'
import { Answered, type Call, route } from './route.ts'

/** @throws ReeveError `group_not_found` */
function known({ reeve, id }: Pick<Call<unknown, unknown>, 'reeve' | 'id'>): Group {
  const group = reeve.findGroup(id)
  if (group) return group
  throw groupNotFound(id)
}

export const groupRoutes = [
  route({
    method: 'get',
    path: '/v1/groups',
    summary:
      'How the root (its path is empty) and every group stand, each after the one around it; those that are over, too.',
    answer: z.array(groupSchema),
    handle: ({ reeve }) => reeve.groups(),
  }),

  route({
    method: 'post',
    path: '/v1/groups',
    summary:
      'Opens a group, or opens one that is over anew. One that is open is answered as it is (200). A spec with group makes an agent a member.',
    body: groupOptionsSchema.extend({
      path: groupPathSchema.meta({ description: 'its name; crew/inner opens inner within crew' }),
    }),
    status: 201,
    answer: groupSchema,
    errors: ['invalid_spec', 'group_not_found', 'group_over', 'supervisor_stopping'],
    handle({ reeve, body: { path, ...options } }) {
      const before = reeve.findGroup(path)
      const isOpen = before !== undefined && before.record.cause === null
      const given = Object.entries(options).filter(([, value]) => value !== undefined)
      const group = reeve.group(
        path,
        given.length > 0 ? (Object.fromEntries(given) as GroupOptions) : undefined,
      )
      return new Answered(isOpen ? 200 : 201, group.record)
    },
  }),

  route({
    method: 'get',
    path: '/v1/groups/{path}',
    summary: 'One group. In its path a "/" is written %2F.',
    answer: groupSchema,
    errors: ['group_not_found'],
    handle: (call) => known(call).record,
  }),

  route({
    method: 'get',
    path: '/v1/groups/{path}/wait',
    summary: 'Answers once it is over. Ask again when the connection is lost.',
    answer: groupEndSchema,
    errors: ['group_not_found'],
    handle: (call) => awaited(known(call).ended, call.signal),
  }),

  route({
    method: 'post',
    path: '/v1/groups/{path}/stop',
    summary: 'Ends its members in reverse order, then the group. Answers when they are gone, or the time is.',
    body: stopGroupSchema.optional(),
    answer: z.object({ ended: z.int(), escaped: z.array(z.int()), timedOut: z.boolean() }),
    errors: ['group_not_found'],
    handle: (call) => known(call).stop(signed(call.requester, call.body)),
  }),
]

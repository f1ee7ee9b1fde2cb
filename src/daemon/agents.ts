/** `/v1/agents` and what hangs on it. */
import os from 'node:os'
import path from 'node:path'
import * as z from 'zod'
import { awaited } from '../awaited.ts'
import { ReeveError } from '../errors.ts'
import { cancelOptionsSchema, inputSchema, killOptionsSchema, stopOptionsSchema } from '../options.ts'
import { entrySchema, healthSchema, killResultSchema, recordSchema } from '../shapes.ts'
import { type AgentSpec, agentSpecSchema } from '../spec.ts'
import { filterOf, filterQuery } from './filter.ts'
import { found } from './found.ts'
import { logStream } from './log-stream.ts'
import { signed, spawnerFor } from './requester.ts'
import { Answered, type Call, flag, route } from './route.ts'

const done = z.object({ success: z.literal(true), agentId: z.string() })
const who = ({ id, ...call }: Call<unknown, unknown>) => found({ ...call, id })

/** The daemon stands nowhere: a folder is named whole, or it is the user's own. */
export function cwdOf(cwd: string | undefined): string {
  if (cwd === undefined) return os.homedir()
  if (path.isAbsolute(cwd)) return cwd
  const message = `cwd: ${JSON.stringify(cwd)} is relative, and the daemon is in no folder of yours. Write the whole path.`
  throw new ReeveError('invalid_spec', message, { field: 'cwd' })
}

export const agentRoutes = [
  route({
    method: 'get',
    path: '/v1/agents',
    summary: 'Agents that have not ended, oldest first; with all=true every one that is known, newest first.',
    query: z.strictObject({ all: flag.optional(), ...filterQuery }),
    answer: z.array(recordSchema),
    errors: ['registry_unavailable'],
    handle: ({ reeve, query: { all, ...query }, inTurn }) => {
      const filter = filterOf(query)
      return all ? inTurn(() => reeve.records(filter)) : reeve.list(filter)
    },
  }),

  route({
    method: 'post',
    path: '/v1/agents',
    summary:
      'Asks for an agent and answers at once, in spawning. The same id again answers with the same agent (200). Without a cwd it runs in the home of the user.',
    body: agentSpecSchema,
    status: 201,
    answer: recordSchema,
    errors: [
      'invalid_spec',
      'name_taken',
      'lane_busy',
      'resource_exhausted',
      'group_not_found',
      'group_over',
      'supervisor_stopping',
    ],
    handle({ reeve, body, requester }) {
      const known = body.id !== undefined && reeve.get(body.id) !== undefined
      const spawner = spawnerFor(requester, body.spawner)
      const spec = { ...body, cwd: cwdOf(body.cwd), ...(spawner !== undefined && { spawner }) } as AgentSpec
      const { record } = reeve.spawn(spec)
      return new Answered(known ? 200 : 201, record)
    },
  }),

  route({
    method: 'get',
    path: '/v1/agents/{id}',
    summary: 'One agent, by id or name.',
    answer: recordSchema,
    errors: ['agent_not_found', 'registry_unavailable'],
    handle: async (call) => (await who(call)).record,
  }),

  route({
    method: 'get',
    path: '/v1/agents/{id}/wait',
    summary:
      'Answers once it is ready (its first running), or has ended for good. Ask again when the connection is lost.',
    query: z.strictObject({ for: z.enum(['ready', 'ended'], 'must be ready or ended') }),
    answer: recordSchema,
    errors: [
      'agent_not_found',
      'spawn_failed',
      'ready_timeout',
      'ended_before_ready',
      'restart_intensity_exceeded',
    ],
    async handle(call) {
      const { agent, record } = await who(call)
      const isReady = call.query.for === 'ready'
      if (agent) return awaited(isReady ? agent.ready : agent.ended, call.signal)
      if (!isReady) return record
      const message = `${record.name} ended before this daemon began (${record.state})`
      throw new ReeveError('ended_before_ready', message, { agentId: record.id, record })
    },
  }),

  route({
    method: 'get',
    path: '/v1/agents/{id}/health',
    summary:
      'A check-up: CPU, memory and processes of its whole tree, seconds since its last heartbeat, how it is.',
    answer: healthSchema,
    errors: ['agent_not_found'],
    handle: ({ reeve, id }) => reeve.health(id),
  }),

  route({
    method: 'get',
    path: '/v1/agents/{id}/history',
    summary: 'Every entry of one agent, oldest first.',
    answer: z.array(entrySchema),
    errors: ['agent_not_found', 'registry_unavailable'],
    async handle(call) {
      // An agent that was removed without its history has entries, and no record.
      const id = call.reeve.get(call.id)?.id ?? (await who(call).catch(() => undefined))?.record.id ?? call.id
      return call.inTurn(() => call.reeve.history(id))
    },
  }),

  route({
    method: 'get',
    path: '/v1/agents/{id}/logs',
    summary:
      'Its output, line by line, as text. since: an offset in bytes, start or end; follow: until it has ended. With Accept: text/event-stream as events, of which each has its place: after Last-Event-ID it goes on.',
    query: z.strictObject({
      since: z
        .union(
          [
            z.enum(['start', 'end']),
            z
              .string()
              .regex(/^\d{1,15}$/)
              .transform(Number),
          ],
          'must be start, end or an offset in bytes',
        )
        .optional(),
      follow: flag.optional(),
    }),
    answer: 'lines',
    errors: ['agent_not_found', 'invalid_spec', 'too_busy'],
    async handle(call) {
      const { record } = await who(call)
      return logStream(call, record)
    },
  }),

  route({
    method: 'post',
    path: '/v1/agents/{id}/send',
    summary: 'Writes to its stdin, which has to be open. Nothing is added: end a line with \\n.',
    body: z.strictObject({ input: inputSchema }),
    answer: done,
    errors: ['agent_not_found', 'not_accepting_input'],
    async handle(call) {
      const { record } = await who(call)
      await call.reeve.send(record.id, call.body.input)
      return { success: true, agentId: record.id }
    },
  }),

  route({
    method: 'post',
    path: '/v1/agents/{id}/reports',
    summary:
      'A report on its behalf, as in $REEVE_REPORT: a word or an object as JSON; without a body a beat.',
    body: z.unknown(),
    answer: done.extend({ counted: z.boolean() }),
    errors: ['agent_not_found', 'invalid_spec'],
    async handle(call) {
      const { agent, record } = await who(call)
      const counted = agent?.heartbeat(call.body ?? 'beat') ?? false
      return { success: true, agentId: record.id, counted }
    },
  }),

  route({
    method: 'post',
    path: '/v1/agents/{id}/stop',
    summary: 'Walks its stop ladder. Answers when the whole tree is gone.',
    body: stopOptionsSchema.optional(),
    answer: killResultSchema,
    errors: ['agent_not_found', 'process_not_found', 'kill_failed'],
    async handle(call) {
      const { agent, record } = await who(call)
      if (!agent) throw hasEnded(record)
      return agent.stop(signed(call.requester, call.body))
    },
  }),

  route({
    method: 'post',
    path: '/v1/agents/{id}/cancel',
    summary:
      'Lets it finish its present step and start no other; past within, its stop ladder. No further life follows. Answers when the whole tree is gone.',
    body: cancelOptionsSchema.optional(),
    answer: killResultSchema,
    errors: ['agent_not_found', 'process_not_found', 'kill_failed'],
    async handle(call) {
      const { agent, record } = await who(call)
      if (!agent) throw hasEnded(record)
      return agent.cancel(signed(call.requester, call.body))
    },
  }),

  route({
    method: 'post',
    path: '/v1/agents/{id}/kill',
    summary: 'SIGKILL to the whole tree at once. Answers when it is gone.',
    body: killOptionsSchema.optional(),
    answer: killResultSchema,
    errors: ['agent_not_found', 'process_not_found', 'kill_failed'],
    async handle(call) {
      const { agent, record } = await who(call)
      if (!agent) throw hasEnded(record)
      return agent.kill(signed(call.requester, call.body))
    },
  }),

  route({
    method: 'post',
    path: '/v1/agents/{id}/restart',
    summary: 'Ends this life and begins the next. Answers when the new one is running.',
    body: stopOptionsSchema.optional(),
    answer: recordSchema,
    errors: [
      'agent_not_found',
      'name_taken',
      'lane_busy',
      'budget_exhausted',
      'resource_exhausted',
      'spawn_failed',
      'ready_timeout',
      'ended_before_ready',
      'supervisor_stopping',
    ],
    handle(call) {
      return call.reeve.restart(call.id, signed(call.requester, call.body))
    },
  }),

  route({
    method: 'delete',
    path: '/v1/agents/{id}',
    summary: 'Takes an ended agent out of the registry; its entries and its log too with history=true.',
    query: z.strictObject({ history: flag.optional() }),
    answer: done,
    errors: ['agent_not_found', 'agent_running', 'registry_unavailable'],
    async handle(call) {
      const { history = false } = call.query
      const id = (await who(call).catch(() => undefined))?.record.id ?? call.id
      await call.inTurn(() => call.reeve.remove(id, { history }))
      return { success: true, agentId: id }
    },
  }),
]

const hasEnded = ({ id, name, state }: { id: string; name: string; state: string }): ReeveError =>
  new ReeveError('process_not_found', `${name} has ended already (${state})`, { agentId: id })

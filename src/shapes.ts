/**
 * The shapes of what is answered, as schemas: records, entries, results, errors. The types stand where they are made
 * (`machines/events.ts`, `registry/record.ts`, `kill.ts`); a test holds both equal. Schemas of every wire (OpenAPI, MCP)
 * are made from these and from those of what is asked (`spec.ts`, `options.ts`).
 */
import * as z from 'zod'
import { REASON_KINDS, STATES, WAITING_ON } from '../machines/events.ts'
import { AUTO_SHUTDOWNS, STRATEGIES } from '../machines/strategies.ts'
import { HEALTHS } from './agent-health.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { GROUP_STATES } from './group-record.ts'
import { POLICIES } from './spec.ts'

const instant = z.string().meta({ description: 'ISO 8601, UTC', format: 'date-time' })
const pid = z.int()
const count = z.int()
const text = z.string()
const signal = z.custom<NodeJS.Signals>((value) => typeof value === 'string').meta({ type: 'string' })
const pids = z.array(pid).readonly()
const state = z.enum(STATES)
const labels = z.record(text, text).readonly()

export const activitySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('working') }),
  z.object({ kind: z.literal('idle') }),
  z.object({
    kind: z.literal('waiting'),
    on: z.enum(WAITING_ON),
    until: instant.optional(),
    message: text.optional(),
  }),
])

export const reasonSchema = z.object({ kind: z.enum(REASON_KINDS), by: text, message: text.optional() })
export const exitSchema = z.object({ code: z.int().nullable(), signal: signal.nullable() })
export const errorInfoSchema = z.object({ code: text, message: text, errno: text.optional() })
export const usageSchema = z.object({ turns: z.number(), tokens: z.number(), usd: z.number() })

export const evidenceSchema = z.object({
  silentMs: z.number().optional(),
  limitMs: z.number().optional(),
  logQuietMs: z.number().optional(),
  cpuMs: z.number().optional(),
  processes: count.optional(),
  memoryBytes: count.optional(),
  maxBytes: count.optional(),
  ready: text.optional(),
  probe: text.optional(),
  signal: signal.optional(),
  asked: z.enum(['cancel', 'input', 'eof']).optional(),
  through: z.enum(['control', 'signal', 'stdin']).optional(),
  refused: text.optional(),
  waitsFor: text.optional(),
  waitMs: z.number().optional(),
  signalled: z
    .array(z.object({ pid, where: z.enum(['leader', 'group', 'own_session']) }))
    .readonly()
    .optional(),
  swept: pids.optional(),
  delayMs: z.number().optional(),
  attempt: count.optional(),
  attempts: count.optional(),
  elapsedMs: z.number().optional(),
  budget: z.enum(['turns', 'tokens', 'usd']).optional(),
  used: z.number().optional(),
  allowed: z.number().optional(),
  withinMs: z.number().optional(),
  graceMs: z.number().optional(),
  extendMs: z.number().optional(),
  extendedUntil: instant.optional(),
  unverified: z.literal(true).optional(),
  notRestarted: text.optional(),
  again: z.literal(true).optional(),
  logOffset: count.optional(),
  said: z.unknown().optional(),
  rejected: text.optional(),
})

/** What an entry and a record both say of a process. */
const processShape = { pid, startTime: z.number(), bootId: text }

export const recordSchema = z
  .object({
    id: text,
    name: text,
    state,
    alive: z.boolean(),
    activity: activitySchema.nullable(),
    group: text.nullable(),
    incarnation: count,
    restarts: count,
    supervisorId: text,
    host: text,
    pid: processShape.pid.nullable(),
    startTime: processShape.startTime.nullable(),
    bootId: processShape.bootId.nullable(),
    createdAt: instant,
    startedAt: instant.nullable(),
    endedAt: instant.nullable(),
    lastHeartbeatAt: instant.nullable(),
    exit: exitSchema.nullable(),
    reason: reasonSchema.nullable(),
    error: errorInfoSchema.nullable(),
    escaped: pids,
    evidence: evidenceSchema.nullable(),
    cleanupErrors: z.array(errorInfoSchema).readonly(),
    usage: usageSchema.nullable(),
    task: text.nullable(),
    lane: text.nullable(),
    spawner: text.nullable(),
    labels,
    command: z.array(text).readonly(),
    cwd: text,
    logFile: text,
  })
  .meta({ description: 'An agent as a listing shows it.' })

export const entrySchema = z
  .object({
    seq: count,
    at: instant,
    supervisorId: text,
    host: text,
    agentId: text,
    name: text,
    incarnation: count,
    group: text.optional(),
    from: state.nullable(),
    to: state,
    event: text,
    pid: processShape.pid.optional(),
    startTime: processShape.startTime.optional(),
    bootId: processShape.bootId.optional(),
    exit: exitSchema.optional(),
    reason: reasonSchema.optional(),
    error: errorInfoSchema.optional(),
    activity: activitySchema.optional(),
    evidence: evidenceSchema.optional(),
    escaped: pids.optional(),
    usage: usageSchema.optional(),
    reportOffset: count.optional(),
    lastHeartbeatAt: instant.optional(),
    task: text.optional(),
    lane: text.optional(),
    spawner: text.optional(),
    labels: labels.optional(),
    command: z.array(text).readonly().optional(),
    cwd: text.optional(),
    logFile: text.optional(),
  })
  .meta({ description: 'One line of the log: a change of state, or a note (from = to).' })

export const groupSchema = z
  .object({
    path: text.meta({ description: 'its name, after those of the groups around it: crew/inner' }),
    name: text,
    group: text.nullable(),
    state: z.enum(GROUP_STATES),
    cause: text.nullable(),
    agents: count,
    strategy: z.enum(STRATEGIES),
    intensity: z.union([z.literal(false), z.object({ restarts: count, withinMs: z.number() })]),
    autoShutdown: z.enum(AUTO_SHUTDOWNS),
    restart: z.enum(POLICIES),
    significant: z.boolean(),
  })
  .meta({ description: 'A group as a listing shows it.' })

export const groupEndSchema = z
  .object({ state: z.enum(['failed', 'stopped']), cause: text })
  .meta({ description: 'What became of a group.' })

export const healthSchema = z
  .object({
    agentId: text,
    name: text,
    health: z.enum(HEALTHS),
    state,
    pid: pid.nullable(),
    alive: z.boolean(),
    cpuPercent: z.number().nullable(),
    memoryMb: z.number().nullable(),
    processes: count.nullable(),
    secondsSinceHeartbeat: z.number().nullable(),
    taskId: text.nullable(),
    timestamp: instant,
  })
  .meta({ description: 'An agent as a check-up found it.' })

export const killResultSchema = z
  .object({
    success: z.literal(true),
    agentId: text,
    action: z.enum(['graceful_kill', 'cancel', 'force_kill']),
    pid: pid.nullable(),
    killSignal: signal.nullable(),
    taskId: text.nullable(),
    killedAt: instant,
    gracePeriodSeconds: z.number(),
    killedGracefully: z.boolean(),
    escaped: pids,
    message: text,
  })
  .meta({ description: 'What a kill says, once the whole tree is gone.' })

export const killStalledResultSchema = z
  .object({
    success: z.boolean(),
    action: z.literal('kill_stalled'),
    agentsKilled: count,
    killedAgents: z
      .array(
        z.object({
          agentId: text,
          pid: pid.nullable(),
          secondsSinceHeartbeat: z.number(),
          killedGracefully: z.boolean(),
          taskId: text.nullable(),
        }),
      )
      .readonly(),
    failedAgents: z
      .array(errorInfoSchema.extend({ agentId: text }))
      .readonly()
      .optional(),
    timestamp: instant,
  })
  .meta({ description: 'Which agents were silent and are gone.' })

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]

export const errorSchema = z
  .object({
    success: z.literal(false),
    error: z.enum(codes),
    message: text.meta({ description: 'The field, the value and the way out.' }),
    agentId: text.optional(),
    field: text.optional(),
    errno: text.optional(),
    record: recordSchema.optional(),
  })
  .meta({ description: 'A failure.' })

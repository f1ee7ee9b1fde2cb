/**
 * What a caller asks for: one strict schema, from which come the types, the errors and the table of options in the
 * README. A field that is unknown, or not built yet, is refused and never ignored.
 */
import os from 'node:os'
import ms from 'ms'
import { z } from 'zod'
import { ReeveError } from './errors.ts'
import type { AgentRecord } from './registry/record.ts'

const MAX_TEXT = 256
const MAX_RUNGS = 16
const HOW_TO_SAY_TIME = 'Write a number of milliseconds, or text like "90s", "15m", "2h".'

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(JSON.stringify(value) ?? value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

function parseDuration(value: string | number): number {
  if (typeof value === 'number') return value
  const parsed = value.trim() === '' || value.length > 100 ? Number.NaN : ms(value as ms.StringValue)
  return typeof parsed === 'number' ? parsed : Number.NaN
}

const isDuration = (value: string | number): boolean => {
  const parsed = parseDuration(value)
  return Number.isFinite(parsed) && parsed >= 0
}

/** A time span at the door: milliseconds, or text that `ms` understands. Never negative. Inside it is `…Ms`. */
export type Duration = number | string

const notADuration = (issue: { input?: unknown }) =>
  `${shown(issue.input)} is not a duration. ${HOW_TO_SAY_TIME}`

const duration = z
  .union([z.number(), z.string()], { error: notADuration })
  .refine(isDuration, { error: notADuration })

/** Reads a duration that has passed the schema, or one given to a method; `field` names it in the error. */
export function durationMs(value: Duration, field: string): number {
  if ((typeof value === 'number' || typeof value === 'string') && isDuration(value))
    return parseDuration(value)
  throw new ReeveError('invalid_spec', `${field}: ${notADuration({ input: value })}`, { field })
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
const plainText = (max: number) =>
  z
    .string()
    .min(1, `must have between 1 and ${max} characters`)
    .max(max, `must have between 1 and ${max} characters`)
    .refine((text) => !CONTROL.test(text), 'must hold no control characters')

const noNul = (text: string) => !text.includes('\0')

const signalName = z
  .string()
  .refine((name) => name in os.constants.signals, {
    error: (issue) => `${shown(issue.input)} is no signal of this system. Write one like "SIGTERM".`,
  })
  .refine((name) => name !== 'SIGKILL' && name !== 'SIGSTOP', {
    error: (issue) =>
      `${issue.input} is no rung: SIGKILL always follows the last one by itself, SIGSTOP ends nothing.`,
  })

/** A field that is in the design and not in this version. */
const notBuilt = (what: string) =>
  z.undefined({ error: () => `${what} is not built yet. Leave it out.` }).optional()

const rung = z.strictObject({
  signal: signalName,
  wait: duration,
  cancel: notBuilt('A rung {cancel}'),
  input: notBuilt('A rung {input}'),
  eof: notBuilt('A rung {eof}'),
})

const readyObject = z
  .strictObject({
    report: z.literal(true).optional(),
    line: z.union([z.string().min(1), z.instanceof(RegExp)], 'must be a RegExp or a text').optional(),
    timeout: duration.optional(),
    port: notBuilt('Readiness by port'),
    http: notBuilt('Readiness by HTTP'),
    exec: notBuilt('Readiness by exec'),
  })
  .refine((ready) => (ready.report === undefined) !== (ready.line === undefined), {
    error: 'must have exactly one of `report: true` and `line`',
  })

const SOURCES = ['report', 'output', 'cpu'] as const
const POLICIES = ['permanent', 'transient', 'temporary'] as const

const heartbeatObject = z.strictObject({
  timeout: duration.optional(),
  grace: duration.optional(),
  sources: z.array(z.enum(SOURCES)).optional(),
  onStall: z.enum(['report', 'terminate']).optional(),
  maxWait: duration.optional(),
})

const backoff = z.strictObject({
  initial: duration.optional(),
  factor: z.number().min(1).max(100).optional(),
  max: duration.optional(),
  jitter: z.number().min(0).max(1).optional(),
  resetAfter: duration.optional(),
})

const intensity = z.strictObject({
  restarts: z.number().int().min(0).max(1000).optional(),
  within: duration.optional(),
})

const restartObject = z.strictObject({
  policy: z.enum(POLICIES).optional(),
  backoff: backoff.optional(),
  intensity: z.union([z.literal(false), intensity]).optional(),
})

const exitCode = z.number().int().min(0).max(255)

const cleanupHook = z.custom<(agent: unknown) => unknown>((hook) => typeof hook === 'function', {
  error: (issue) =>
    typeof issue.input === 'object'
      ? 'Clean-up by a command is not built yet. Give a function.'
      : `${shown(issue.input)} is not a function`,
})

export const agentSpecSchema = z.strictObject({
  command: z
    .array(z.string().refine(noNul, 'must hold no NUL'), {
      error: (issue) =>
        `${shown(issue.input)} is not an argv. Write an array, like ["node", "agent.js"]; no shell is involved.`,
    })
    .min(1, 'must name at least the program')
    .refine((argv) => argv[0] !== '', 'must name a program')
    .meta({ description: 'argv; a string is refused, no shell is involved' }),
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must match ^[A-Za-z0-9_-]{1,64}$')
    .optional()
    .meta({ description: 'the same `id` again returns the same agent' }),
  name: plainText(128)
    .optional()
    .meta({ description: '1–128 characters, unique among agents that have not ended' }),
  cwd: z.string().min(1).refine(noNul, 'must hold no NUL').optional().meta({
    description: 'working directory; a relative one is resolved when `spawn` is called',
  }),
  env: z
    .record(
      z
        .string()
        .refine((key) => key !== '' && !key.includes('=') && noNul(key) && !key.startsWith('REEVE_'), {
          error: (issue) =>
            `${shown(issue.input)} cannot be set: a name is not empty, holds no "=" and no NUL, and REEVE_* are Reeve's own`,
        }),
      z.union([z.string().refine(noNul, 'must hold no NUL'), z.null()]),
    )
    .optional()
    .meta({
      description: 'laid over the environment that the supervisor began with; `null` takes a variable away',
    }),
  ready: z
    .union([z.literal('spawned'), readyObject])
    .optional()
    .meta({
      description:
        '`"spawned"`, or `{report: true}`, `{line: RegExp or text}`, with `timeout`; then the ladder',
    }),
  spawnTimeout: duration.optional().meta({ description: 'no process by then: `crashed`, `spawn_failed`' }),
  heartbeat: z
    .union([z.literal(false), heartbeatObject])
    .optional()
    .meta({
      description:
        'silence beyond `timeout` is a stall; `output` (the log grew) and `cpu` (the tree used CPU) are looked at only when a deadline would pass. `onStall: "report"` marks and tells, `"terminate"` ends it after `grace`. `idle` and `waiting` hold the deadline up to `maxWait`. `false`: off',
    }),
  stop: z.array(rung).max(MAX_RUNGS).optional().meta({
    description:
      'the stop ladder: rungs `{signal, wait}`. SIGCONT follows every signal; SIGKILL to the whole tree is always last',
  }),
  killWait: duration
    .optional()
    .meta({ description: 'still there this long after SIGKILL: `kill_failed`, and again' }),
  restart: z
    .union([z.enum(POLICIES), restartObject])
    .optional()
    .meta({
      description:
        "`permanent`, `transient` or `temporary` (OTP's words), or `{policy, backoff, intensity}`; exceeded: stays `crashed`, `restart_intensity_exceeded`. `intensity: false`: no limit",
    }),
  exitCodes: z.array(exitCode).optional().meta({ description: 'which exits are `completed`' }),
  noRetry: z.array(exitCode).optional().meta({ description: 'exit codes after which no restart follows' }),
  ttl: duration
    .refine((value) => parseDuration(value) > 0, { error: 'must be more than 0. Leave it out for no limit.' })
    .optional()
    .meta({ description: 'over all lives of the agent; a note at 0.8 of it, at 1 the ladder' }),
  task: plainText(MAX_TEXT).optional().meta({ description: 'a label: the task it works on' }),
  spawner: plainText(MAX_TEXT).optional().meta({ description: 'a label: who asked for it' }),
  labels: z
    .record(plainText(MAX_TEXT), z.string().max(1024))
    .optional()
    .meta({ description: 'labels of your own, to filter by' }),
  stdin: z.enum(['closed', 'open']).optional().meta({ description: '`"open"` for `send()`' }),
  output: z
    .strictObject({
      stderr: z.literal('merged').optional(),
      maxSize: notBuilt('Log rotation'),
      keep: notBuilt('Log rotation'),
    })
    .optional()
    .meta({ description: 'stdout and stderr go straight to the log file' }),
  cleanup: z.array(cleanupHook).max(100).optional().meta({
    description:
      'functions, run one after another in `reaping` with the record; a failing one is `cleanup_failed` and stops no other',
  }),
  cleanupTimeout: duration.optional().meta({ description: 'for each hook' }),
  onSupervisorDeath: z
    .literal('end', { error: () => 'only "end" is built yet: agents end with their supervisor' })
    .optional()
    .meta({ description: 'agents end by their ladders when the supervisor is gone' }),
  detachOk: z.boolean().optional().meta({ description: 'descendants in a session of their own may live on' }),
  budget: notBuilt('budget'),
  lane: notBuilt('lane'),
  onConflict: notBuilt('onConflict'),
  adoptFor: notBuilt('adoptFor'),
})

/** Runs in `reaping`, with the agent's record, within `cleanupTimeout`. */
export type CleanupHook = (agent: AgentRecord) => unknown

/** What `spawn` takes. Only `command` is required; every default stands in {@link DEFAULTS}. */
export type AgentSpec = Omit<z.input<typeof agentSpecSchema>, 'cleanup'> & {
  cleanup?: readonly CleanupHook[] | undefined
}

export const defaultsSchema = agentSpecSchema.omit({ command: true, id: true, name: true })

/** An `AgentSpec` in part, as `createSupervisor({ defaults })` takes it. */
export type AgentDefaults = Omit<AgentSpec, 'command' | 'id' | 'name'>

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze)
  return Object.freeze(value)
}

/** Every default of every option, in the terms in which a caller would write it. */
export const DEFAULTS = freeze({
  ready: 'spawned',
  readyTimeout: '30s',
  spawnTimeout: '10s',
  heartbeat: {
    timeout: '120s',
    grace: '30s',
    sources: ['report', 'output', 'cpu'],
    onStall: 'report',
    maxWait: '24h',
  },
  stop: [{ signal: 'SIGTERM', wait: '10s' }],
  killWait: '5s',
  restart: {
    policy: 'temporary',
    backoff: { initial: '1s', factor: 2, max: '1m', jitter: 0.2, resetAfter: '1m' },
    intensity: { restarts: 5, within: '1m' },
  },
  exitCodes: [0],
  noRetry: [],
  stdin: 'closed',
  output: { stderr: 'merged' },
  cleanup: [],
  cleanupTimeout: '30s',
  onSupervisorDeath: 'end',
  detachOk: false,
} as const)

interface Issue {
  readonly code?: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
  readonly errors?: readonly (readonly Issue[])[]
}

/** Of a union's branches, the one that came furthest is what the caller meant. */
function innermost(issue: Issue): Issue {
  if (issue.code !== 'invalid_union' || !issue.errors?.length) return issue
  const depth = (branch: readonly Issue[]) =>
    Math.max(...branch.map((each) => each.path.length + (each.code === 'unrecognized_keys' ? 1 : 0)))
  const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]?.[0]
  if (!best || (best.path.length === 0 && best.code === 'invalid_type')) return issue
  return innermost({ ...best, path: [...issue.path, ...best.path] })
}

/** Validates against a schema; the error names the field, the value and the way out. */
export function parseStrictly<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  const issue = innermost(result.error.issues[0] as Issue)
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const field = [...issue.path, issue.keys?.[0] ?? ''].join('.')
    throw new ReeveError('invalid_spec', `${field}: no such field in ${path === '' ? what : path}.`, {
      field,
    })
  }
  const given = issue.path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  )
  const message = issue.message.includes(shown(given))
    ? issue.message
    : `${issue.message} (given: ${shown(given)})`
  throw new ReeveError('invalid_spec', path === '' ? `${what}: ${message}` : `${path}: ${message}`, {
    field: path === '' ? what : path,
  })
}

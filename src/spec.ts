/**
 * What a caller asks for: one strict schema, from which come the types, the errors and the table of options in the
 * README. A field that is unknown, or not built yet, is refused and never ignored.
 */
import os from 'node:os'
import * as z from 'zod'
import { ON_CONFLICT } from '../machines/lanes.ts'
import { shown } from './errors.ts'
import { MAX_NAME } from './name.ts'
import { argv, livenessFields, noNul, probeFields } from './probes.ts'
import { isRegExp } from './realms.ts'
import type { AgentRecord } from './registry/record.ts'
import { size } from './size.ts'
import { duration, positive } from './strict.ts'

const MAX_TEXT = 256
const MAX_PATH = 1024
const MAX_RUNGS = 16
const MAX_KEPT_LOGS = 100
const KEPT_LOGS = `must be how many older files are kept: a whole number from 0 to ${MAX_KEPT_LOGS}`
/** Control characters, C0 and C1. */
export const CONTROL = /\p{Cc}/u
export const plainText = (max: number) =>
  z
    .string()
    .min(1, `must have between 1 and ${max} characters`)
    .max(max, `must have between 1 and ${max} characters`)
    .refine((text) => !CONTROL.test(text), 'must hold no control characters')

/** The names of groups, each within the one before it, with "/" between them. */
export const groupPath = plainText(MAX_PATH).refine(
  (path) => path.split('/').every((name) => /^(?!\.{1,2}$).{1,128}$/s.test(name)),
  'must be names of 1 to 128 characters (none of them "." or ".."), those within each other apart by "/"',
)

const folder = z.string().min(1).refine(noNul, 'must hold no NUL')

const signalName = z
  .string()
  .refine((name) => name in os.constants.signals, {
    error: (issue) => `${shown(issue.input)} is no signal of this system. Write one like "SIGTERM".`,
  })
  .refine((name) => name !== 'SIGKILL' && name !== 'SIGSTOP', {
    error: (issue) =>
      `${issue.input} is no rung: SIGKILL always follows the last one by itself, SIGSTOP ends nothing.`,
  })

/** What a pipe takes whole or not at all: PIPE_BUF of Linux, in bytes. */
const MAX_INPUT = 4096
const onlyTrue = z.literal(true, 'must be true, or left out').optional()
const ACTS = ['signal', 'cancel', 'input', 'eof'] as const

const rung = z
  .strictObject({
    signal: signalName.optional(),
    cancel: onlyTrue,
    input: z
      .string('must be a text')
      .refine(
        (text) => text !== '' && Buffer.byteLength(text) <= MAX_INPUT,
        `must have between 1 and ${MAX_INPUT} bytes`,
      )
      .optional(),
    eof: onlyTrue,
    wait: duration,
  })
  .refine((given) => ACTS.filter((act) => given[act] !== undefined).length === 1, {
    error: 'must have exactly one of `signal`, `cancel: true`, `input` and `eof: true`',
  })

/** A regular expression where there is only JSON. */
const writtenRegExp = z
  .strictObject({ pattern: z.string().min(1), flags: z.string().optional() })
  .refine(({ pattern, flags }) => regExpOf(pattern, flags) !== undefined, {
    error: (issue) => `${shown(issue.input)} is no regular expression`,
  })

/** `undefined` when it is none. */
export function regExpOf(pattern: string, flags?: string): RegExp | undefined {
  try {
    return new RegExp(pattern, flags)
  } catch {
    return undefined // the syntax error is the answer
  }
}

const WAYS_READY = ['report', 'line', 'port', 'http', 'exec'] as const

const readyObject = z
  .strictObject({
    report: z.literal(true, 'must be true, or left out').optional(),
    line: z
      .union(
        [z.string().min(1), z.custom<RegExp>(isRegExp), writtenRegExp],
        'must be a RegExp, a text, or {pattern, flags}',
      )
      .optional(),
    ...probeFields,
    timeout: positive.optional(),
  })
  .refine((ready) => WAYS_READY.filter((way) => ready[way] !== undefined).length === 1, {
    error: 'must have exactly one of `report: true`, `line`, `port`, `http` and `exec`',
  })

const WAYS_WELL = ['port', 'http', 'exec'] as const

const livenessObject = z
  .strictObject(livenessFields)
  .refine((liveness) => WAYS_WELL.filter((way) => liveness[way] !== undefined).length === 1, {
    error: 'must have exactly one of `port`, `http` and `exec`',
  })

const SOURCES = ['report', 'output', 'cpu'] as const
export const POLICIES = ['permanent', 'transient', 'temporary'] as const

const heartbeatObject = z.strictObject({
  timeout: positive.optional(),
  grace: duration.optional(),
  sources: z.array(z.enum(SOURCES)).readonly().optional(),
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

const intensity = z.union(
  [
    z.literal(false),
    z.strictObject({ restarts: z.number().int().min(0).max(1000).optional(), within: positive.optional() }),
  ],
  'must be false, or {restarts, within}',
)
/** For groups too. */
export const intensitySchema = intensity

const restartObject = z.strictObject({
  policy: z.enum(POLICIES).optional(),
  backoff: backoff.optional(),
  intensity: intensity.optional(),
})

const amount = z.number('must be a number').positive('must be more than 0')
const wholeAmount = amount.int('must be a whole number')
const budget = z
  .strictObject({ turns: wholeAmount.optional(), tokens: wholeAmount.optional(), usd: amount.optional() })
  .refine(({ turns, tokens, usd }) => [turns, tokens, usd].some((each) => each !== undefined), {
    error: 'must limit at least one of `turns`, `tokens` and `usd`',
  })
/** For groups too. */
export const restartSchema = z.union(
  [z.enum(POLICIES), restartObject],
  `must be one of ${POLICIES.map((each) => `"${each}"`).join(', ')}, or {policy, backoff, intensity}`,
)

const exitCode = z.number().int().min(0).max(255)

const notAHook = (issue: { input?: unknown }) =>
  `${shown(issue.input)} is no clean-up hook. Write a function, or {command: ["rm", "-r", "/path"]}`
const cleanupHook = z.union(
  [
    z.custom<(agent: unknown) => unknown>((hook) => typeof hook === 'function', { error: notAHook }),
    z.strictObject({ command: argv, cwd: folder.optional() }),
  ],
  { error: notAHook },
)

export const agentSpecSchema = z.strictObject({
  command: argv.meta({ description: 'argv; a string is refused, no shell is involved' }),
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must match ^[A-Za-z0-9_-]{1,64}$')
    .optional()
    .meta({ description: 'the same `id` again returns the same agent' }),
  name: plainText(MAX_NAME)
    .optional()
    .meta({ description: '1–128 characters, unique among agents that have not ended' }),
  cwd: folder.optional().meta({
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
      z
        .union([z.string(), z.null()], 'must be a text, or null to take it away')
        .refine((value) => value === null || noNul(value), 'must hold no NUL'),
    )
    .optional()
    .meta({
      description:
        'laid over the environment that the supervisor began with; `null` takes a variable away. `REEVE_*` are Reeve’s own: those in a `process.env` that is handed on are left out, others are refused',
    }),
  ready: z
    .union(
      [z.literal('spawned'), readyObject],
      'must be "spawned", {report: true}, {line: RegExp or text}, {port}, {http} or {exec}',
    )
    .optional()
    .meta({
      description:
        '`"spawned"`, or `{report: true}`, `{line: RegExp or text}` (in JSON `{line: {pattern, flags}}`), `{port: 3000}` (takes a connection), `{http: "http://127.0.0.1:3000/health"}` (answers 200–399), `{exec: ["pg_isready"]}` (exits with 0), with `timeout`; then the ladder. A probe has times of its own: `{port: {port, host, every, timeout}}`, `{http: {url, every, timeout}}`, `{exec: {command, every, timeout}}`',
    }),
  spawnTimeout: positive.optional().meta({ description: 'no process by then: `crashed`, `spawn_failed`' }),
  heartbeat: z
    .union(
      [z.literal(false), heartbeatObject],
      'must be false, or {timeout, grace, sources, onStall, maxWait}',
    )
    .optional()
    .meta({
      description:
        'silence beyond `timeout` is a stall; `output` (the log grew) and `cpu` (the tree used CPU) are looked at only when a deadline would pass. `onStall: "report"` marks and tells, `"terminate"` ends it after `grace`. `idle` and `waiting` hold the deadline up to `maxWait`. `false`: off',
    }),
  liveness: z
    .union(
      [z.literal(false), livenessObject],
      'must be false, or one of {port}, {http} and {exec}, with failures',
    )
    .optional()
    .meta({
      description:
        'asks it as long as it runs, as `ready` does, by `{port}`, `{http}` or `{exec}`: after so many `failures` in a row the ladder, reason `liveness`, which counts as a crash',
    }),
  stop: z.array(rung).max(MAX_RUNGS).readonly().optional().meta({
    description:
      'the stop ladder, in any order: `{signal, wait}` to the whole tree, SIGCONT after it; `{cancel: true, wait}`, `{input, wait}` and `{eof: true, wait}` ask the leader alone (the last two want `stdin: "open"`). SIGKILL to the whole tree is always last',
  }),
  killWait: positive
    .optional()
    .meta({ description: 'still there this long after SIGKILL: `kill_failed`, and again' }),
  restart: restartSchema.optional().meta({
    description:
      "`permanent`, `transient` or `temporary` (OTP's words), or `{policy, backoff, intensity}`; exceeded: stays `crashed`, `restart_intensity_exceeded`. `intensity: false`: no limit. In a group the default is `permanent`, as in OTP, and the group's intensity counts alone",
  }),
  group: groupPath.optional().meta({
    description:
      'the path of the group it is to be a member of, which has to be open: `"crew"`, `"crew/inner"`',
  }),
  significant: z.boolean().optional().meta({
    description:
      'in a group with `autoShutdown`: the group may end with it. It is `transient` or `temporary` then, as in OTP',
  }),
  exitCodes: z.array(exitCode).readonly().optional().meta({ description: 'which exits are `completed`' }),
  noRetry: z
    .array(exitCode)
    .readonly()
    .optional()
    .meta({ description: 'exit codes after which no restart follows' }),
  ttl: positive
    .optional()
    .meta({ description: 'over all lives of the agent; a note at 0.8 of it, at 1 it is cancelled' }),
  budget: budget.optional().meta({
    description:
      '`{turns, tokens, usd}`, summed from `usage` reports over all lives of the agent; a note at 0.8 of each, at 1 it is cancelled, and no life follows',
  }),
  memoryMax: size.optional().meta({
    description:
      'memory of the whole tree, in bytes or as text like `"2gb"`: above it the ladder, reason `memory`, which counts as a crash. Looked at every `vitals.every`; what processes share counts once',
  }),
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
      maxSize: size.optional(),
      keep: z.number(KEPT_LOGS).int(KEPT_LOGS).min(0, KEPT_LOGS).max(MAX_KEPT_LOGS, KEPT_LOGS).optional(),
    })
    .optional()
    .meta({
      description:
        'stdout and stderr go straight to the log file. It is rotated at `maxSize` (bytes, or text like `"10mb"`), without losing a line; `keep` older files stay beside it (`.1`, `.2` …)',
    }),
  cleanup: z.array(cleanupHook).max(100).optional().meta({
    description:
      'run one after another in `reaping`: `{command: […], cwd}`, which is run by the launcher and survives a supervisor, or functions of the record, which do not; a failing one is `cleanup_failed` and stops no other',
  }),
  cleanupTimeout: positive
    .optional()
    .meta({ description: 'for each hook; the tree of a command that hangs is ended' }),
  tmp: z.boolean().optional().meta({
    description: 'a folder for each life, in `$REEVE_TMP`, removed at its end, after the hooks',
  }),
  onSupervisorDeath: z.enum(['end', 'adopt'], 'must be "end" or "adopt"').optional().meta({
    description:
      '`"end"`: down its ladder when the supervisor is gone. `"adopt"`: it runs on, for the next supervisor on this home; needs a durable registry and a `home`',
  }),
  adoptFor: positive.optional().meta({
    description: 'how long it waits for the next supervisor; then the ladder',
  }),
  detachOk: z.boolean().optional().meta({ description: 'descendants in a session of their own may live on' }),
  lane: plainText(MAX_TEXT).optional().meta({
    description: 'a key that one agent holds at a time, from `spawn` until it has ended, over its restarts',
  }),
  onConflict: z.enum(ON_CONFLICT).optional().meta({
    description:
      'when another agent holds the lane: `"reject"` throws `lane_busy`; `"replace"` ends its whole tree first, and it never comes back; `"queue"` waits its turn in `spawning`, with up to 1,000 others',
  }),
})

/** Runs in `reaping`, with the agent's record, within `cleanupTimeout`. */
export type CleanupHook = (agent: AgentRecord) => unknown

/** Run by the launcher, in the agent's `cwd` unless it has one of its own, with the agent's environment and `REEVE_EXIT_CODE`, `REEVE_EXIT_SIGNAL`, `REEVE_REASON`. */
export interface CleanupCommand {
  readonly command: readonly string[]
  readonly cwd?: string | undefined
}

/** What `spawn` takes. Only `command` is required; every default stands in {@link DEFAULTS}. */
export type AgentSpec = Omit<z.input<typeof agentSpecSchema>, 'cleanup'> & {
  cleanup?: readonly (CleanupHook | CleanupCommand)[] | undefined
}

export const defaultsSchema = agentSpecSchema.omit({ command: true, id: true, name: true, group: true })

/** An `AgentSpec` in part, as `createSupervisor({ defaults })` takes it. */
export type AgentDefaults = Omit<AgentSpec, 'command' | 'id' | 'name' | 'group'>

export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze)
  return Object.freeze(value)
}

/** Every default of every option, in the terms in which a caller would write it. */
export const DEFAULTS = freeze({
  ready: 'spawned',
  readyTimeout: '30s',
  readyProbe: { every: '250ms', timeout: '1s' },
  livenessProbe: { every: '10s', timeout: '1s', failures: 3 },
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
  significant: false,
  exitCodes: [0],
  noRetry: [],
  stdin: 'closed',
  output: { maxSize: '10mb', keep: 3, stderr: 'merged' },
  cleanup: [],
  cleanupTimeout: '30s',
  tmp: false,
  onSupervisorDeath: 'end',
  adoptFor: '24h',
  onConflict: 'reject',
  detachOk: false,
} as const)

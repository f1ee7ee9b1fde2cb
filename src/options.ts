/** What `createSupervisor` takes: one strict schema, as for a spec. */
import type { InspectionEvent, Observer } from 'xstate'
import * as z from 'zod'
import { STATES } from '../machines/events.ts'
import type { Clock } from './clock.ts'
import type { Duration } from './duration.ts'
import type { Registry, RegistrySink } from './registry/registry.ts'
import { type Size, size } from './size.ts'
import type { AgentDefaults } from './spec.ts'
import { duration, positive } from './strict.ts'

const methods = <T>(names: readonly string[], what: string) =>
  z.custom<T>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
    { error: `must be ${what}: an object with ${names.join('(), ')}()` },
  )

/** How often what trees use is looked at, where it has to be. */
export const VITALS = Object.freeze({ every: '5s' })

const LOAD = 'must be a load for each CPU, more than 0: 1 means that all of them are busy'

export const admissionSchema = z
  .strictObject({ memoryFree: size.optional(), cpuLoad: z.number(LOAD).positive(LOAD).optional() })
  .refine(({ memoryFree, cpuLoad }) => memoryFree !== undefined || cpuLoad !== undefined, {
    error: 'must say at least one of `memoryFree` and `cpuLoad`',
  })

export interface AdmissionOptions {
  /** Least memory that has to be free. */
  readonly memoryFree?: Size | undefined
  /** Highest load for each CPU, over the last minute. */
  readonly cpuLoad?: number | undefined
}

export const supervisorOptionsSchema = z.strictObject({
  registry: methods<Registry>(['open', 'append', 'records', 'history', 'remove'], 'a registry')
    .optional()
    .meta({ description: 'where entries go and records come back from', default: '`memoryRegistry()`' }),
  sinks: z
    .array(methods<RegistrySink>(['append'], 'a sink'))
    .optional()
    .meta({ description: 'where entries go as well, each by a queue of its own', default: '`[]`' }),
  home: z.string().min(1).optional().meta({
    description: 'folder of logs, reports and sockets; one that is given is used as it is and kept',
    default:
      "a fresh one under the user's home (`$REEVE_HOME`, else `$XDG_STATE_HOME/reeve`, else `~/.local/state/reeve`), removed at `stop()`",
  }),
  launcher: z
    .union([z.literal('inline'), z.strictObject({ exec: z.string().min(1) })], {
      error: 'must be "inline", or {exec: path of the Node binary}',
    })
    .optional()
    .meta({
      description:
        'who forks: a process of its own, or `"inline"` this one (its loop then blocks for each fork, and SIGKILL to it orphans its agents). `{exec}` names Node where `process.execPath` is not it',
      default: 'a process of its own',
    }),
  containment: z.enum(['auto', 'none'], { error: 'must be "auto" or "none"' }).optional().meta({
    description:
      'whether each agent gets a control group (cgroup v2) of its own, from which nothing that it forks gets away: where one can be made, or not at all',
    default: "`'auto'`",
  }),
  defaults: z
    .custom<AgentDefaults>((value) => typeof value === 'object' && value !== null, 'must be a spec in part')
    .optional()
    .meta({
      description: 'a spec in part, laid under every agent’s own',
      default: '`{}`',
    }),
  intensity: z
    .literal(false, { error: 'only false is built yet: each agent has its own restart.intensity' })
    .optional()
    .meta({ description: 'no restart intensity over all agents of the root', default: '`false`' }),
  vitals: z
    .strictObject({ every: positive.optional() })
    .optional()
    .meta({
      description: 'how often memory is held against `memoryMax`, for those that have one',
      default: `\`{ every: '${VITALS.every}' }\``,
    }),
  admission: admissionSchema.optional().meta({
    description:
      'when `spawn` refuses with `resource_exhausted`: `memoryFree`, least memory that has to be free (bytes, or text like `"512mb"`; of the machine, or what the limit of a control group around this process leaves), and `cpuLoad`, highest load average of the last minute for each CPU. Looked at once a second at most',
    default: 'none',
  }),
  inspect: z
    .custom<Observer<InspectionEvent> | ((event: InspectionEvent) => void)>(
      (value) => typeof value === 'function' || (typeof value === 'object' && value !== null),
      'must be an XState inspection observer or function',
    )
    .optional()
    .meta({
      description: "passed to XState's `createActor`: every actor, event and snapshot",
      default: 'none',
    }),
  clock: methods<Clock>(['now', 'wallNow', 'setTimeout', 'clearTimeout'], 'a clock')
    .optional()
    .meta({ description: 'for tests and simulations: see `SteppingClock`', default: 'real time' }),
})

export interface SupervisorOptions {
  registry?: Registry | undefined
  sinks?: readonly RegistrySink[] | undefined
  home?: string | undefined
  launcher?: 'inline' | { exec: string } | undefined
  containment?: 'auto' | 'none' | undefined
  defaults?: AgentDefaults | undefined
  intensity?: false | undefined
  vitals?: { every?: Duration | undefined } | undefined
  admission?: AdmissionOptions | undefined
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void) | undefined
  clock?: Clock | undefined
}

const text = z.string().min(1)
const count = z.number().int().min(0)

/** What stop, kill and restart of an agent take. */
export const stopOptionsSchema = z.strictObject({
  grace: duration.optional(),
  reason: text.optional(),
  by: text.optional(),
  cleanup: z.boolean().optional(),
})
export const killOptionsSchema = stopOptionsSchema.omit({ grace: true })
export const cancelOptionsSchema = killOptionsSchema.extend({ within: duration.optional() })

const SELECTION = 'must be {task: text}, {lane: text} or {all: true}, and nothing beside it'
/** Which agents. Nothing that could mean "all" by mistake is taken for it. */
export const selectionSchema = z.union(
  [
    z.strictObject({ task: text }),
    z.strictObject({ lane: text }),
    z.strictObject({ all: z.literal(true, SELECTION) }),
  ],
  SELECTION,
)

export const stopSupervisorSchema = z.strictObject({ timeout: duration.optional(), by: text.optional() })

export const filterSchema = z.strictObject({
  id: text.optional(),
  name: text.optional(),
  state: z
    .union(
      [z.enum(STATES), z.array(z.enum(STATES)).readonly()],
      `must be one or more of ${STATES.join(', ')}`,
    )
    .optional(),
  group: text.optional(),
  lane: text.optional(),
  task: text.optional(),
  spawner: text.optional(),
  labels: z.record(z.string(), z.string()).optional(),
})

export const killStalledSchema = z.strictObject({
  heartbeatTimeout: duration.optional(),
  grace: duration.optional(),
  force: z.boolean().optional(),
  cleanup: z.boolean().optional(),
  filter: filterSchema.optional(),
})

const abortSignal = z.instanceof(AbortSignal, { error: 'must be an AbortSignal' })

export const logOptionsSchema = z.strictObject({
  since: z.union([count, z.enum(['start', 'end'])], 'must be a byte offset, "start" or "end"').optional(),
  follow: z.boolean().optional(),
  signal: abortSignal.optional(),
})

export const removeOptionsSchema = z.strictObject({ history: z.boolean().optional() })
export const entriesOptionsSchema = z.strictObject({
  since: z.union([count, text], 'must be a number, "supervisorId:seq" or "start"').optional(),
  signal: abortSignal.optional(),
})
export const inspectionOptionsSchema = z.strictObject({ signal: abortSignal.optional() })
export const inputSchema = z.string('must be a text')

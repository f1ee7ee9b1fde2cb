/** A spec made ready to run: validated, defaults laid under it, every duration in milliseconds. */
import path from 'node:path'
import { customAlphabet } from 'nanoid'
import type { Budget } from '../machines/budget.ts'
import type { LifePolicy } from '../machines/context.ts'
import type { Rung } from '../machines/escalation.ts'
import type { OnConflict } from '../machines/lanes.ts'
import type { GroupSpec } from '../machines/members.ts'
import type { RestartPolicy, RestartType } from '../machines/restart.ts'
import { durationMs } from './duration.ts'
import { ReeveError } from './errors.ts'
import type { HeartbeatPolicy } from './health/deadlines.ts'
import { withoutInheritedWords } from './inherited-words.ts'
import { type ProbePlan, probePlanOf } from './probes.ts'
import type { LogLimits } from './process/log-rotation.ts'
import { isPlainObject, isRegExp } from './realms.ts'
import { bytesOf, type Size } from './size.ts'
import {
  type AgentDefaults,
  type AgentSpec,
  agentSpecSchema,
  type CleanupCommand,
  type CleanupHook,
  CONTROL,
  DEFAULTS,
  defaultsSchema,
} from './spec.ts'
import { parseStrictly } from './strict.ts'

export type Readiness =
  | 'spawned'
  | 'report'
  | { readonly line: RegExp | string }
  | { readonly probe: ProbePlan }

/** A function, or a command with the folder in which it runs. */
export type CleanupStep =
  | CleanupHook
  | { readonly command: readonly [string, ...string[]]; readonly cwd: string }

export interface AgentPlan {
  readonly id: string
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | null>>
  readonly ready: Readiness
  /** `null`: silence is never a stall. */
  readonly heartbeat: HeartbeatPolicy | null
  /** `null`: it is not asked. */
  readonly liveness: { readonly probe: ProbePlan; readonly failures: number } | null
  readonly life: LifePolicy
  readonly restart: RestartPolicy
  readonly ttlMs: number | null
  readonly memoryMaxBytes: number | null
  readonly budget: Budget | null
  readonly task: string | undefined
  readonly lane: string | undefined
  readonly onConflict: OnConflict
  readonly spawner: string | undefined
  readonly labels: Readonly<Record<string, string>> | undefined
  readonly stdin: 'closed' | 'open'
  readonly logLimits: LogLimits
  readonly cleanup: readonly CleanupStep[]
  readonly cleanupTimeoutMs: number
  readonly tmp: boolean
  readonly detachOk: boolean
  readonly onSupervisorDeath: 'end' | 'adopt'
  readonly adoptForMs: number
  /** Clean-up functions that went with the supervisor which was given them. */
  readonly cleanupLost: number
  /** The spec with every default laid under it, in the terms of a caller. */
  readonly whole: Plain
  /** The path of its group; `undefined`: none. */
  readonly group: string | undefined
  /** That group and those around it, the outermost first, as they were opened: a successor opens them again. */
  readonly around: readonly GroupSpec[]
  /** Its place among its siblings, in all its lives. */
  readonly order: number
  readonly significant: boolean
  /** The spec as it was given, to tell whether a second one with the same `id` differs. */
  readonly given: string
}

const lineOf = (line: RegExp | string | { pattern: string; flags?: string | undefined }): RegExp | string =>
  typeof line === 'string' || isRegExp(line) ? line : new RegExp(line.pattern, line.flags)

/** Letters and digits alone: an id that begins with "-" would read as an option in a shell. */
const newId = customAlphabet('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 21)

export type Plain = Readonly<Record<string, unknown>>
/** Layers over each other: the last one that says something wins, objects key by key. */
export function overlay(...layers: unknown[]): unknown {
  const said = layers.filter((layer) => layer !== undefined)
  if (!isPlainObject(said.at(-1))) return said.at(-1)
  const objects = said.filter(isPlainObject)
  const keys = new Set(objects.flatMap((each) => Object.keys(each)))
  return Object.fromEntries([...keys].map((key) => [key, overlay(...objects.map((each) => each[key]))]))
}

/** `restart: 'transient'` is short for `{policy: 'transient'}`; what makes ready is one choice, never a mixture. */
function spelledOut(spec: Partial<AgentSpec>): Plain {
  const { restart, ready, liveness } = spec
  return {
    ...spec,
    ...(typeof restart === 'string' && { restart: { policy: restart } }),
    ...(ready !== undefined && { ready: () => ready }),
    ...(liveness !== undefined && { liveness: () => liveness }),
  }
}

const withOwnEnv = <S extends Partial<AgentSpec> | undefined>(spec: S): S =>
  spec?.env === undefined ? spec : { ...spec, env: withoutInheritedWords(spec.env) as Env }

/** What every spec of one supervisor is laid over: the table's defaults, and those that were given. */
export interface Base {
  readonly layers: readonly Plain[]
  /** The layers, laid over each other. */
  readonly merged: Plain
}

/**
 * Checks `createSupervisor({ defaults })`, once, at the door.
 *
 * @param policy the table's own default of `restart`, which is another one in a group.
 * @throws ReeveError `invalid_spec`
 */
export function baseOf(given: AgentDefaults, policy: RestartType = DEFAULTS.restart.policy): Base {
  const defaults = withOwnEnv(given)
  parseStrictly(defaultsSchema, defaults, 'defaults', 'defaults.')
  const known = { ...DEFAULTS, restart: { ...DEFAULTS.restart, policy } }
  const layers = [spelledOut(known as unknown as Partial<AgentSpec>), spelledOut(defaults)]
  return { layers, merged: overlay(...layers) as Plain }
}

/** Only what the spec itself says needs laying over the base. */
function laidOver({ layers, merged }: Base, spec: AgentSpec): Whole {
  const own = Object.entries(spelledOut(spec)).map(([field, value]) => [
    field,
    overlay(...layers.map((layer) => layer[field]), value),
  ])
  return { ...merged, ...Object.fromEntries(own) } as Whole
}

type Env = NonNullable<AgentSpec['env']>

type Whole = Required<Omit<AgentSpec, 'restart' | 'heartbeat' | 'ready' | 'liveness' | 'output'>> & {
  readonly restart: {
    readonly policy: RestartPolicy['type']
    readonly backoff: { [K in keyof typeof DEFAULTS.restart.backoff]: number }
    readonly intensity: false | { readonly restarts: number; readonly within: number }
  }
  readonly heartbeat:
    | false
    | (HeartbeatPolicy & { timeout: number; grace: number; maxWait: number; onStall: 'report' | 'terminate' })
  readonly ready: () => NonNullable<AgentSpec['ready']>
  readonly liveness?: () => AgentSpec['liveness']
  readonly output: { readonly maxSize: Size; readonly keep: number }
}

const restartOf = (
  { policy, backoff, intensity }: Whole['restart'],
  noRetry: readonly number[],
): RestartPolicy => ({
  type: policy,
  backoff: {
    initialMs: durationMs(backoff.initial, 'restart.backoff.initial'),
    factor: backoff.factor,
    maxMs: durationMs(backoff.max, 'restart.backoff.max'),
    jitter: backoff.jitter,
    resetAfterMs: durationMs(backoff.resetAfter, 'restart.backoff.resetAfter'),
  },
  intensity: intensity && {
    restarts: intensity.restarts,
    withinMs: durationMs(intensity.within, 'restart.intensity.within'),
  },
  noRetry,
})

/** The `restart` of a group, laid over what a spec has by default. */
export const restartPolicyOf = (restart: AgentSpec['restart'], policy: RestartType): RestartPolicy => {
  const given = spelledOut({ restart }).restart
  return restartOf(overlay({ ...DEFAULTS.restart, policy }, given) as Whole['restart'], [])
}

/** Where an agent stands: in which group, and before and after whom. */
export interface Placing {
  readonly order: number
  readonly group?: string | undefined
  readonly around?: readonly GroupSpec[]
}

/**
 * @param cwd what a relative `cwd` is resolved against.
 * @throws ReeveError `invalid_spec`
 */
export function planOf(
  given: AgentSpec,
  base: Base,
  cwd: string,
  { order, group, around = [] }: Placing = { order: 0 },
): AgentPlan {
  const spec = withOwnEnv(given)
  parseStrictly(agentSpecSchema, spec, 'spec')
  const whole = laidOver(base, spec)
  const { heartbeat, restart, ttl } = whole
  const id = whole.id ?? newId()
  const command = [...whole.command] as [string, ...string[]]
  const ready = whole.ready()
  const readyTimeout = (ready === 'spawned' ? undefined : ready.timeout) ?? DEFAULTS.readyTimeout
  const cleanupTimeoutMs = durationMs(whole.cleanupTimeout ?? 0, 'cleanupTimeout')
  const folder = path.resolve(cwd, whole.cwd ?? '.')
  const cleanup = (whole.cleanup ?? []).map((hook) => stepOf(hook, folder))
  const tmp = whole.tmp ?? false
  const killWaitMs = durationMs(whole.killWait ?? 0, 'killWait')

  return {
    id,
    name: whole.name ?? nameOf(command[0], id),
    command,
    cwd: folder,
    env: whole.env ?? {},
    ready: readinessOf(ready),
    heartbeat:
      (heartbeat && {
        timeoutMs: durationMs(heartbeat.timeout, 'heartbeat.timeout'),
        maxWaitMs: durationMs(heartbeat.maxWait, 'heartbeat.maxWait'),
        sources: heartbeat.sources,
      }) ||
      null,
    liveness: livenessOf(whole.liveness?.()),
    life: {
      spawnTimeoutMs: durationMs(whole.spawnTimeout ?? 0, 'spawnTimeout'),
      readyAtSpawn: ready === 'spawned',
      readyTimeoutMs: durationMs(readyTimeout, 'ready.timeout'),
      onStall: heartbeat ? heartbeat.onStall : 'report',
      stallGraceMs: heartbeat ? durationMs(heartbeat.grace, 'heartbeat.grace') : 0,
      rungs: rungsOf(whole.stop ?? [], whole.stdin ?? 'closed'),
      killWaitMs,
      cleanupLimitMs: cleanupLimitOf(cleanup, { timeoutMs: cleanupTimeoutMs, killWaitMs, tmp }),
      exitCodes: whole.exitCodes ?? [],
    },
    budget: (whole.budget as Budget | undefined) ?? null,
    restart: restartOf(restart, whole.noRetry ?? []),
    ttlMs: ttl === undefined ? null : durationMs(ttl, 'ttl'),
    memoryMaxBytes: whole.memoryMax === undefined ? null : bytesOf(whole.memoryMax),
    task: whole.task,
    lane: whole.lane,
    onConflict: whole.onConflict ?? 'reject',
    spawner: whole.spawner,
    labels: whole.labels,
    stdin: whole.stdin ?? 'closed',
    logLimits: { maxBytes: bytesOf(whole.output.maxSize), keep: whole.output.keep },
    cleanup,
    cleanupTimeoutMs,
    tmp,
    detachOk: whole.detachOk ?? false,
    onSupervisorDeath: whole.onSupervisorDeath ?? 'end',
    adoptForMs: durationMs(whole.adoptFor ?? 0, 'adoptFor'),
    cleanupLost: 0,
    whole,
    group,
    around,
    order,
    significant: whole.significant ?? false,
    given: fingerprint(group === undefined ? spec : [group, spec]),
  }
}

function livenessOf(spec: AgentSpec['liveness']): AgentPlan['liveness'] {
  const probe = spec ? probePlanOf(spec, DEFAULTS.livenessProbe, 'liveness') : undefined
  if (!spec || probe === undefined) return null
  return { probe, failures: spec.failures ?? DEFAULTS.livenessProbe.failures }
}

const stepOf = (hook: CleanupHook | CleanupCommand, folder: string): CleanupStep =>
  typeof hook === 'function'
    ? hook
    : { command: [...hook.command] as [string, ...string[]], cwd: path.resolve(folder, hook.cwd ?? '.') }

/** What a command that is out of time is given beyond it: SIGTERM, and 1 s, before SIGKILL and `killWait`. */
const TERM_MS = 1_000

/** Bounds all of it together; `null`: there is nothing to do. */
function cleanupLimitOf(
  steps: readonly CleanupStep[],
  { timeoutMs, killWaitMs, tmp }: { timeoutMs: number; killWaitMs: number; tmp: boolean },
): number | null {
  if (steps.length === 0 && !tmp) return null
  const commands = steps.filter((step) => typeof step !== 'function').length
  return (steps.length + (tmp ? 1 : 0)) * timeoutMs + commands * (TERM_MS + killWaitMs)
}

function readinessOf(ready: NonNullable<AgentSpec['ready']>): Readiness {
  if (ready === 'spawned') return ready
  if (ready.line !== undefined) return { line: lineOf(ready.line) }
  const probe = probePlanOf(ready, DEFAULTS.readyProbe, 'ready')
  return probe === undefined ? 'report' : { probe }
}

/** @throws ReeveError `invalid_spec` where a rung speaks to a stdin that is closed. */
function rungsOf(stop: NonNullable<AgentSpec['stop']>, stdin: 'closed' | 'open'): Rung[] {
  return stop.map(({ signal, input, eof, wait }, i) => {
    const waitMs = durationMs(wait, 'stop.wait')
    if (signal !== undefined) return { signal: signal as NodeJS.Signals, waitMs }
    if (input === undefined && eof === undefined) return { cancel: true, waitMs }
    const field = `stop.${i}.${eof ? 'eof' : 'input'}`
    if (stdin === 'closed')
      throw new ReeveError('invalid_spec', `${field}: the agent's stdin is closed. Add stdin: "open".`, {
        field,
      })
    return input === undefined ? { eof: true, waitMs } : { input, waitMs }
  })
}

/** The program's name, as a label: what a name may not hold is replaced. */
const nameOf = (program: string, id: string): string =>
  `${[...path.basename(program)].map((each) => (CONTROL.test(each) ? '_' : each)).join('')}-${id.slice(0, 6)}`.slice(
    -128,
  )

const fingerprint = (spec: unknown): string =>
  JSON.stringify(spec, (_key, value) =>
    isRegExp(value) || typeof value === 'function' ? String(value) : value,
  )

/**
 * A spec as a successor finds it: as JSON, with every default laid under it, so that another version of Reeve reads it
 * by its own schema. Functions do not survive their process; they are counted.
 */
import type { GroupSpec } from '../machines/members.ts'
import { type AgentPlan, baseOf, type Plain, planOf } from './plan.ts'
import { isRegExp } from './realms.ts'
import { type AgentSpec, agentSpecSchema } from './spec.ts'
import type { KeptSpec } from './specs.ts'

const FIELDS = Object.keys(agentSpecSchema.shape)

interface Stored {
  readonly spec: Plain
  /** The expression of `ready.line`, which JSON does not know. */
  readonly line?: { readonly source: string; readonly flags: string }
  readonly cleanupLost: number
  /** Its place among its siblings, and the groups around it, the outermost first. */
  readonly order?: number
  readonly around?: readonly GroupSpec[]
}

export function storedSpec(plan: AgentPlan): Stored {
  const { cleanup = [], ready, liveness } = plan.whole
  // Of the defaults, some are no fields of a spec.
  const whole = Object.fromEntries(FIELDS.map((field) => [field, plan.whole[field]]))
  const hooks = cleanup as readonly unknown[]
  const kept = hooks.filter((hook) => typeof hook !== 'function')
  const readiness = (ready as () => AgentSpec['ready'])()
  const line = typeof readiness === 'object' && isRegExp(readiness.line) ? readiness.line : undefined
  const { id, name, cwd, order, around } = plan
  return {
    spec: {
      ...whole,
      id,
      name,
      cwd,
      ready: readiness,
      liveness: (liveness as (() => AgentSpec['liveness']) | undefined)?.(),
      cleanup: kept,
    },
    ...(line && { line: { source: line.source, flags: line.flags } }),
    cleanupLost: hooks.length - kept.length + plan.cleanupLost,
    order,
    ...(around.length > 0 && { around }),
  }
}

/** Throws when it is none that this version can run. */
export function planOfStored({ spec: stored, given }: KeptSpec): AgentPlan {
  const { spec, line, cleanupLost, order = 0, around = [] } = stored as Stored
  const ready = spec.ready as Plain | string
  const whole = {
    ...spec,
    ...(line &&
      typeof ready === 'object' && { ready: { ...ready, line: new RegExp(line.source, line.flags) } }),
  } as unknown as AgentSpec
  const plan = planOf(whole, baseOf({}), '/', { order, group: around.at(-1)?.path, around })
  if (cleanupLost === 0) return { ...plan, given }
  // That they were lost is said where they would have run.
  const { cleanupLimitMs } = plan.life
  return { ...plan, given, cleanupLost, life: { ...plan.life, cleanupLimitMs: cleanupLimitMs ?? 0 } }
}

/** What supervisors before left in a home: the specs of agents that had not ended, and what the registry has of each. */
import type { Entry } from '../machines/events.ts'
import { type Trail, trailOf } from '../machines/trail.ts'
import { messageOf } from './errors.ts'
import type { Warning } from './listeners.ts'
import type { AgentPlan } from './plan.ts'
import { askRegistry } from './queries.ts'
import { type AgentRecord, fold } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import type { Specs } from './specs.ts'
import { planOfStored } from './stored-spec.ts'

/** One agent that had not ended when its supervisor died, or was about to. */
export interface Bequest {
  readonly plan: AgentPlan
  readonly seed: string
  readonly record: AgentRecord
  readonly trail: Trail
}

export interface Estate {
  /** In the order in which they were spawned. */
  readonly bequests: readonly Bequest[]
  /** Specs of agents that the registry knows nothing of: they were never begun. */
  readonly unknown: readonly string[]
  /** Of agents that no spec is left of. */
  readonly orphaned: readonly AgentRecord[]
}

export const NO_ESTATE: Estate = { bequests: [], unknown: [], orphaned: [] }

/** Histories asked for side by side. */
const AT_ONCE = 32

/** @throws ReeveError `registry_unavailable` */
export async function readEstate(
  specs: Specs,
  of: Pick<Runtime, 'registry' | 'clock'>,
  warn: (warning: Warning) => void,
): Promise<Omit<Estate, 'orphaned'>> {
  const bequests: Bequest[] = []
  const unknown: string[] = []
  const kept = [...specs.left.values()]
  for (let first = 0; first < kept.length; first += AT_ONCE) {
    const some = kept.slice(first, first + AT_ONCE)
    const histories = await Promise.all(
      some.map(({ id }) => askRegistry(of, (registry) => registry.history(id))),
    )
    for (const [i, spec] of some.entries()) {
      try {
        const bequest = bequestOf(planOfStored(spec), spec.seed, histories[i] ?? [])
        if (bequest) bequests.push(bequest)
        else unknown.push(spec.id)
      } catch (cause) {
        const message = `the spec that was kept of agent ${spec.id} cannot be used (${messageOf(cause)}); what is left of the agent is ended`
        warn({ code: 'home_unusable', message, agentId: spec.id, cause })
      }
    }
  }
  const spawned = (a: Bequest, b: Bequest) => (a.record.createdAt < b.record.createdAt ? -1 : 1)
  return { bequests: bequests.sort(spawned), unknown }
}

function bequestOf(plan: AgentPlan, seed: string, entries: readonly Entry[]): Bequest | undefined {
  const trail = trailOf(entries, plan.restart)
  let record: AgentRecord | undefined
  for (const entry of entries) record = fold(entry.from === null ? undefined : record, entry)
  return trail && record ? { plan, seed, record, trail } : undefined
}

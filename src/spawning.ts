/** Asking for an agent, in a group or under the root. */
import { intensityUnreachable } from '../machines/restart.ts'
import { Agent } from './agent.ts'
import { ReeveError } from './errors.ts'
import { refuseInsignificant } from './group-spec.ts'
import { refuseOtherGroup } from './own-group.ts'
import { type AgentPlan, planOf } from './plan.ts'
import type { Registry } from './registry/registry.ts'
import type { Runtime } from './runtime.ts'
import type { AgentSpec } from './spec.ts'
import type { Supervisor } from './supervisor.ts'

/** @throws ReeveError `invalid_spec`, `name_taken`, `lane_busy`, `group_not_found`, `group_over`, `resource_exhausted`, `supervisor_stopping` */
export function spawnAgent(
  runtime: Runtime,
  supervisor: Supervisor,
  spec: AgentSpec,
  within?: string,
): Agent {
  const group = within ?? (spec as Partial<AgentSpec> | undefined)?.group
  const base = group === undefined ? runtime.bases.root : runtime.bases.group
  const order = runtime.nextOrder()
  const plan = planOf(spec, base, process.cwd(), group === undefined ? { order } : { order, group })
  runtime.roster.refuseRemoving(plan.id)
  const known = spec.id === undefined ? undefined : runtime.roster.get(spec.id)
  if (known) {
    if (known.plan.given !== plan.given)
      runtime.listeners.warn({
        code: 'invalid_spec',
        message: `an agent with id ${plan.id} exists (${known.plan.name}, ${known.record.state}); the differing spec was not used`,
        agentId: plan.id,
      })
    return known.agent
  }
  refuseWhenStopping(supervisor, 'spawn')
  refuseOtherGroup(spec.group, group)
  refuseLaneless(spec, plan)
  if (group !== undefined) runtime.groups.refuseClosed(group)
  if (plan.significant)
    refuseInsignificant(
      'significant',
      group === undefined ? undefined : runtime.groups.get(group)?.spec,
      plan.restart.type,
    )
  if (plan.onSupervisorDeath === 'adopt')
    refuseAdoption(!runtime.home.ephemeral, runtime.registry, 'onSupervisorDeath')
  runtime.roster.refuseTaken(plan)
  runtime.turns.refuseBusy(plan)
  runtime.admission.admit(plan.name)
  warnOfIntensity(runtime, plan, spec)
  const seat = runtime.seat(plan)
  seat.agent = new Agent(seat, supervisor)
  runtime.turns.enter(seat)
  return seat.agent
}

/** @throws ReeveError `supervisor_stopping` */
export function refuseWhenStopping({ isStopping }: Supervisor, what: string): void {
  if (isStopping)
    throw new ReeveError(
      'supervisor_stopping',
      `the supervisor is stopping, or has stopped: it cannot ${what}`,
    )
}

/**
 * What is asked of a lane needs one, or nothing comes of it. In `defaults` it is for those that have one.
 *
 * @throws ReeveError `invalid_spec`
 */
function refuseLaneless({ onConflict = 'reject' }: AgentSpec, { lane }: AgentPlan): void {
  if (lane !== undefined || onConflict === 'reject') return
  const message = `onConflict: ${JSON.stringify(onConflict)} says what is done in a lane, and there is no lane. Add \`lane\`, or leave it out.`
  throw new ReeveError('invalid_spec', message, { field: 'onConflict' })
}

/**
 * Who is to be found again needs a place where it is looked for.
 *
 * @throws ReeveError `invalid_spec`
 */
export function refuseAdoption(homeGiven: boolean, registry: Registry | undefined, field: string): void {
  if (homeGiven && registry?.durable) return
  const missing = homeGiven ? 'a registry that outlives this process' : 'a home that is given and stays'
  const message = `${field}: "adopt" needs ${missing}. Call createSupervisor({ home, registry: sqliteRegistry(path) }), or write "end".`
  throw new ReeveError('invalid_spec', message, { field })
}

/** An intensity that never acts as its author may think. */
function warnOfIntensity(
  runtime: Runtime,
  { id: agentId, name, restart, group }: AgentPlan,
  spec: AgentSpec,
): void {
  const { intensity } = (group === undefined ? undefined : runtime.groups.get(group)?.spec) ?? restart
  const warn = (message: string) => runtime.listeners.warn({ code: 'invalid_spec', message, agentId })
  if (group !== undefined && typeof spec.restart === 'object' && spec.restart.intensity !== undefined)
    warn(
      `${name}: restart.intensity counts for nothing in a group: that of group ${group} counts for all its members.`,
    )
  if (!intensityUnreachable({ ...restart, intensity })) return
  const whose = group === undefined ? 'restart.intensity' : `the intensity of group ${group}`
  const widen = group === undefined ? 'intensity.within' : "the group's intensity.within"
  warn(
    `${name}: the backoff spaces failures so far apart that ${whose} is never exceeded; a broken agent is restarted for ever. Widen ${widen}, or lower backoff.max.`,
  )
}

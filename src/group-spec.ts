/** What becomes of a group's options: a spec that can be written down, and a group opened from it again. */
import type { GroupSpec } from '../machines/members.ts'
import type { RestartType } from '../machines/restart.ts'
import { type Duration, durationMs } from './duration.ts'
import { ReeveError } from './errors.ts'
import { GROUP_DEFAULTS, type GroupOptions, groupOptionsSchema } from './group-options.ts'
import { overlay, restartPolicyOf } from './plan.ts'
import { parseStrictly } from './strict.ts'

/**
 * What can be written down of a group, and opened again.
 *
 * @param parent the group around it.
 * @throws ReeveError `invalid_spec`
 */
export function groupSpecOf(
  path: string,
  order: number,
  options: GroupOptions,
  parent: GroupSpec | undefined,
): GroupSpec {
  parseStrictly(groupOptionsSchema, options, 'group')
  const { restart, ...given } = options
  const { strategy, autoShutdown, intensity, significant } = overlay(GROUP_DEFAULTS, given) as GroupWhole
  const policy = restartPolicyOf(restart, parent ? 'permanent' : 'temporary')
  if (significant) refuseInsignificant('significant', parent, policy.type)
  return {
    path,
    order,
    strategy,
    intensity: intensity && {
      restarts: intensity.restarts,
      withinMs: durationMs(intensity.within, 'intensity.within'),
    },
    autoShutdown,
    restart: policy,
    significant,
  }
}

interface GroupWhole {
  readonly strategy: GroupSpec['strategy']
  readonly autoShutdown: GroupSpec['autoShutdown']
  readonly significant: boolean
  readonly intensity: false | { readonly restarts: number; readonly within: Duration }
}

/**
 * What is `significant` stands in a group that shuts itself down, and may end by itself: the rule is OTP's.
 *
 * @throws ReeveError `invalid_spec`
 */
export function refuseInsignificant(field: string, group: GroupSpec | undefined, policy: RestartType): void {
  const refuse = (why: string) => new ReeveError('invalid_spec', `${field}: ${why}`, { field })
  if (group === undefined)
    throw refuse('only a member of a group is significant. Spawn it in one, or leave it out.')
  if (group.autoShutdown === 'never')
    throw refuse(
      `group ${group.path} never shuts itself down. Open it with autoShutdown: "any_significant" or "all_significant", or leave it out.`,
    )
  if (policy === 'permanent')
    throw refuse('a permanent member never ends by itself. Give it restart: "transient" or "temporary".')
}

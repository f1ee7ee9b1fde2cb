/** What `group()` takes, and what becomes of it: a spec that can be written down, and a group opened from it again. */
import { z } from 'zod'
import type { GroupSpec } from '../machines/members.ts'
import type { RestartType } from '../machines/restart.ts'
import { AUTO_SHUTDOWNS, STRATEGIES } from '../machines/strategies.ts'
import { ReeveError } from './errors.ts'
import { overlay, restartPolicyOf } from './plan.ts'
import { freeze, intensitySchema, plainText, restartSchema } from './spec.ts'
import { type Duration, duration, durationMs, parseStrictly } from './strict.ts'

export const groupOptionsSchema = z.strictObject({
  strategy: z.enum(STRATEGIES).optional().meta({
    description:
      'who restarts with one that failed: nobody (`one_for_one`), all (`one_for_all`), or those spawned after it (`rest_for_one`)',
  }),
  intensity: intensitySchema.optional().meta({
    description:
      'how many restarts of all its members together, within which time; more, and the group gives up. `false`: no limit',
  }),
  autoShutdown: z.enum(AUTO_SHUTDOWNS).optional().meta({
    description:
      'ends the group when a `significant` member has ended by itself: `any_significant` one, or the last of them (`all_significant`)',
  }),
  restart: restartSchema.optional().meta({
    description:
      'what becomes of the group itself when it has given up (its crash) or shut itself down (its completion), as for an agent',
    default: "`'temporary'`; within a group `'permanent'`",
  }),
  significant: z.boolean().optional().meta({
    description: 'within a group with `autoShutdown`: its end counts as that of a significant member',
  }),
})

/** See the table of options in the README; every default stands in {@link GROUP_DEFAULTS}. */
export type GroupOptions = z.input<typeof groupOptionsSchema>

/** Every default of a group, in the terms in which a caller would write it. */
export const GROUP_DEFAULTS = freeze({
  strategy: 'one_for_one',
  intensity: { restarts: 5, within: '1m' },
  autoShutdown: 'never',
  significant: false,
} as const)

export const groupNameSchema = plainText(128).refine(
  (name) => !name.includes('/'),
  'must hold no "/", which stands between the names in the path of a group',
)

/** How a group's own end is ended, and how long it may take. */
export const stopGroupSchema = z.strictObject({
  timeout: duration.optional(),
  reason: z.string().min(1).optional(),
  by: z.string().min(1).optional(),
})

export interface StopGroupOptions {
  /** By then everything is over: what still lives is killed before, and named if it survives. Default `30s`. */
  readonly timeout?: Duration
  /** Stands in each member's `reason.message`. */
  readonly reason?: string
  /** Stands in each member's `reason.by`. Default `user`. */
  readonly by?: string
}

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

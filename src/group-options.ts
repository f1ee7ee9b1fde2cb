/** What `group()` takes, and what is asked of a group. */
import * as z from 'zod'
import { AUTO_SHUTDOWNS, STRATEGIES } from '../machines/strategies.ts'
import type { Duration } from './duration.ts'
import { freeze, groupPath, intensitySchema, restartSchema } from './spec.ts'
import { duration } from './strict.ts'

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

/** Its name, after those of the groups around it: `crew/inner`. */
export const groupPathSchema = groupPath

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

/** What the end of a group says. */
export interface StopGroupResult {
  /** How many of its agents ended with it. */
  readonly ended: number
  /** What still lives, by pid. */
  readonly escaped: readonly number[]
  readonly timedOut: boolean
}

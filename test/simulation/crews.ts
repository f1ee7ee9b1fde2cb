/** The groups of a run: with what they were opened, what failed in them, and whose life has to be over before others begin. */
import type { AnyActorRef } from 'xstate'
import type { RestartType } from '../../machines/restart.ts'
import type { Strategy } from '../../machines/strategies.ts'
import type { GroupOptions } from '../../src/group-options.ts'
import type { Actions } from './actions.ts'
import type { Dice } from './dice.ts'
import type { World } from './world.ts'

/** Groups, and groups within them. */
export const PATHS = ['red', 'blue', 'red/inner', 'blue/inner'] as const

export interface Crew {
  readonly path: string
  readonly strategy: Strategy
  readonly intensity: { readonly restarts: number; readonly withinMs: number } | false
  readonly autoShutdown: NonNullable<GroupOptions['autoShutdown']>
  /** Restarts of its members by their policies, in its window. */
  restartsMs: number[]
  /** When all of it was down last: whatever starts it again, its window begins with that. */
  restedMs: number
  /** That of its present opening, under the present supervisor: it tells when all of it is down. */
  actor: AnyActorRef | undefined
  /** Members that failed, by id, and when. */
  readonly failedMs: Map<string, number>
  /** When it said last that it gives up. */
  gaveUpMs: number
}

/** Lives that have to be over before another one begins. */
export interface Vow {
  readonly why: string
  readonly lives: readonly string[]
  /** Lives that were asked for by then, and not forked. */
  readonly asked: readonly string[]
  readonly atMs: number
  /** Whoever waits for that: one agent, or whoever is in the group. */
  readonly agentId: string | null
  readonly path: string
}

export const isWithin = (path: string | undefined, around: string): boolean =>
  path === around || path?.startsWith(`${around}/`) === true

/**
 * Until its turn to end has come, a group within one that ends goes on, as OTP's do: its members may come back meanwhile.
 */
export const isInner = (path: string | null): boolean => path?.includes('/') === true

const optionsOf = (dice: Dice): GroupOptions & { readonly strategy: Strategy } => ({
  strategy: dice.pick(['one_for_one', 'one_for_all', 'rest_for_one'] as const),
  intensity: dice.chance(0.2)
    ? false
    : { restarts: dice.between(0, 4), within: dice.pick([2_000, 20_000, 60_000]) },
  autoShutdown: dice.pick(['never', 'any_significant', 'all_significant'] as const),
  restart: {
    policy: dice.pick(['permanent', 'transient', 'temporary'] as const),
    backoff: { initial: dice.between(0, 500), max: 1_000 },
  },
})

/** A member that may end by itself may be significant, where that means something. */
export function membershipOf(
  world: World,
  dice: Dice,
  policy: RestartType,
): { group?: string; significant?: true } {
  const { supervisor } = world.embedder
  const open = supervisor
    .groups()
    .filter(({ path, state }) => path && state !== 'failed' && state !== 'stopped')
  if (open.length === 0 || !dice.chance(world.climate.group ?? 0.3)) return {}
  const { path, autoShutdown } = dice.pick(open)
  return {
    group: path,
    ...(autoShutdown !== 'never' && policy !== 'permanent' && dice.chance(0.5) && { significant: true }),
  }
}

const STOP_GROUP_MS = 20_000

export const ON_GROUPS: Actions = {
  'open a group': {
    weight: 3,
    run: ({ world, dice }) => {
      const path = dice.pick(PATHS)
      const options = optionsOf(dice)
      const { embedder } = world
      embedder.ask(`group ${path} ${JSON.stringify(options)}`, 0, () => {
        const before = embedder.supervisor.findGroup(path)?.state
        const isOpen = before !== undefined && before !== 'failed' && before !== 'stopped'
        const place = `group ${path}`
        if (before === undefined) world.spawned.push(place)
        embedder.supervisor.group(path, options)
        if (isOpen) return
        const { strategy, intensity, autoShutdown = 'never' } = options
        world.crews.set(path, {
          path,
          strategy,
          intensity:
            intensity === false || intensity === undefined
              ? false
              : { restarts: intensity.restarts ?? 0, withinMs: Number(intensity.within) },
          autoShutdown,
          restartsMs: [],
          restedMs: Number.NEGATIVE_INFINITY,
          actor: undefined,
          failedMs: new Map(),
          gaveUpMs: Number.NEGATIVE_INFINITY,
        })
      })
    },
  },
  'stop a group': {
    weight: 1,
    run: ({ world, dice }) => {
      const { embedder } = world
      const path = dice.pick(PATHS)
      const group = embedder.supervisor.findGroup(path)
      if (!group) return
      for (const { id, group: own } of embedder.supervisor.list({ group: path }))
        if (own === path || !isInner(own)) embedder.wish(id, 'end')
      embedder.ask(`stop group ${path}`, STOP_GROUP_MS + 1_500, () => group.stop({ timeout: STOP_GROUP_MS }))
    },
  },
}

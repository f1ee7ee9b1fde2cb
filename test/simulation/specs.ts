/** Specs at random: every policy, ladder, readiness, and clean-up hooks of every temper. */
import type { Clock } from '../../src/clock.ts'
import type { AgentSpec } from '../../src/spec.ts'
import { weighted } from './climates.ts'
import { membershipOf } from './crews.ts'
import type { Dice } from './dice.ts'
import { KINDS } from './machine/programs.ts'
import type { World } from './world.ts'

export type NamedSpec = AgentSpec & { name: string; id: string }

const CLEANUP_TIMEOUT_MS = 700

export function specOf(world: World, dice: Dice, id: string, name: string): NamedSpec {
  const hooks = dice.chance(0.3) ? Array.from({ length: dice.between(1, 3) }, () => hook(world, dice)) : []
  const policy = dice.fork('policy').pick(['permanent', 'transient', 'temporary'] as const)
  return {
    id,
    name,
    command: ['simulated', dice.weighed(weighted(KINDS, world.climate.kinds))],
    cwd: '/',
    ready: dice.pick([
      'spawned',
      'spawned',
      { report: true, timeout: dice.between(50, 2_000) },
      { line: 'ready', timeout: dice.between(50, 2_000) },
    ] as const),
    spawnTimeout: dice.pick([300, 2_000, 10_000]),
    heartbeat: dice.chance(0.3)
      ? false
      : {
          timeout: dice.pick([300, 1_000, 4_000, 12_000]),
          grace: dice.pick([0, 200, 3_000]),
          sources: dice.pick([['report'], ['report', 'output', 'cpu'], ['output'], ['cpu'], []] as const),
          onStall: dice.pick(['report', 'terminate'] as const),
          maxWait: dice.pick([2_000, 10_000]),
        },
    stop: dice.pick([
      [],
      [{ signal: 'SIGTERM', wait: dice.between(0, 3_000) }],
      [
        { signal: 'SIGINT', wait: dice.between(0, 500) },
        { signal: 'SIGTERM', wait: dice.between(0, 1_500) },
      ],
      [
        { signal: 'SIGTERM', wait: 200 },
        { signal: 'SIGTERM', wait: 200 },
      ],
    ]),
    killWait: dice.pick([200, 1_000, 5_000]),
    restart: {
      policy,
      backoff: {
        initial: dice.between(0, 500),
        factor: 2,
        max: 2_000,
        jitter: dice.pick([0, 0.2, 1]),
        resetAfter: 3_000,
      },
      intensity: dice.chance(0.3)
        ? false
        : { restarts: dice.between(0, 4), within: dice.between(500, 10_000) },
    },
    exitCodes: dice.pick([[0], [0, 7], [143]]),
    noRetry: dice.chance(0.1) ? [7] : [],
    ...(dice.chance(0.15) && { ttl: dice.between(100, 8_000) }),
    ...(dice.chance(0.4) && { task: `t${dice.between(0, 2)}` }),
    cleanup: hooks,
    cleanupTimeout: CLEANUP_TIMEOUT_MS,
    detachOk: dice.chance(0.15),
    ...(dice.fork('budget').chance(world.climate.budget ?? 0.2) && { budget: budgetOf(dice.fork('thrift')) }),
    ...membershipOf(world, dice.fork('group'), policy),
    ...laneOf(world, dice.fork('lane')),
    // It needs a registry that lasts.
    ...(world.registry.durable &&
      dice.fork('outlives').chance(0.6) && { onSupervisorDeath: 'adopt', adoptFor: 60_000 }),
  }
}

const budgetOf = (dice: Dice): NonNullable<AgentSpec['budget']> =>
  dice.pick([
    { turns: dice.pick([1, 4, 12, 16]) },
    { tokens: dice.between(5, 130) },
    { usd: dice.between(1, 7) / 100, turns: 6 },
  ])

function laneOf(world: World, dice: Dice): Pick<AgentSpec, 'lane' | 'onConflict'> {
  if (!dice.chance(world.climate.lane ?? 0.2)) return {}
  return {
    lane: dice.pick(['north', 'south']),
    onConflict: dice.weighed({ queue: 2, replace: 1, reject: 1 }),
  }
}

function hook(world: World, dice: Dice): () => unknown {
  const clock = world.supervisor.clock
  return dice.pick([
    () => {},
    () => {
      throw new Error('a hook that throws')
    },
    () => Promise.reject(new Error('a hook that rejects')),
    () => new Promise(() => {}),
    () => pause(clock, 100),
    () => pause(clock, 2 * CLEANUP_TIMEOUT_MS),
  ])
}

const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimeout(resolve, ms)
  })

/** By when an agent of this spec is gone, or said to be hard to end, once it was told to go. */
export function endBoundMs(spec: NamedSpec): number {
  const killWait = Number(spec.killWait)
  const grace = (spec.stop ?? []).reduce((sum, { wait }) => sum + Number(wait), 0)
  const cleanup = (spec.cleanup ?? []).length * CLEANUP_TIMEOUT_MS
  const sweep = killWait + 5_000
  return Number(spec.spawnTimeout) + grace + killWait + 2 * sweep + cleanup + 5_000 + 100
}

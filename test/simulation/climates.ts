/**
 * What kind of bad luck a run mostly has. In the default one anything may happen to anyone; the others have more of some
 * of it, so that what is rare is met soon. What has to hold is the same in all of them.
 */
import type { Kind } from './machine/programs.ts'

export interface Climate {
  readonly what: string
  /** By how much an action, or a kind of agent, is more frequent than by default; 0: there is none. */
  readonly actions?: Readonly<Record<string, number>>
  readonly kinds?: Readonly<Partial<Record<Kind, number>>>
  /** How probable it is that the registry outlives its supervisor. */
  readonly durable?: number
  /** How probable it is that an agent has one. */
  readonly lane?: number
  readonly budget?: number
  readonly group?: number
  /** How probable it is that it asks for time. */
  readonly asking?: number
  /** How many pids the machine has. */
  readonly pids?: readonly number[]
}

export const CLIMATES = {
  mixed: { what: 'anything may happen' },
  succession: {
    what: 'supervisors die often, and others take over',
    actions: {
      'the supervisor dies': 8,
      'the supervisor dies in the midst of it': 4,
      'supervisor and launcher die': 4,
      'registry trouble': 0.3,
      stop: 0.3,
      'kill all': 0,
    },
    durable: 1,
    asking: 0.4,
  },
  'new-faces': {
    what: 'supervisor and launcher die together, and others get the pids of what they left',
    actions: { 'supervisor and launcher die': 60, 'strangers come': 2, 'registry trouble': 0, stop: 0.3 },
    kinds: { steady: 5 },
    durable: 1,
    pids: [20],
  },
  outage: {
    what: 'the registry is in trouble most of the time',
    actions: { 'registry trouble': 8, 'registry well': 0.3, 'the supervisor dies': 0.2 },
    durable: 1,
  },
  tenacity: {
    what: 'agents are hard to end',
    actions: { spawn: 2, stop: 3, kill: 3 },
    kinds: { steady: 0, tidy: 0, silent: 0, stubborn: 4, brood: 4, moody: 2 },
  },
  silence: {
    what: 'agents have little to say, and nobody is there to listen',
    actions: {
      spawn: 2,
      'the loop is blocked': 8,
      'the wall clock is set': 0,
      'heartbeat of all': 0,
      heartbeat: 0,
      stop: 0.2,
      kill: 0.2,
      'kill all': 0,
    },
    kinds: { brief: 0, crashy: 0, missing: 0, brood: 0.2, silent: 0.2, stubborn: 0, moody: 0, chatty: 20 },
    asking: 0.4,
  },
  traffic: {
    what: 'agents wait for each other in lanes',
    actions: { spawn: 2, stop: 0.3, kill: 0.3, 'kill all': 0 },
    lane: 1,
  },
  thrift: {
    what: 'agents have budgets and use them up, also under the next supervisor',
    actions: { spawn: 2, 'the supervisor dies': 8, stop: 0.3, 'kill all': 0, 'nothing, for long': 2 },
    kinds: { spender: 30 },
    durable: 1,
    budget: 1,
  },
  crews: {
    what: 'agents are members of groups, and fail often',
    actions: { spawn: 2, 'open a group': 3, stop: 0.2, kill: 0.2, 'kill all': 0, 'stop a group': 0.5 },
    kinds: { crashy: 4, brief: 4, missing: 0.2, stubborn: 0.3, moody: 0 },
    group: 0.9,
  },
  importance: {
    what: 'agents end by themselves, and their groups with them',
    actions: { spawn: 2, 'open a group': 3, stop: 0, kill: 0, cancel: 0, 'kill all': 0, 'stop a group': 0 },
    kinds: { steady: 2, brief: 8, crashy: 0, missing: 0, moody: 0, stubborn: 0 },
    lane: 0,
    budget: 0,
    group: 1,
  },
} as const satisfies Readonly<Record<string, Climate>>

export type ClimateName = keyof typeof CLIMATES
export const isClimate = (name: string): name is ClimateName => name in CLIMATES

/** Weights of which some are more, or less. */
export const weighted = <K extends string>(
  weights: Readonly<Record<K, number>>,
  by?: Readonly<Partial<Record<K, number>>>,
): Readonly<Record<K, number>> =>
  Object.fromEntries(
    (Object.entries(weights) as [K, number][]).map(([name, weight]) => [name, weight * (by?.[name] ?? 1)]),
  ) as Record<K, number>

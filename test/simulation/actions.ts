/** What may happen in a step. Each by dice of its own, on names and not on places: what is left out changes no other. */
import { type Climate, weighted } from './climates.ts'
import { ON_GROUPS } from './crews.ts'
import type { Dice } from './dice.ts'
import { MISHAPS } from './mishaps.ts'
import { REQUESTS } from './requests.ts'
import type { World } from './world.ts'

export interface Step {
  readonly world: World
  readonly dice: Dice
  readonly number: number
}

export type Action = (step: Step) => void
export type Actions = Readonly<Record<string, { readonly weight: number; readonly run: Action }>>

export const ACTIONS: Actions = { ...REQUESTS, ...ON_GROUPS, ...MISHAPS }

const WEIGHTS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(ACTIONS).map(([name, { weight }]) => [name, weight]),
)

/** How often each is done, by climate. */
export const weightsIn = (climate: Climate): Readonly<Record<string, number>> =>
  weighted(WEIGHTS, climate.actions)

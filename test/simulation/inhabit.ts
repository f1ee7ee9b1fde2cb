/** When the supervisor is gone, another one begins: at once or later, and again when it cannot. */
import type { Dice } from './dice.ts'
import type { World } from './world.ts'

/** In an outage none begins: after so many tries the outage is over. */
const PATIENCE = 3
const MOST_TRIES = 30

export function inhabit(world: World, dice: Dice): void {
  if (!world.embedder.vacant) return
  world.advance(dice.pick([0, 1, 10, 100, 1_000, 10_000]))
  for (let tries = 0; world.embedder.vacant && world.violations.length === 0; tries += 1) {
    if (tries === PATIENCE) world.registry.mood = 'well'
    if (tries === MOST_TRIES) return world.violated('P6 a supervisor begins', `not in ${tries} tries`)
    world.begin()
    if (world.embedder.vacant) world.advance(500)
  }
}

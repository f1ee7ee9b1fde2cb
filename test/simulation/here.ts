/** The world that is being simulated in this process. What stands in for a module of the product finds it here. */
import type { Fault } from './faults.ts'
import type { World } from './world.ts'

let current: World | undefined

export const enter = (world: World): void => {
  current = world
}

export const here = (): World => {
  if (!current) throw new Error('no world is being simulated')
  return current
}

/** Whether this fault is put in on purpose. */
export const isBroken = (fault: Fault): boolean => current?.broken === fault

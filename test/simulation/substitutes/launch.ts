/** Forking on the simulated machine: what stands in for `src/process/launch.ts`. */
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import * as real from '../../../src/process/launch.ts'
import type { LaunchOrder } from '../../../src/process/launcher.ts'
import { failed } from '../../../src/process/launch-errors.ts'
import { lifeKey } from '../../../machines/events.ts'
import { here, isBroken } from '../here.ts'
import type { Kind } from '../kernel/programs.ts'

export const { scrubbed, environmentFor } = real

const kindOf = ({ command }: LaunchOrder): Kind => command[1] as Kind

export const prepare: typeof real.prepare = async (order) => {
  const world = here()
  const launcher = world.launchers.orderedFrom(order)
  const dice = world.dice.fork(`prepare ${lifeKey(order)}`)
  const ms = dice.chance(0.05) ? dice.between(0, 3_000) : dice.between(0, 3)
  await new Promise<void>((resolve) => {
    world.time.physical.setTimeout(() => launcher.party.deliver(resolve), ms)
  })
  return dice.chance(0.02) ? failed('cwd is gone.', 'ENOENT') : undefined
}

export const unprepare: typeof real.unprepare = () => {}

export const fork: typeof real.fork = (order, base) => {
  const world = here()
  const kind = kindOf(order)
  const dice = world.dice.fork(`life ${lifeKey(order)}`)
  if (kind === 'missing') return Promise.resolve(failed('There is no such program.', 'ENOENT'))
  if (kind === 'busy' && dice.chance(0.5)) return Promise.resolve(failed('No process could be made.', 'EAGAIN'))
  const launcher = world.launchers.orderedFrom(order)
  const times = isBroken('two-lives') && dice.chance(0.2) ? 2 : 1
  let leader: ReturnType<typeof world.begin>
  for (let i = 0; i < times; i += 1)
    leader = world.begin(order, kind, launcher.pid, real.environmentFor(base, order)['REEVE_LIFE'] ?? '', dice)
  if (!leader) return Promise.resolve(failed('No process could be made: no pid is left.', 'EAGAIN'))
  const child = new EventEmitter()
  const { pid, startTime } = leader
  const born = leader
  leader.onExit = (exit) =>
    launcher.party.deliver(() => {
      if (world.kernel.table.get(pid) !== born || launcher.party.dead) return
      world.kernel.reap(born)
      child.emit('exit', exit.code, exit.signal)
    })
  return {
    child: child as unknown as ChildProcess,
    process: { bootId: 'simulated', pid, startTime },
    fifo: undefined,
  }
}

/** `node:child_process` of the simulated machine: an agent is forked by the launcher that runs. */
import { EventEmitter } from 'node:events'
import { lifeKey } from '../../../machines/events.ts'
import { here, isBroken } from '../here.ts'
import { KINDS, type Kind } from '../machine/programs.ts'
import { SystemError } from '../machine/system-error.ts'
import { mayAct, runningParty } from '../party.ts'

interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>
}

export const simulated = {
  spawn(program: string, args: readonly string[], { env }: SpawnOptions): EventEmitter {
    const world = here()
    const launcher = runningParty()
    if (!mayAct() || !launcher) throw new SystemError('EINTR', 'its process is dead')
    const child = new EventEmitter()
    const fail = (errno: string) => {
      process.nextTick(() => child.emit('error', new SystemError(errno, program)))
      return Object.assign(child, { pid: undefined, unref: () => {} })
    }
    const key = lifeKey({ agentId: env.REEVE_AGENT_ID ?? '', incarnation: Number(env.REEVE_INCARNATION) })
    const dice = world.dice.fork(`life ${key}`)
    const kind = args[0] as Kind
    if (program !== 'simulated' || !(kind in KINDS)) return fail('ENOENT')
    if (kind === 'busy' && dice.chance(0.5)) return fail('EAGAIN')
    if (isBroken('two-lives') && dice.chance(0.2)) world.lead(key, kind, launcher, env, dice)
    const leader = world.lead(key, kind, launcher, env, dice)
    if (!leader) return fail('EAGAIN')
    leader.onExit = ({ code, signal }) =>
      launcher.deliver(() => {
        if (world.kernel.table.get(leader.pid) !== leader) return
        world.kernel.reap(leader)
        child.emit('exit', code, signal)
      })
    return Object.assign(child, { pid: leader.pid, unref: () => {}, kill: () => {} })
  },
}

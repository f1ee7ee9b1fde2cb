/** What has to hold whenever a process is begun, or a signal reaches one. */
import { lifeKey } from '../../../machines/events.ts'
import type { LaunchOrder } from '../../../src/process/launcher.ts'
import { lives, type SimProcess } from '../machine/process.ts'
import type { LifeTruth } from '../truth.ts'
import type { World } from '../world.ts'
import { afterOthers } from './groups.ts'
import { alone } from './lanes.ts'

const NO_STRANGERS = 'P3 no signal reaches a stranger'
const NOT_UNASKED = 'P3 no signal reaches a life that nobody ends'
const ONE_SIGNAL = 'a rung signals once'
const ONE_LIFE = 'P4 one life at a time'

/** Known to be beyond what can be found, or allowed to stay. */
export const mayStay = (process: SimProcess, detachOk: boolean): boolean =>
  process.cleared || (detachOk && process.detached)

export function onSignal(world: World, process: SimProcess, signal: NodeJS.Signals): void {
  const { truth } = world
  world.checking(NO_STRANGERS)
  const { pid, comm, life: key } = process
  // A second launcher in one home, or one that hangs: replaced by its own.
  if (comm === 'launcher' && signal === 'SIGKILL') return world.fault('launchers ended by their own')
  if (key === null) return world.violated(NO_STRANGERS, `${signal} reached ${pid} (${comm})`)
  const life = truth.lives.get(key)
  if (!life) return
  world.checking(NOT_UNASKED)
  if (!truth.isEndAsked(key) && lives(life.leader))
    world.violated(NOT_UNASKED, `${signal} reached ${pid} (${comm}) of ${key}`)
  const mayLeave = life.order.detachOk && !truth.lost.has(key)
  if (mayLeave && process.detached && process.session !== life.leader.pid)
    world.violated('detachOk is kept to', `${signal} reached ${pid} of ${key}, which may live on`)
  if (process !== life.leader || signal === 'SIGCONT') return
  const received = (life.received.get(signal) ?? 0) + 1
  life.received.set(signal, received)
  if (signal === 'SIGKILL') {
    life.killedAtMs = Math.min(life.killedAtMs, world.nowMs)
    return
  }
  world.checking(ONE_SIGNAL)
  const own = life.order.rungs.filter((rung) => 'signal' in rung && rung.signal === signal).length
  const rungs = own + (signal === 'SIGINT' && truth.isCancelled(key) ? 1 : 0)
  // What the launcher before did not live to confirm is sent again by the next; one that SIGKILL does not end, by each.
  const again = life.received.has('SIGKILL') ? rungs * life.handovers : life.handovers
  if (received > rungs + again)
    world.violated(
      ONE_SIGNAL,
      `the leader of ${key} had ${signal} ${received} times; its ladder has it ${rungs} times`,
    )
}

export function onFork(world: World, order: LaunchOrder, leader: SimProcess): void {
  alone(world, order, leader)
  afterOthers(world, order)
  const key = lifeKey(order)
  const name = order.env.REEVE_AGENT_NAME
  world.checking(ONE_LIFE)
  if (world.truth.lives.has(key)) world.violated(ONE_LIFE, `${key} is started a second time`)
  for (const life of world.truth.lives.values()) {
    if (life.name !== name || isAnothers(world, life)) continue
    if (life.leader !== leader && lives(life.leader) && !isNamed(world, life.key, life.leader.pid))
      world.violated(
        ONE_LIFE,
        `${key} begins (pid ${leader.pid}) while the leader of ${life.key} lives (pid ${life.leader.pid})`,
      )
    if (life.order.agentId !== order.agentId || life.key === key) continue
    for (const left of world.kernel.byLife.get(life.key) ?? [])
      if (lives(left) && !mayStay(left, order.detachOk) && !isNamed(world, life.key, left.pid))
        world.violated(ONE_LIFE, `${key} begins while ${left.pid} (${left.comm}) of ${life.key} lives`)
  }
}

/**
 * Whether it was said at the end of its life: of this process that it could not be ended, or of all of its tree that
 * nobody knows. Whoever starts it anew then wants just that.
 */
export function isNamed(world: World, key: string, pid: number): boolean {
  const at = key.lastIndexOf('.')
  const agentId = key.slice(0, at)
  const incarnation = Number(key.slice(at + 1))
  return (world.knownOf(agentId)?.entries ?? []).some(
    (entry) =>
      entry.incarnation === incarnation &&
      (entry.escaped?.includes(pid) || entry.evidence?.unverified === true),
  )
}

/** Of a supervisor that is gone, and whose registry with it: its launcher ends it, and nobody else knows of it. */
export const isAnothers = (world: World, { supervisor }: LifeTruth): boolean =>
  !world.registry.durable && supervisor !== world.supervisor

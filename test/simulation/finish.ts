/** The end of a run: the bad luck ends, everything is brought home, and nothing is left of it. */
import { isEnd, lifeKey } from '../../machines/events.ts'
import type { AgentRecord } from '../../src/registry/record.ts'
import { isInner } from './crews.ts'
import { inhabit } from './inhabit.ts'
import { mayStay } from './invariants/processes.ts'
import { checkStanding } from './invariants/standing.ts'
import { isGivenUp } from './known.ts'
import { lives } from './machine/process.ts'
import type { World } from './world.ts'

const STOP_MS = 30_000

export function settleAll(world: World): void {
  const { dice, registry, sink } = world
  inhabit(world, dice.fork('last'))
  const { embedder } = world
  embedder.mischief = undefined
  embedder.party.doom(Number.POSITIVE_INFINITY, () => {})
  // One in four supervisors is stopped in the middle of an outage.
  const well = dice.fork('finish').chance(0.75)
  if (well) {
    registry.mood = 'well'
    sink.mood = 'well'
    world.advance(12_000)
    const told = embedder.told.length
    world.advance(200)
    checkStanding(world)
    if (world.violations.length > 0) return
    arrived(world, told, 'P5 everything arrives after an outage')
  }
  for (const { id, group } of embedder.supervisor.list()) if (!isInner(group)) embedder.wish(id, 'end')
  embedder.stop(STOP_MS)
  for (
    let waited = 0;
    waited < STOP_MS + 2_000 && !embedder.stopped && world.violations.length === 0;
    waited += 500
  ) {
    world.advance(500)
    checkStanding(world)
  }
  if (well && embedder.stopped) arrived(world, embedder.told.length, 'P5 everything is committed by stop()')
  world.advance(12_000)
}

function arrived(world: World, told: number, name: string): void {
  world.checking(name)
  for (const store of [world.registry, world.sink]) {
    const { entries } = store.of(world.embedder.supervisor.id)
    if (entries.length < told) world.violated(name, `${store.name} has ${entries.length} of ${told} entries`)
  }
}

export function checkFinally(world: World): void {
  checkStanding(world)
  const { embedder, kernel, supervisor, launchers } = world
  const finally_ = (name: string, wrong: readonly string[]): void => {
    world.checking(name)
    for (const message of wrong) world.violated(name, message)
  }
  const { stopped } = embedder
  finally_('P6 stop() ends', stopped ? [] : ['stop() did not end'])
  finally_(
    'P6 everyone is answered in the end',
    [...embedder.asked].map(({ what }) => `${what} was never answered`),
  )
  finally_(
    'nothing is stored after close()',
    [embedder.registry, embedder.sink].filter(({ afterClose }) => afterClose > 0).map(({ name }) => name),
  )
  const escaped = new Set(stopped?.escaped)
  const givenUp = [...embedder.known.values()].filter(isGivenUp)
  finally_(
    'P6 stop() names whom it gave up',
    givenUp
      .filter(({ agent: { record } }) => record.pid !== null && !escaped.has(record.pid))
      .map(({ agent: { record } }) => `${record.id} is ${record.state}, and ${record.pid} is named nowhere`),
  )
  finally_(
    'P2 whom stop() gave up had been killed before',
    givenUp
      .filter(
        ({ agent: { record }, endedAtMs }) => record.pid !== null && killedAtMs(world, record) > endedAtMs,
      )
      .map(({ agent: { record } }) => `${record.id} was given up, and ${record.pid} had had no SIGKILL`),
  )
  const named = new Set(world.sessions.flatMap(({ told }) => told.flatMap((entry) => entry.escaped ?? [])))
  const left: string[] = []
  for (const [key, processes] of kernel.byLife) {
    const detachOk = world.orders.get(key)?.detachOk ?? false
    for (const process of processes)
      if (
        lives(process) &&
        !mayStay(process, detachOk) &&
        !world.truth.orphaned.has(key) &&
        !escaped.has(process.pid) &&
        !named.has(process.pid) &&
        !world.named.has(process.pid)
      )
        left.push(
          `${process.pid} (${process.comm}, ${process.state}) of ${key} lives on, and is named nowhere`,
        )
  }
  const unverified = world.faults.has('unverified ends') || stopped?.timedOut
  finally_('P2 nothing is left after stop()', unverified ? [] : left)
  const listed = embedder.supervisor.list().filter(({ state }) => isEnd(state))
  finally_(
    'an agent that has ended is listed no more',
    listed.map(({ id, state }) => `${id} is ${state}`),
  )
  finally_(
    'nothing goes on after stop()',
    supervisor.timers === 0 || stopped?.timedOut ? [] : [`${supervisor.timers} timers are set`],
  )
  finally_(
    'the launcher leaves',
    launchers.all
      .filter(({ party }) => !party.dead && !party.frozen && !stopped?.timedOut)
      .map(({ pid }) => `launcher ${pid} is there`),
  )
}

const killedAtMs = ({ truth }: World, { id, incarnation }: AgentRecord): number =>
  truth.lives.get(lifeKey({ agentId: id, incarnation }))?.killedAtMs ?? Number.POSITIVE_INFINITY

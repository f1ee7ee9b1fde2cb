/** What has to hold after every step. */
import { isDeepStrictEqual } from 'node:util'
import { isEnd, lifeKey } from '../../../machines/events.ts'
import type { AgentRecord } from '../../../src/registry/record.ts'
import { isGivenUp, type Known } from '../known.ts'
import { lives } from '../machine/process.ts'
import type { Store } from '../store.ts'
import type { World } from '../world.ts'
import { nearAreWarned, spentAreEnding } from './budgets.ts'
import { calmSinceMs } from './calm.ts'
import { emptyWhenOver, givesUp, leftInTime } from './groups.ts'
import { bounded, heldByOne, isWaiting, knowsForWhom, neverIdle } from './lanes.ts'

/** An exit of a child is listed this soon, the way through a tired launcher included; one that is watched, this soon. */
const LISTED_MS = 60
const WATCHED_MS = 1_100

type Check = (world: World) => Iterable<string>

export const STANDING: Readonly<Record<string, Check>> = {
  *'P1 alive is what is alive'(world) {
    if (world.supervisor.frozen || world.embedder.stopped) return
    const calmMs = world.nowMs - calmSinceMs(world)
    for (const record of world.embedder.supervisor.list()) yield* listed(world, record, calmMs)
  },

  *'P4 a name is held once, by one who has not ended'(world) {
    const listed = world.embedder.supervisor.list()
    const names = new Set(listed.map(({ name }) => name))
    if (names.size < listed.length) yield `listed: ${listed.map(({ name }) => name).join(', ')}`
    for (const { id, name, state } of listed)
      if (isEnd(state)) yield `${name} is held by ${id}, which is ${state}`
  },

  *'P7 no start waits for another'(world) {
    if (world.supervisor.frozen || world.embedder.stopped) return
    const calmMs = world.nowMs - calmSinceMs(world)
    for (const { id, incarnation, state } of world.embedder.supervisor.list({ state: 'spawning' })) {
      const known = world.embedder.known.get(id)
      if (known && isWaiting(known)) continue
      // While its group regroups, a new member waits to begin with the others.
      if (known?.spec.group !== undefined && known.entries.length === 0) continue
      const key = lifeKey({ agentId: id, incarnation })
      const askedMs = world.nowMs - (known?.toldAtMs ?? world.nowMs)
      if (!world.orders.has(key) && Math.min(askedMs, calmMs) > LISTED_MS)
        yield `${key} is ${state} since ${askedMs.toFixed(1)} ms, and its launcher was not asked`
    }
  },

  'P4 a lane is held by one': heldByOne,
  'lanes: one that is free goes to whose turn it is': neverIdle,
  'lanes: who waits knows for whom': knowsForWhom,
  'P6 the line of a lane is bounded': bounded,

  'budgets: one that is used up ends its agent': spentAreEnding,
  'budgets: who is near the end was warned': nearAreWarned,

  'groups: whoever has to go goes in time': leftInTime,
  'groups: one over its intensity gives up': givesUp,
  'groups: one that is over has no members': emptyWhenOver,

  *'P5 what is stored is what was told'(world) {
    yield* prefix(world, world.registry)
    yield* prefix(world, world.sink)
  },

  *'P5 a record is the fold of what was told'(world) {
    const { known, news } = world.embedder
    for (const id of news) {
      const one = known.get(id)
      if (!one?.record || one.removed) continue
      const shown = settled(one, one.agent.record)
      const folded = settled(one, one.record)
      if (!isDeepStrictEqual(shown, folded))
        yield `${id} shows ${JSON.stringify(shown)}; told was ${JSON.stringify(folded)}`
    }
    news.clear()
  },

  *'P6 every answer comes in time'(world) {
    if (world.supervisor.frozen) return
    for (const { what, atMs, dueMs } of world.embedder.asked)
      if (world.nowMs > dueMs) yield `${what} was asked at ${atMs.toFixed(1)} and is not answered`
  },

  *'ready and ended settle with the end'(world) {
    if (world.supervisor.frozen) return
    const live = new Set(world.embedder.supervisor.list().map(({ id }) => id))
    for (const [id, { ready, ended, entries, removed, toldAtMs }] of world.embedder.known) {
      // What was told in this very moment settles in the turn that follows.
      if (live.has(id) || removed || toldAtMs === world.nowMs) continue
      const last = entries.at(-1)
      if (last && !isEnd(last.to)) yield `${id} is ${last.to}, and listed no more`
      if (ended === undefined) yield `${id} has ended, and its ended is pending`
      else if (last && ended !== last.to && isEnd(last.to)) yield `${id} is ${last.to}; ended said ${ended}`
      if (ready === undefined) yield `${id} has ended, and its ready is pending`
    }
  },
}

/** Without what changes between two entries: the last sign of life, and for whom one waits. */
function settled(known: Known, { lastHeartbeatAt: _, evidence, ...record }: AgentRecord) {
  return isWaiting(known) ? record : { ...record, evidence }
}

export function checkStanding(world: World): void {
  if (world.embedder.vacant) return
  for (const [name, check] of Object.entries(STANDING)) {
    world.checking(name)
    for (const message of check(world)) world.violated(name, message)
  }
}

function* listed(world: World, record: AgentRecord, calmMs: number): Generator<string> {
  const { id, incarnation, state, alive, pid } = record
  const key = lifeKey({ agentId: id, incarnation })
  const life = world.truth.lives.get(key)
  if (alive) {
    if (!life) return yield `${key} is ${state} with pid ${pid}, and was never forked`
    const { leader } = life
    if (leader.pid !== pid) yield `${key} is listed with pid ${pid}, and has ${leader.pid}`
    if (leader.diedAtMs === null) return
    const known = world.embedder.known.get(id)
    if (world.embedder.stopping && known && isGivenUp(known)) return
    const bound = life.launcher === world.launchers.serving?.party ? LISTED_MS : WATCHED_MS
    const deadMs = world.nowMs - leader.diedAtMs
    if (Math.min(deadMs, calmMs) > bound)
      yield `${key} is ${state}, alive, and its leader died ${deadMs.toFixed(1)} ms ago`
  } else if (state === 'spawning' && life && lives(life.leader) && !world.truth.lost.has(key)) {
    const forkedMs = world.nowMs - life.forkedAtMs
    if (Math.min(forkedMs, calmMs) > LISTED_MS)
      yield `${key} is spawning, and has a leader since ${forkedMs.toFixed(1)} ms`
  }
}

function* prefix(world: World, store: Store): Generator<string> {
  for (const wrong of store.wrong.splice(0)) yield `${store.name}: ${wrong}`
  for (const { id, told } of world.sessions) {
    const taken = store.of(id)
    // A supervisor that died may have written more than it told.
    for (; taken.compared < Math.min(taken.entries.length, told.length); taken.compared += 1) {
      const [entry, wanted] = [taken.entries[taken.compared], told[taken.compared]]
      if (entry !== wanted && !isDeepStrictEqual(entry, wanted))
        return yield `${store.name}: entry ${taken.compared + 1} is ${JSON.stringify(entry)}; told was ${JSON.stringify(wanted)}`
    }
  }
}

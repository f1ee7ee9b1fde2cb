/**
 * What a group promises, in OTP's meanings: who goes with one that failed, how often that may be, and what becomes of all
 * when it was too often. Held against the lives that there are: whoever has to go is dead before another one begins.
 */
import { type Entry, isEnd, lifeKey } from '../../../machines/events.ts'
import { isCrashlike } from '../../../machines/restart.ts'
import type { LaunchOrder } from '../../../src/process/launcher.ts'
import { type Crew, isWithin } from '../crews.ts'
import type { Known } from '../known.ts'
import { lives } from '../machine/process.ts'
import { endBoundMs } from '../specs.ts'
import type { World } from '../world.ts'
import { calmSinceMs } from './calm.ts'
import { isNamed } from './processes.ts'

const TOGETHER = 'groups: who goes with one that failed is gone before that comes back'
const SHARED = 'groups: the restarts of all members count together'

/** Where it stands among its siblings: the groups among them, too. */
function placeIn(world: World, path: string, { spec }: Known): number {
  const own = spec.group ?? ''
  const inner = own === path ? spec.id : `group ${path}/${own.slice(path.length + 1).split('/')[0]}`
  return world.spawned.lastIndexOf(inner)
}

/** Agents of the group and of those within it that have not ended. */
const membersOf = ({ embedder }: World, path: string): Known[] =>
  embedder.supervisor.list({ group: path }).flatMap(({ id }) => embedder.known.get(id) ?? [])

const livesOf = (world: World, members: readonly Known[]): string[] =>
  members
    .map(({ spec, agent }) => lifeKey({ agentId: spec.id, incarnation: agent.incarnation }))
    .filter((key) => isAlive(world, key))

/** Of those whose process is asked for: it may be forked a moment later, and ends with the others. */
const begunOf = (members: readonly Known[]): string[] =>
  members
    .filter(({ agent }) => agent.state === 'spawning')
    .map(({ spec, agent }) => lifeKey({ agentId: spec.id, incarnation: agent.incarnation }))

function isAlive(world: World, key: string): boolean {
  const leader = world.truth.lives.get(key)?.leader
  return leader !== undefined && lives(leader) && !isNamed(world, key, leader.pid)
}

export function inGroup(world: World, entry: Entry, known: Known): void {
  const path = known.spec.group
  const crew = path === undefined ? undefined : world.crews.get(path)
  if (!crew) return
  const { event, evidence, from, to, reason } = entry
  attend(world, crew)
  // What a successor takes up again without a count failed before it came: others may have to go with it all the same.
  const comesBack = event === 'backoff' && from !== to
  if (comesBack && evidence?.attempt !== undefined) failed(world, crew, known)
  else if (comesBack) crew.failedMs.set(known.spec.id, world.nowMs)
  // It may be a group around its own in which another one failed.
  const around = world.crews.get(reason?.by ?? '')
  if (around && to === 'terminating' && from !== to && reason?.message?.endsWith('(rest_for_one)'))
    comesAfter(world, around, known)
  if (!isEnd(to) || from === to) return
  // What its supervisor says in the turn in which it begins, nobody listens to yet.
  const isHeard = world.embedder.sinceMs < world.nowMs
  if (isHeard && evidence?.notRestarted === 'restart intensity exceeded')
    world.overdone.set(crew.path, world.nowMs)
  // What it is ended for by its supervisor is a failure of its own: it was not ready in time, it stalled.
  const isItsOwn = !reason || isCrashlike(reason)
  const byItself = isItsOwn && known.wish === 'run' && staysDown(known, to)
  // What has used itself up has ended by nobody's wish.
  const isUsedUp = reason?.kind === 'ttl' || reason?.kind === 'budget'
  if (known.spec.significant && (byItself || isUsedUp) && !evidence?.again && goesOn(world, known))
    significant(world, crew, known)
}

/**
 * A group that is down as a whole may be started again by the one around it. No entry tells that of one whose members
 * were all down before, each in its backoff, when its turn to end came: the group's own actor does.
 */
function attend(world: World, crew: Crew): void {
  const { actor } = world.embedder.supervisor.findGroup(crew.path) ?? {}
  if (!actor || actor === crew.actor) return
  crew.actor = actor
  const next = ({ value }: { readonly value?: unknown }): void => {
    if (value === 'resting' && crew.actor === actor) crew.restedMs = world.nowMs
  }
  actor.subscribe({ next, error: () => {} })
}

/** A member comes back by its policy. */
function failed(world: World, crew: Crew, known: Known): void {
  const { nowMs, vows } = world
  const { path, strategy, intensity } = crew
  const { id } = known.spec
  crew.failedMs.set(id, nowMs)
  if (intensity) {
    world.checking(SHARED)
    const isHeld = (atMs: number) => atMs > crew.restedMs && nowMs - atMs < intensity.withinMs
    crew.restartsMs = [...crew.restartsMs.filter(isHeld), nowMs]
    if (crew.restartsMs.length > intensity.restarts)
      world.violated(
        SHARED,
        `${id} is restarted, as the ${crew.restartsMs.length}. of ${path} within ${intensity.withinMs} ms; it allows ${intensity.restarts}`,
      )
  }
  if (strategy === 'one_for_one') return
  const place = placeIn(world, path, known)
  const affected = membersOf(world, path).filter(
    (other) => other !== known && (strategy === 'one_for_all' || placeIn(world, path, other) > place),
  )
  vows.delete(id)
  vows.set(id, { why: strategy, agentId: id, path, lives: livesOf(world, affected), asked: [], atMs: nowMs })
}

/** It is ended with one that failed: that one was spawned before it. */
function comesAfter(world: World, { path, failedMs }: Crew, known: Known): void {
  const name = 'groups: rest_for_one leaves those before'
  world.checking(name)
  const { id } = known.spec
  const place = placeIn(world, path, known)
  const begunMs = world.truth.lives.get(lifeKey({ agentId: id, incarnation: known.agent.incarnation }))
  const isBehind = [...failedMs].some(
    ([other, atMs]) => atMs >= (begunMs?.forkedAtMs ?? 0) && world.spawned.lastIndexOf(other) < place,
  )
  const hasInner = [...world.crews.keys()].some((inner) => inner !== path && isWithin(inner, path))
  if (!isBehind && !hasInner) world.violated(name, `${id} is ended; nobody before it in ${path} has failed`)
}

/** Its supervisor before did not take it along when it died. */
const goesOn = ({ truth, embedder }: World, { spec, agent, entries }: Known): boolean => {
  const { incarnation } = agent
  const life = truth.lives.get(lifeKey({ agentId: spec.id, incarnation }))
  // One that was never forked is of the supervisor that asked for it.
  const isAsked = (entry: Entry) =>
    entry.incarnation === incarnation &&
    (entry.from === null || entry.to === 'spawning') &&
    entry.supervisorId === embedder.supervisor.id
  const isOwn = life ? life.forkedAtMs >= embedder.sinceMs : entries.some(isAsked)
  return spec.onSupervisorDeath === 'adopt' || isOwn
}

const staysDown = ({ spec }: Known, to: Entry['to']): boolean => {
  const policy = typeof spec.restart === 'object' ? spec.restart.policy : spec.restart
  return policy === 'temporary' || (policy === 'transient' && to === 'completed')
}

/** A significant member has ended by itself. */
function significant(world: World, crew: Crew, known: Known): void {
  const { path, autoShutdown } = crew
  const { state } = world.embedder.supervisor.findGroup(path) ?? {}
  // What ends while others are ended is no end by itself.
  if (state !== 'running' || isUnderway(world, path)) return
  const rest = membersOf(world, path).filter((other) => other !== known)
  const isLast = !rest.some(({ spec }) => spec.group === path && spec.significant)
  if (autoShutdown === 'never' || (autoShutdown === 'all_significant' && !isLast)) return
  world.vows.set(`significant ${path}`, {
    why: `${known.spec.id}, which is significant, has ended`,
    agentId: null,
    path,
    lives: livesOf(world, rest),
    asked: begunOf(rest),
    atMs: world.nowMs,
  })
}

const isUnderway = ({ vows }: World, path: string): boolean =>
  [...vows.values()].some((vow) => vow.path === path || isWithin(path, vow.path))

/** It said so itself: all its members end, and what comes back begins after that. */
export function gaveUp(world: World, path: string): void {
  const crew = world.crews.get(path)
  if (!crew) return
  crew.gaveUpMs = world.nowMs
  const members = membersOf(world, path)
  world.vows.set(`gave up ${path}`, {
    why: 'it gave up',
    agentId: null,
    path,
    lives: livesOf(world, members),
    asked: begunOf(members),
    atMs: world.nowMs,
  })
}

/** A process begins: whoever had to go before it has gone. */
export function afterOthers(world: World, order: LaunchOrder): void {
  const known = world.knownOf(order.agentId)
  const group = known?.spec.group
  for (const [key, vow] of world.vows) {
    if (vow.agentId === null ? !isWithin(group, vow.path) : vow.agentId !== order.agentId) continue
    // A group within one that gives up works on until its own turn to end has come, as OTP's inner supervisors do.
    if (vow.agentId === null && group !== vow.path && !wasTakenAlong(known, order, vow.path)) continue
    if (vow.asked.includes(lifeKey(order))) continue
    world.checking(TOGETHER)
    for (const life of vow.lives)
      if (isAlive(world, life))
        world.violated(
          TOGETHER,
          `${lifeKey(order)} begins in ${vow.path} while ${life} lives (${vow.why}, at ${vow.atMs.toFixed(1)})`,
        )
    world.vows.delete(key)
  }
}

/** Its life before was ended by that group. */
function wasTakenAlong(known: Known | undefined, { incarnation }: LaunchOrder, path: string): boolean {
  const end = known?.entries.findLast((each) => each.incarnation === incarnation - 1 && isEnd(each.to))
  return end?.reason?.kind === 'strategy' && end.reason.by === path
}

/** What is asked of the last of them is asked when all others are gone. */
export function* leftInTime(world: World): Generator<string> {
  const { embedder, nowMs, vows } = world
  if (world.supervisor.frozen || embedder.stopping) return
  for (const [key, { why, lives, atMs, path, agentId }] of vows) {
    const living = lives.filter((life) => isAlive(world, life))
    if (living.length === 0) vows.delete(key)
    // In uninterruptible sleep it takes no SIGKILL: that is said, and tried again.
    const left = living.filter((life) => world.truth.lives.get(life)?.leader.state !== 'D')
    const isOver = agentId === null && embedder.supervisor.findGroup(path)?.state !== 'running'
    if (left.length > 0 && agentId === null && !isOver && atMs < nowMs)
      yield `${path} goes on with ${left.join(', ')} (${why}, at ${atMs.toFixed(1)})`
    const boundMs = lives.reduce((sum, life) => sum + boundOf(world, life), 2_000)
    if (left.length > 0 && Math.min(nowMs - atMs, nowMs - calmSinceMs(world)) > boundMs)
      yield `${left.join(', ')} of ${path} live on (${why}, at ${atMs.toFixed(1)})`
  }
}

function boundOf(world: World, life: string): number {
  const spec = world.knownOf(life.slice(0, life.lastIndexOf('.')))?.spec
  return spec ? endBoundMs(spec) : 0
}

export function* givesUp(world: World): Generator<string> {
  for (const [path, atMs] of world.overdone) {
    world.overdone.delete(path)
    if ((world.crews.get(path)?.gaveUpMs ?? 0) < atMs)
      yield `a member of ${path} was one restart too many at ${atMs.toFixed(1)}, and the group goes on`
  }
}

export function* emptyWhenOver(world: World): Generator<string> {
  const { embedder } = world
  // What is not gone when its time is over is named there.
  if (embedder.stopping) return
  for (const { path, state } of embedder.supervisor.groups()) {
    if (path === '') continue
    const isOver = state === 'failed' || state === 'stopped'
    const left = isOver ? embedder.supervisor.list({ group: path }) : []
    if (left.length > 0)
      yield `${path} is ${state}, and has ${left.map(({ id, state }) => `${id} (${state})`).join(', ')}`
    // Its members wait there for whether they are started again.
    const living = state === 'resting' ? livesOf(world, membersOf(world, path)) : []
    if (living.length > 0) yield `${path} is ${state}, and ${living.join(', ')} of it lives`
  }
}

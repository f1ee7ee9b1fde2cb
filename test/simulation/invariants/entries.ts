/** What has to hold whenever an entry is told. */
import { type Entry, isEnd, lifeKey } from '../../../machines/events.ts'
import type { Known } from '../known.ts'
import { lives } from '../machine/process.ts'
import type { LifeTruth } from '../truth.ts'
import type { World } from '../world.ts'
import { allHeard, counted, endedBySpending, warned } from './budgets.ts'
import { calmSinceMs } from './calm.ts'
import { inGroup } from './groups.ts'
import { inTurn, isWaiting } from './lanes.ts'
import { isNamed, mayStay } from './processes.ts'

const FOLLOWS: Record<string, readonly string[]> = {
  null: ['spawning'],
  spawning: ['pre_starting', 'terminating', 'reaping'],
  pre_starting: ['running', 'terminating', 'reaping'],
  running: ['stalling', 'terminating', 'reaping'],
  stalling: ['running', 'terminating', 'reaping'],
  terminating: ['reaping'],
  reaping: ['killed', 'crashed', 'completed'],
  killed: ['restarting', 'spawning'],
  crashed: ['restarting', 'spawning'],
  completed: ['restarting', 'spawning'],
  restarting: ['spawning', 'killed'],
}

export function onEntry(world: World, entry: Entry, known: Known | undefined): void {
  numbered(world, entry)
  if (!known) return
  lawful(world, entry, known)
  inTurn(world, entry, known)
  inGroup(world, entry, known)
  intended(world, entry, known)
  if (entry.escaped) trulyEscaped(world, entry)
  if (entry.event === 'exit') trueExit(world, entry)
  if (entry.event === 'usage') counted(world, entry, known)
  if (entry.event === 'budget_warning') warned(world, entry, known)
  if (entry.from === entry.to) return
  if (isEnd(entry.to)) nothingLeft(world, entry)
  if (isEnd(entry.to)) calledOff(world, entry, known)
  if (isEnd(entry.to)) allHeard(world, entry, known)
  if (entry.to === 'terminating' && known.spentAtMs === world.nowMs) endedBySpending(world, entry)
  if (entry.to === 'stalling') silent(world, entry, known)
  if (entry.event === 'ready_timeout' && entry.to === 'terminating') outOfTime(world, entry, known)
}

function numbered(world: World, { seq }: Entry): void {
  const name = 'P5 entries are numbered without gaps'
  world.checking(name)
  if (seq !== world.embedder.told.length)
    world.violated(name, `entry ${seq} is told as number ${world.embedder.told.length}`)
}

/** Its wait for a turn may end without a life. */
const LEAVES_LINE: readonly string[] = ['killed', 'crashed']

function lawful(world: World, { agentId, from, to }: Entry, { entries, spec }: Known): void {
  const name = 'entries follow the chart'
  world.checking(name)
  const before = entries.at(-2)?.to ?? null
  if (from !== before) world.violated(name, `${agentId}: from ${from}, but it was ${before}`)
  const isLawful = from === to || FOLLOWS[String(from)]?.includes(to)
  const isFromLine = LEAVES_LINE.includes(to) && isWaiting({ entries: entries.slice(0, -1) })
  // Its group was over before it could begin.
  const isLeftOut =
    spec.group !== undefined && (from === null || from === 'restarting') && LEAVES_LINE.includes(to)
  if (!isLawful && !isFromLine && !isLeftOut) world.violated(name, `${agentId}: ${from} → ${to}`)
}

/** What a user stopped never comes back by itself. */
function intended(world: World, { agentId, from, to, at }: Entry, { wish, wishedAtMs }: Known): void {
  const name = 'intent: what was stopped stays stopped'
  world.checking(name)
  if (wish === 'end' && wishedAtMs < world.nowMs && from !== to && (to === 'restarting' || to === 'spawning'))
    world.violated(name, `${agentId} was stopped at ${wishedAtMs.toFixed(1)} and is ${to} again (${at})`)
}

/** A task that was called off is recorded so, unless it was done by then. */
function calledOff(world: World, { agentId, to, reason }: Entry, { cancelledAtMs }: Known): void {
  if (cancelledAtMs === null || cancelledAtMs === world.nowMs || to === 'completed') return
  const name = 'intent: what was cancelled says so'
  world.checking(name)
  if (reason?.kind !== 'cancelled')
    world.violated(
      name,
      `${agentId} was cancelled at ${cancelledAtMs.toFixed(1)} and is ${to} (${reason?.kind})`,
    )
}

function nothingLeft(world: World, entry: Entry): void {
  const name = 'P2 nothing of a tree is left, or it is named'
  world.checking(name)
  const key = lifeKey(entry)
  const detachOk = world.orders.get(key)?.detachOk ?? false
  // It says itself that it could not be verified.
  if (entry.evidence?.unverified) return world.fault('unverified ends')
  for (const left of world.kernel.byLife.get(key) ?? [])
    if (
      lives(left) &&
      !mayStay(left, detachOk) &&
      !isNamed(world, key, left.pid) &&
      !entry.escaped?.includes(left.pid)
    )
      world.violated(
        name,
        `${key} is ${entry.to}, and ${left.pid} (${left.comm}) lives (state ${left.state})`,
      )
}

/** How it ended is told as it was, whoever tells it; that nobody knows, only when whoever waited for it is gone. */
function trueExit(world: World, entry: Entry): void {
  const name = 'P1 an exit is told as it was'
  const life = world.truth.lives.get(lifeKey(entry))
  const { exit } = entry
  if (!life?.leader.exit || !exit) return
  world.checking(name)
  const { code, signal } = life.leader.exit
  const told = `${life.key} ended with ${signal ?? code}, and it is told as ${exit.signal ?? exit.code}`
  const isUnknown = exit.code === null && exit.signal === null
  if (!isUnknown && (exit.code !== code || exit.signal !== signal)) world.violated(name, told)
  if (isUnknown && !life.launcher.dead)
    world.violated(name, `${told}; its launcher (pid ${life.launcher.pid}) lives`)
}

/** What is said to have escaped lives, or died while that was on its way. */
function trulyEscaped(world: World, entry: Entry): void {
  const name = 'P1 what is named as escaped lives'
  world.checking(name)
  if (entry.to !== 'reaping') return
  const processes = world.kernel.byLife.get(lifeKey(entry)) ?? []
  for (const pid of entry.escaped ?? []) {
    const one = processes.find(
      (process) => process.pid === pid && (process.diedAtMs ?? world.nowMs) > world.nowMs - 100,
    )
    if (!one && world.nowMs - calmSinceMs(world) > 1_000)
      world.violated(name, `${lifeKey(entry)}: ${pid} is named, and is dead`)
  }
}

/** A look at a life whose deadline passed takes this long at most. */
const LOOK_MS = 2_100

/** P8: no agent that gave a sign of life within its timeout is called stalled, nor one that said it waits. */
function silent(world: World, entry: Entry, { spec, runningSinceMs }: Known): void {
  const name = 'P8 no false stall'
  const life = world.truth.lives.get(lifeKey(entry))
  const heartbeat = spec.heartbeat
  if (!life || !heartbeat) return
  world.checking(name)
  const { timeout, sources, maxWait } = heartbeat as { timeout: number; sources: string[]; maxWait: number }
  const { truth, nowMs } = world
  // Nobody listened before a successor came.
  const watchedSinceMs = Math.max(runningSinceMs, world.embedder.sinceMs)
  const counts = {
    said: true,
    called: true,
    report: sources.includes('report'),
    output: sources.includes('output') && !truth.wallStepped,
  }
  // A log is dated by the wall clock, to within a second.
  const signs = life.signs
    .filter(({ by }) => counts[by])
    .map(({ atMs, by }) => ({ atMs: by === 'output' ? atMs - 1_000 : atMs, trulyMs: atMs }))
    .filter(({ atMs }) => atMs >= watchedSinceMs)
    .sort((a, b) => a.atMs - b.atMs)
  let sinceMs = watchedSinceMs
  for (const { atMs, trulyMs } of signs) {
    // Its deadline had passed and it was being looked at: too late for that look, it undoes the stall.
    if (trulyMs - sinceMs >= timeout - 1 && trulyMs >= nowMs - LOOK_MS) break
    sinceMs = atMs
  }
  const silentMs = nowMs - sinceMs - truth.deafMs(sinceMs, nowMs)
  if (silentMs < timeout - 1)
    world.violated(
      name,
      `${life.key} is stalling ${(nowMs - sinceMs).toFixed(1)} ms after a sign of life (${silentMs.toFixed(1)} that could be heard); its timeout is ${timeout}`,
    )
  const untilMs = timeAskedMs(life, runningSinceMs, sinceMs)
  if (nowMs < untilMs - 1 && !truth.wallStepped)
    world.violated(
      name,
      `${life.key} is stalling, and has ${(untilMs - nowMs).toFixed(1)} ms left of what it asked for`,
    )
  const { held } = life
  // Said after the last sign that could be heard: too late, as above.
  if (!held || held.sinceMs < runningSinceMs || held.sinceMs > sinceMs) return
  const heldSinceMs = Math.max(held.sinceMs, world.embedder.sinceMs)
  const heldMs = world.nowMs - heldSinceMs - world.truth.deafMs(heldSinceMs, world.nowMs)
  if (heldMs < maxWait - 1)
    world.violated(
      name,
      `${life.key} said ${held.name} ${heldMs.toFixed(1)} ms ago and is stalling; its maxWait is ${maxWait}`,
    )
}

/** What is written to a report file is heard this soon, also when the kernel did not tell of it: by the second sweep. */
const HEARD_MS = 2_100

/** P8: whoever is ready has not failed to become so, and whoever asks for time to become so has it. */
function outOfTime(world: World, entry: Entry, { spec }: Known): void {
  const name = 'P8 whoever is ready, or asked for time, is not out of time'
  const life = world.truth.lives.get(lifeKey(entry))
  if (!life) return
  world.checking(name)
  const { truth, nowMs } = world
  const byReport = typeof spec.ready === 'object' && 'report' in spec.ready
  if (byReport && life.readyMs < nowMs - HEARD_MS)
    world.violated(name, `${life.key} said ${(nowMs - life.readyMs).toFixed(1)} ms ago that it is ready`)
  const untilMs = timeAskedMs(life, 0, nowMs - HEARD_MS)
  if (nowMs < untilMs - 1 && !truth.wallStepped)
    world.violated(name, `${life.key} is not ready, and has ${(untilMs - nowMs).toFixed(1)} ms left`)
}

/** Until when it has time, by what it asked for between two moments. What is heard late reaches further. */
const timeAskedMs = ({ asks }: LifeTruth, fromMs: number, toMs: number): number =>
  Math.max(
    ...asks.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).map(({ untilMs }) => untilMs),
    Number.NEGATIVE_INFINITY,
  )

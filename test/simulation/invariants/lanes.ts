/**
 * What a lane promises: one agent in it at a time, and turns in the order in which they were asked for. Who is in a lane,
 * and who waits, is read from what was told of each agent, and the lives from the kernel.
 */
import type { Entry } from '../../../machines/events.ts'
import type { LaunchOrder } from '../../../src/process/launcher.ts'
import type { AgentSpec } from '../../../src/spec.ts'
import type { Known } from '../known.ts'
import { lives, type SimProcess } from '../machine/process.ts'
import type { World } from '../world.ts'
import { isAnothers, isNamed, mayStay } from './processes.ts'

/** So many wait in a line of the simulation. */
export const LINE_BOUND = 2

const ONE_LIFE = 'P4 one life at a time in a lane'
const IN_TURN = 'lanes: turns come in the order in which they were asked for'

/** Its turn has not come: it was queued, and nothing was begun since. */
export function isWaiting({ entries }: Pick<Known, 'entries'>): boolean {
  const queued = entries.findLastIndex(({ event }) => event === 'queued')
  return (
    queued >= 0 && !entries.slice(queued + 1).some(({ event, from, to }) => event === 'spawn' || from !== to)
  )
}

interface InLane {
  readonly known: Known
  readonly waits: boolean
}

function* membersOf(world: World, lane?: string): Generator<InLane & { readonly lane: string }> {
  const { supervisor, known } = world.embedder
  for (const { id } of supervisor.list()) {
    const one = known.get(id)
    // Of one that is being spawned, or restarted, in this very turn not all is told.
    if (one?.spec.lane !== undefined && (lane ?? one.spec.lane) === one.spec.lane)
      yield { known: one, waits: isWaiting(one), lane: one.spec.lane }
  }
}

/** Its turn may have come, and is told when its group, which regroups, lets it begin. */
const isHeldBack = ({ embedder }: World, { spec: { group } }: Known): boolean =>
  group !== undefined && embedder.supervisor.findGroup(group)?.state !== 'running'

/** Those of which it is known whether they wait, and who is in the lane. */
function decided(world: World) {
  const all = [...membersOf(world)]
  const undecided = new Set(
    all.filter(({ known, waits }) => waits && isHeldBack(world, known)).map(({ lane }) => lane),
  )
  return all.filter(({ lane }) => !undecided.has(lane))
}

export function* heldByOne(world: World): Generator<string> {
  const holders = new Map<string, string>()
  for (const { lane, known, waits } of membersOf(world)) {
    if (waits) continue
    const other = holders.get(lane)
    if (other) yield `${lane} is held by ${other} and by ${known.spec.id}`
    holders.set(lane, known.spec.id)
  }
}

export function* neverIdle(world: World): Generator<string> {
  const all = decided(world)
  const held = new Set(all.filter(({ waits }) => !waits).map(({ lane }) => lane))
  for (const { lane, known, waits } of all)
    if (waits && !held.has(lane)) yield `${known.spec.id} waits in ${lane}, and nobody is in it`
}

export function* knowsForWhom(world: World): Generator<string> {
  const all = decided(world)
  const holders = new Map(all.filter(({ waits }) => !waits).map(({ lane, known }) => [lane, known.spec.id]))
  for (const { lane, known, waits } of all) {
    if (!waits) continue
    const said = known.agent.record.evidence?.waitsFor
    if (said !== holders.get(lane))
      yield `${known.spec.id} says that it waits for ${said}; ${lane} is held by ${holders.get(lane)}`
  }
}

export function* bounded(world: World): Generator<string> {
  const lines = new Map<string, number>()
  for (const { lane, known, waits } of membersOf(world))
    if (waits && known.spec.onConflict === 'queue') lines.set(lane, (lines.get(lane) ?? 0) + 1)
  for (const [lane, waiting] of lines)
    if (waiting > LINE_BOUND) yield `${waiting} wait in ${lane}; it takes ${LINE_BOUND}`
}

/** A process begins: nobody else of its lane lives. */
export function alone(world: World, order: LaunchOrder, leader: SimProcess): void {
  const lane = world.knownOf(order.agentId)?.spec.lane
  if (lane === undefined) return
  world.checking(ONE_LIFE)
  for (const life of world.truth.lives.values()) {
    const { agentId } = life.order
    if (agentId === order.agentId || isAnothers(world, life)) continue
    if (world.knownOf(agentId)?.spec.lane !== lane) continue
    for (const left of world.kernel.byLife.get(life.key) ?? [])
      if (lives(left) && !mayStay(left, life.order.detachOk) && !isNamed(world, life.key, left.pid))
        world.violated(
          ONE_LIFE,
          `${order.agentId} begins in ${lane} (pid ${leader.pid}) while ${left.pid} (${left.comm}) of ${life.key} lives`,
        )
  }
}

/** Its turn has come: before it is nobody who asked earlier, nor one who takes the place of the last. */
export function inTurn(world: World, entry: Entry, known: Known): void {
  const { lane, id } = known.spec
  if (lane === undefined || entry.event !== 'spawn' || known.entries.at(-2)?.to !== 'spawning') return
  world.checking(IN_TURN)
  const asked = (one: Known) => world.spawned.lastIndexOf(one.spec.id)
  for (const { known: other, waits } of membersOf(world, lane)) {
    // Who came when it had its turn already, which is not told yet, comes after it.
    const cameLater = other.entries.findLast(({ event }) => event === 'queued')?.evidence?.waitsFor === id
    if (!waits || other === known || cameLater) continue
    const isBefore = known.spec.onConflict === 'queue' && asked(other) < asked(known)
    if (other.spec.onConflict === 'replace' || isBefore)
      world.violated(
        IN_TURN,
        `${id} has its turn in ${lane} before ${other.spec.id} (${other.spec.onConflict})`,
      )
  }
}

/** Someone was refused: the lane is held, or its line is full. */
export function wasBusy(world: World, { lane, onConflict }: Pick<AgentSpec, 'lane' | 'onConflict'>): void {
  const name = 'lanes: only a busy one refuses'
  world.checking(name)
  const inLane = lane === undefined ? [] : [...membersOf(world, lane)]
  const line = inLane.filter(({ known, waits }) => waits && known.spec.onConflict === 'queue').length
  const isHeld = inLane.some(({ waits, known }) => !waits || isHeldBack(world, known))
  if (!isHeld || onConflict === 'replace' || (onConflict === 'queue' && line < LINE_BOUND))
    world.violated(name, `${onConflict} in ${lane} is refused; held: ${isHeld}, waiting: ${line}`)
}

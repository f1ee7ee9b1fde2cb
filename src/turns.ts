/**
 * Taking turns in lanes: who comes in at once, who waits, and who begins when a lane is free. One that waits is an agent in
 * `spawning` of which the machines have not heard yet; its entries are told here.
 */
import type { EndState, EntryDraft, Evidence, Reason } from '../machines/events.ts'
import { LINE_BOUND } from '../machines/lanes.ts'
import { messageOf, ReeveError } from './errors.ts'
import { Lanes } from './lanes.ts'
import type { AgentPlan } from './plan.ts'
import { isWithin } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import type { Seat } from './seat.ts'

/** How the wait of one ends that never had its turn. */
type Ending = Pick<EntryDraft, 'event' | 'reason' | 'error' | 'evidence'>

export class Turns {
  readonly #runtime: Runtime
  readonly #lanes = new Lanes<Seat>()
  /** The supervisor stops: nobody has a turn any more. */
  #closed = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Whom one that waits comes after; `undefined` when it does not wait. */
  awaited({ plan, waiting }: Seat): Evidence | undefined {
    const holder = waiting && plan.lane !== undefined ? this.#lanes.holder(plan.lane) : undefined
    return holder && { waitsFor: holder.plan.id }
  }

  /** @throws ReeveError `lane_busy` */
  refuseBusy({ lane, onConflict }: AgentPlan): void {
    if (lane === undefined) return
    const entrance = this.#lanes.entrance(lane, onConflict)
    if (entrance === 'busy' || entrance === 'full') throw this.#busy(lane, entrance)
  }

  /**
   * Another life is asked for: of one that has ended while its lane is another's, or of one whose place is being taken.
   *
   * @throws ReeveError `lane_busy`
   */
  refuseAgain({ plan: { name, lane }, ended, waiting }: Seat): void {
    if (lane === undefined || waiting) return
    const other = ended ? this.#lanes.holder(lane) : this.#lanes.next(lane)
    if (!other) return
    const { plan, record } = other
    const how = ended
      ? `is held by ${standing(other)}`
      : `goes to ${plan.name} (${plan.id}), which takes the place of ${name}`
    const message = `lane: ${JSON.stringify(lane)} ${how}. Stop ${plan.name} first, or restart ${name} when ${plan.name} has ended.`
    throw new ReeveError('lane_busy', message, { field: 'lane', agentId: plan.id, record })
  }

  /** It begins, or waits for its turn. To be called after {@link refuseBusy}, in the same turn. */
  enter(seat: Seat): void {
    const { lane, onConflict } = seat.plan
    if (lane === undefined) {
      this.#runtime.begin(seat, null)
      return
    }
    const holder = this.#lanes.holder(lane)
    if (!holder) {
      this.#lanes.hold(lane, seat)
      this.#runtime.begin(seat, null)
      return
    }
    const supplanted = this.#wait(seat, lane)
    this.#tell(seat, { from: null, to: 'spawning', event: 'queued', evidence: { waitsFor: holder.plan.id } })
    if (onConflict !== 'replace') return
    const reason = replacedBy(seat)
    if (supplanted) this.end(supplanted, { event: 'stop', reason })
    this.#runtime.send({ type: 'STOP', agentId: holder.plan.id, reason })
  }

  /** It is in its lane without having waited: an ended agent that starts again, or one of a supervisor before. */
  hold(seat: Seat): void {
    const { lane } = seat.plan
    if (lane !== undefined) this.#lanes.hold(lane, seat)
  }

  /** It waited under a supervisor before, and goes on waiting. */
  resume(seat: Seat): void {
    const { lane } = seat.plan
    if (lane === undefined) return
    const supplanted = this.#wait(seat, lane)
    this.#tell(seat, { from: 'spawning', to: 'spawning', event: 'adopted' })
    if (supplanted) this.end(supplanted, { event: 'stop', reason: replacedBy(seat) })
  }

  /** All that a supervisor before left have come in: what it had begun in their lanes goes on. */
  resumed(): void {
    for (const lane of this.#lanes.names()) {
      this.#begin(this.#lanes.pass(lane))
      const holder = this.#lanes.holder(lane)
      const [first] = this.#lanes.waiting(lane)
      if (holder && first?.plan.onConflict === 'replace' && holder.record.reason?.kind !== 'lane')
        this.#runtime.send({ type: 'STOP', agentId: holder.plan.id, reason: replacedBy(first) })
    }
  }

  /** It has ended, and is recorded so: the lane goes to whose turn it is, before anybody hears of it. */
  left(seat: Seat, unverified: boolean): void {
    const { plan, record } = seat
    const { lane } = plan
    if (lane === undefined || this.#lanes.holder(lane) !== seat) return
    if (record.escaped.length > 0 || unverified) this.#giveUp(lane, seat)
    const turn = this.#lanes.leave(lane, seat)
    if (!this.#closed) this.#begin(turn)
  }

  /** It waits no more, and never had a process. */
  end(seat: Seat, { event, ...how }: Ending): void {
    const { lane } = seat.plan
    if (!seat.waiting || lane === undefined) return
    this.#lanes.withdraw(lane, seat)
    seat.waiting = false
    const to: EndState = how.error ? 'crashed' : 'killed'
    this.#tell(seat, { from: 'spawning', to, event, ...how })
  }

  /** The members of a group that wait, which is over or about to be. */
  endWithin(group: string, reason: Reason): void {
    for (const seat of this.#lanes.waiting().reverse())
      if (isWithin(seat.plan.group, group)) this.end(seat, { event: 'stop', reason })
  }

  /** The supervisor stops. */
  close(reason: Reason): void {
    this.#closed = true
    for (const seat of this.#lanes.waiting().reverse()) this.end(seat, { event: 'stop', reason })
  }

  #wait(seat: Seat, lane: string): Seat | undefined {
    seat.waiting = true
    if (seat.plan.onConflict === 'replace') return this.#lanes.replace(lane, seat)
    this.#lanes.queue(lane, seat)
    return undefined
  }

  #begin(seat: Seat | undefined): void {
    if (!seat) return
    seat.waiting = false
    const { group } = seat.plan
    try {
      if (group !== undefined) this.#runtime.groups.refuseOver(group)
      this.#runtime.begin(seat, 'spawning')
    } catch (cause) {
      const code = cause instanceof ReeveError ? cause.code : 'internal'
      const error = { code, message: messageOf(cause) }
      this.#tell(seat, { from: 'spawning', to: 'crashed', event: 'end', error })
    }
  }

  /** Two lives at a time are never had: what the holder left may be one. */
  #giveUp(lane: string, { plan: { name, id }, record: { escaped } }: Seat): void {
    const what = escaped.length > 0 ? `pid ${escaped.join(', ')}` : 'something of its tree, perhaps'
    const message = `lane ${JSON.stringify(lane)}: its turn was after ${name} (${id}), which ended and left ${what}`
    for (const seat of this.#lanes.waiting(lane))
      this.end(seat, { event: 'end', error: { code: 'lane_busy', message } })
  }

  #tell(seat: Seat, entry: Pick<EntryDraft, 'from' | 'to'> & Ending): void {
    const { id: agentId, name } = seat.plan
    this.#runtime.tellOfWaiting({ agentId, name, incarnation: 1, ...entry })
  }

  #busy(lane: string, how: 'busy' | 'full'): ReeveError {
    const holder = this.#lanes.holder(lane) as Seat
    const { record } = holder
    const held = `lane: ${JSON.stringify(lane)} is held by ${standing(holder)}`
    const message =
      how === 'busy'
        ? `${held}. Wait for it (onConflict: "queue"), or take its place (onConflict: "replace").`
        : `${held}, and ${LINE_BOUND} wait for their turn: no more are taken. Spawn it later.`
    return new ReeveError('lane_busy', message, { field: 'lane', agentId: record.id, record })
  }
}

const standing = ({ record: { name, state, alive }, lastPid }: Seat): string =>
  `${name} (${state}${alive ? `, pid ${lastPid}` : ''})`

const replacedBy = ({ plan: { id, name, lane, spawner = 'user' } }: Seat): Reason => ({
  kind: 'lane',
  by: spawner,
  message: `${name} (${id}) takes its place in lane ${JSON.stringify(lane)}`,
})

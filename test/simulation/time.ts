/**
 * The world's one time, and the clocks of those who live in it. The machine's own time never stands still; a party
 * (the supervisor, a launcher) whose loop is blocked or who is stopped hears and does nothing meanwhile, and all of
 * it at once afterwards.
 */
import { SteppingClock } from '../../src/clock.ts'

/** A process that runs our code: its clock, and what waits to be heard. */
export class Party {
  readonly name: string
  readonly clock: SteppingClock
  dead = false
  /** Its loop is blocked, or it is stopped. */
  frozen = false
  #inbox: (() => void)[] = []

  constructor(name: string, nowMs: number) {
    this.name = name
    this.clock = new SteppingClock()
    this.clock.block(nowMs)
  }

  /** Something from outside. The dead hear nothing; the frozen later, in order. */
  deliver(fn: () => void): void {
    if (this.dead) return
    if (this.frozen) this.#inbox.push(fn)
    else fn()
  }

  thaw(): void {
    this.frozen = false
    for (const fn of this.#inbox.splice(0)) fn()
  }
}

/** A due time may lie a rounding error ahead of the time that was stepped to. */
const LEAST_STEP_MS = 1e-6
/** Turns of the real loop in which what was put off must have come to rest. */
const MOST_TURNS = 500

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Lets promises and `setImmediate` of everyone come to rest: what happens then depends on nothing but what was done. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < MOST_TURNS; turns += 1) {
    await turn()
    if (!process.getActiveResourcesInfo().includes('Immediate')) return
  }
}

export class Time {
  nowMs = 0
  /** Of the kernel, the wires, the disks. */
  readonly physical = new SteppingClock()
  readonly #parties: Party[] = []

  party(name: string): Party {
    const party = new Party(name, this.nowMs)
    this.#parties.push(party)
    return party
  }

  /** Goes forward, and stops at every moment at which something is due. `look` is called after each. */
  async advance(ms: number, look: () => void): Promise<void> {
    const untilMs = this.nowMs + ms
    await settle()
    for (;;) {
      const dueMs = this.#nextDueMs()
      if (dueMs > untilMs) break
      this.#moveTo(Math.max(dueMs, this.nowMs))
      this.physical.advance(0)
      await settle()
      for (const party of this.#parties) {
        if (party.dead || party.frozen || (party.clock.nextDueMs ?? Number.POSITIVE_INFINITY) > this.nowMs)
          continue
        party.clock.advance(0)
        await settle()
      }
      look()
    }
    this.#moveTo(untilMs)
  }

  #nextDueMs(): number {
    let dueMs = this.physical.nextDueMs ?? Number.POSITIVE_INFINITY
    for (const { dead, frozen, clock } of this.#parties)
      if (!dead && !frozen) dueMs = Math.min(dueMs, clock.nextDueMs ?? Number.POSITIVE_INFINITY)
    return dueMs === this.nowMs ? dueMs : Math.max(dueMs, this.nowMs + LEAST_STEP_MS)
  }

  #moveTo(ms: number): void {
    const step = ms - this.nowMs
    if (step <= 0) return
    this.nowMs = ms
    this.physical.block(step)
    for (const { dead, clock } of this.#parties) if (!dead) clock.block(ms - clock.now())
  }
}

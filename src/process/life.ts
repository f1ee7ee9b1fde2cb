/** What the launcher knows of one life, from its order to its release. */
import {
  type Asked,
  type AskingRung,
  askedBy,
  asks,
  type Ladder,
  type Rung,
  startLadder,
} from '../../machines/escalation.ts'
import type { Exit, LifeAddress, ProcessIdentity } from '../../machines/events.ts'
import { errnoOf } from '../errors.ts'
import { tryRemoveControl } from './control-file.ts'
import type { ControlGroup } from './control-groups.ts'
import { closeFifo, type Fifo, reopenFifo } from './fifo.ts'
import type { CleanupTerms, CommandEnd, EndCause, LifeTerms } from './launcher.ts'
import type { Hunt } from './marker-pass.ts'
import { ticksNow } from './proc.ts'
import { addressOf, termsOf } from './protocol.ts'
import type { Spared } from './spared.ts'
import type { Sweep } from './sweep.ts'
import { Tree } from './tree.ts'

const UNSEEN: CommandEnd = {
  failure: 'it was begun by a launcher that is gone: how it ended was not seen',
}

export class Life {
  readonly terms: LifeTerms
  readonly address: LifeAddress
  readonly tree: Tree
  /** Whatever it forks stays in there. */
  group: ControlGroup | undefined
  /** `launching`: asked for. `live`: the leader was forked. `over`: it is gone, or never came. */
  phase: 'launching' | 'live' | 'over' = 'launching'
  /** Not our child: its exit is noticed by looking. */
  watched = false
  /** A supervisor has it in its hands; else the launcher acts alone, by its terms. */
  claimed = true
  /** Nobody wants it: it is ended, and nothing is answered. */
  dismissed = false
  /** Somebody began to end it. */
  why: EndCause | null = null
  /** Until then its leader may finish what it does, because it was asked to end by itself. */
  askedUntilMs = Number.NEGATIVE_INFINITY
  /** Its end is committed. */
  acknowledged = false
  /** Its tree was looked through after its end. */
  settled = false
  /** No leader is known, but there may have been one. */
  mayHaveTree = false
  /** How its leader ended; `null`: it lives, never came, or nobody saw it. */
  exit: Exit | null = null
  /** What is to be done at its end, as far as it was not begun. */
  cleanup: CleanupTerms | null
  readonly #hooks = new Map<number, Promise<CommandEnd>>()
  /** To be forgotten once it is over. */
  released = false
  sweep: Sweep | undefined
  /** The supervisor waits for the answer of the sweep. */
  sweepAsked = false
  /** Settles when the leader is gone, or will never come. */
  readonly over: Promise<void>
  #settle: () => void = () => {}
  #fifo: Fifo | undefined
  /** The last moment at which the leader was known to hold its pid, in clock ticks. */
  #heldUntil = 0
  #rungsTaken = 0
  #takenAtMs = 0

  constructor(terms: LifeTerms, spared: Spared) {
    this.terms = termsOf(terms)
    this.address = addressOf(terms)
    // A version before had none.
    this.cleanup = this.terms.cleanup ?? null
    this.tree = new Tree(spared, terms.detachOk)
    this.over = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  get leader(): ProcessIdentity | undefined {
    return this.tree.leader
  }

  /** The leader was there just now. */
  seenAlive(): void {
    try {
      this.#heldUntil = ticksNow()
    } catch (error) {
      // Out of descriptors: an earlier moment stands. Its session tells less then, its marker as much as ever.
      if (errnoOf(error) === undefined) throw error
    }
  }

  spawned(leader: ProcessIdentity, fifo: Fifo | undefined): void {
    this.phase = 'live'
    this.tree.leader = leader
    this.#fifo = fifo
  }

  /** It was forked by another launcher. */
  adopted(leader: ProcessIdentity): void {
    this.spawned(leader, this.terms.fifo === null ? undefined : reopenFifo(this.terms.fifo))
    this.watched = true
  }

  /** There is something to clean up that nobody has begun, or may have left undone. */
  get isDirty(): boolean {
    if (this.released || this.cleanup === null || this.cleanup.begun === null) return false
    const { commands, tmp, begun } = this.cleanup
    return begun < commands.length + (tmp === null ? 0 : 1)
  }

  /** A clean-up command is run once, whoever asks for it; whoever asks again is told how it ended. */
  hook(index: number, run: () => Promise<CommandEnd>): Promise<CommandEnd> {
    const known = this.#hooks.get(index)
    if (known !== undefined) return known
    const { begun = 0, commands = [] } = this.cleanup ?? {}
    if (begun === null) return Promise.resolve({ failure: null })
    // A folder can be removed twice.
    if (index < begun && index < commands.length) return Promise.resolve(UNSEEN)
    this.#cleanupFrom((begun) => Math.max(begun, index + 1))
    const running = run()
    this.#hooks.set(index, running)
    return running
  }

  /** What it leaves stays as it is. */
  leave(): void {
    this.#cleanupFrom(() => null)
  }

  #cleanupFrom(next: (begun: number) => number | null): void {
    const begun = this.cleanup?.begun ?? null
    if (this.cleanup !== null && begun !== null) this.cleanup = { ...this.cleanup, begun: next(begun) }
  }

  ended(exit: Exit | undefined): void {
    this.exit = exit ?? null
    this.phase = 'over'
    this.tree.leaderGone = true
    // A child of ours held its pid until it was waited for, which was just now.
    if (exit !== undefined && !this.watched) this.seenAlive()
    this.closeInput()
    if (this.terms.control !== null) tryRemoveControl(this.terms.control)
    this.#settle()
  }

  /** Our hold on its stdin, when it has an open one. */
  get input(): number | undefined {
    return this.#fifo?.held
  }

  /** It reads the end of its stdin, once nobody else holds it. */
  closeInput(): void {
    if (this.#fifo !== undefined) closeFifo(this.#fifo)
    this.#fifo = undefined
  }

  /** What to look for when its tree is searched. */
  hunt(): Hunt {
    const { marker } = this.terms
    if (this.leader === undefined) return { marker, notBefore: 0 }
    const { pid, startTime } = this.leader
    return { marker, notBefore: startTime, session: { id: pid, until: this.#heldUntil } }
  }

  get rungsTaken(): number {
    return this.#rungsTaken
  }

  /** The rungs that were taken before it came here. */
  resume(rungsTaken: number, nowMs: number): void {
    this.#rungsTaken = rungsTaken
    this.#takenAtMs = nowMs
  }

  /** The supervisor asked its leader to end by itself: it has time for it. */
  asked(rung: AskingRung, nowMs: number): void {
    this.askedUntilMs = nowMs + rung.waitMs
    this.countRung(askedBy(rung), nowMs)
  }

  /** Counts what was done as the rung that it is. */
  countRung(did: NodeJS.Signals | Asked, nowMs: number): void {
    const next = this.terms.rungs[this.#rungsTaken]
    if (next === undefined || wordOf(next) !== did) return
    this.#rungsTaken++
    this.#takenAtMs = nowMs
  }

  /** The ladder from where the supervisor left it: what was sent is not sent again. */
  ladder(nowMs: number): Ladder {
    const { rungs } = this.terms
    const at = this.#rungsTaken - 1
    const rung = rungs[at]
    if (rung === undefined) return startLadder(rungs, nowMs)
    return { rungs, at, taken: this.#rungsTaken, deadlineMs: this.#takenAtMs + rung.waitMs }
  }
}

const wordOf = (rung: Rung): NodeJS.Signals | Asked => (asks(rung) ? askedBy(rung) : rung.signal)

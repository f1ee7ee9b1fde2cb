/**
 * What a supervisor knows of the lives that its launcher keeps: enough to hand them to a new one when that launcher
 * dies, and to see that nothing is answered twice. What a supervisor before left is silent until it is adopted.
 */
import { type AskingRung, askedBy } from '../../machines/escalation.ts'
import {
  type Exit,
  type LifeAddress,
  lifeKey,
  type ProcessIdentity,
  type Reason,
} from '../../machines/events.ts'
import { type Chapter, keptFrom } from './chapters.ts'
import type {
  CleanupTerms,
  KeptLife,
  LauncherAnswer,
  LaunchOrder,
  LifeTerms,
  SweepOptions,
} from './launcher.ts'
import { addressOf, type Request, termsOf } from './protocol.ts'

interface Question {
  readonly rung: AskingRung
  readonly reason: Reason
}

interface Entry {
  terms: LifeTerms
  phase: 'launching' | 'live' | 'over'
  /** Until its outcome is known: a launcher that has not seen it yet gets it whole. */
  order: LaunchOrder | undefined
  /** A launcher was asked, and may have forked it. */
  asked: boolean
  process: ProcessIdentity | undefined
  exit: Exit | undefined
  /** Signals not yet answered, in their order. */
  readonly signals: NodeJS.Signals[]
  readonly questions: Question[]
  sweep: SweepOptions | undefined
  released: boolean
  /** What was answered of a life that nobody adopted yet; `undefined`: it is ours. */
  held: LauncherAnswer[] | undefined
}

export class Ledger {
  readonly #entries = new Map<string, Entry>()

  /** Lives that have not ended. */
  get living(): number {
    let living = 0
    for (const entry of this.#entries.values()) if (entry.phase !== 'over') living++
    return living
  }

  launch(order: LaunchOrder, asked: boolean): void {
    this.#add(order, { phase: 'launching', order, asked })
  }

  watch(terms: LifeTerms, process: ProcessIdentity): void {
    this.#add(terms, { phase: 'live', process, asked: true })
  }

  /** A supervisor before left it. */
  keep({ terms, state }: KeptLife): void {
    const process = 'process' in state ? state.process : undefined
    const exit = state.kind === 'exited' ? state.exit : undefined
    const phase =
      state.kind === 'launching'
        ? 'launching'
        : state.kind === 'failed' || state.kind === 'exited'
          ? 'over'
          : 'live'
    this.#add(terms, { phase, process, exit, asked: true, held: [] })
  }

  /** It is ours from now on; what was answered of it before. */
  adopt(life: LifeAddress): readonly LauncherAnswer[] {
    const entry = this.#get(life)
    const held = entry?.held ?? []
    if (entry !== undefined) entry.held = undefined
    return held
  }

  /** Nobody waits for anything of it. */
  dismiss(life: LifeAddress): void {
    this.#entries.delete(lifeKey(life))
  }

  /** Their ends are committed: what nobody adopted is of no interest any more. */
  acknowledge(lives: readonly LifeAddress[]): void {
    for (const life of lives) if (this.#get(life)?.held !== undefined) this.dismiss(life)
  }

  /** Whether it was taken back before any launcher was asked. */
  withdraw(life: LifeAddress): boolean {
    const entry = this.#get(life)
    return entry?.phase === 'launching' && !entry.asked
  }

  signal(life: LifeAddress, signal: NodeJS.Signals): void {
    this.#get(life)?.signals.push(signal)
  }

  ask(life: LifeAddress, question: Question): void {
    this.#get(life)?.questions.push(question)
  }

  sweep(life: LifeAddress, options: SweepOptions): void {
    const entry = this.#get(life)
    if (entry === undefined) return
    entry.sweep =
      entry.sweep === undefined
        ? options
        : {
            gentle: entry.sweep.gentle && options.gentle,
            killWaitMs: Math.min(entry.sweep.killWaitMs, options.killWaitMs),
          }
  }

  /** What is left to clean up after it, should a new launcher have to: as its terms say then. */
  cleanup(life: LifeAddress, left: (cleanup: CleanupTerms) => CleanupTerms): void {
    const entry = this.#get(life)
    if (entry === undefined || entry.terms.cleanup === null) return
    entry.terms = { ...entry.terms, cleanup: left(entry.terms.cleanup) }
  }

  release(life: LifeAddress): void {
    const entry = this.#get(life)
    if (entry?.phase === 'over') this.#entries.delete(lifeKey(life))
    else if (entry !== undefined) entry.released = true
  }

  /** Notes what was answered; `false` when it says nothing new, or to nobody yet, and is not to be passed on. */
  note(answer: LauncherAnswer): boolean {
    const entry = this.#get(answer)
    if (entry === undefined) return true
    if (!this.#isNew(entry, answer)) return false
    entry.held?.push(answer)
    return entry.held === undefined
  }

  #isNew(entry: Entry, answer: LauncherAnswer): boolean {
    switch (answer.type) {
      case 'SPAWNED':
        if (entry.phase !== 'launching') return false
        entry.phase = 'live'
        entry.process = answer.process
        entry.order = undefined
        return true
      case 'SPAWN_FAILED':
        return entry.phase === 'launching' && this.#over(entry)
      case 'EXITED':
        entry.exit ??= answer.exit
        return entry.phase === 'live' && this.#over(entry)
      case 'SIGNALLED': {
        const at = entry.signals.indexOf(answer.signal)
        if (at !== -1) entry.signals.splice(at, 1)
        return at !== -1
      }
      case 'ASKED': {
        const at = entry.questions.findIndex(({ rung }) => askedBy(rung) === answer.asked)
        if (at !== -1) entry.questions.splice(at, 1)
        return at !== -1
      }
      case 'SWEPT':
        entry.sweep = undefined
        return true
      default:
        return answer satisfies never
    }
  }

  /** What a launcher that died had written down of a life, and did not live to tell. */
  *untold({ terms, process, failed, exited }: Chapter): Generator<LauncherAnswer> {
    const entry = this.#get(terms)
    const life = addressOf(terms)
    if (entry?.phase === 'launching' && failed !== undefined)
      yield { type: 'SPAWN_FAILED', ...life, error: failed.error }
    if (entry?.phase === 'launching' && process !== undefined) yield { type: 'SPAWNED', ...life, process }
    if (entry?.phase === 'live' && exited !== undefined) yield { type: 'EXITED', ...life, exit: exited.exit }
  }

  /** What to ask of a launcher that knows nothing yet; with what the one before had written down. */
  *handover(chapters: ReadonlyMap<string, Chapter>): Generator<Request> {
    for (const [key, entry] of this.#entries) {
      const { terms, order } = entry
      const life = addressOf(terms)
      if (entry.phase === 'launching' && !entry.asked) {
        if (order !== undefined) yield { type: 'launch', order }
        entry.asked = true
      } else {
        const kept = keptIn(entry, chapters.get(key))
        yield { type: 'keep', life: kept, claimed: entry.held === undefined, rotate: true }
      }
      for (const question of entry.questions) yield { type: 'ask', life, ...question }
      for (const signal of entry.signals) yield { type: 'signal', life, signal }
      if (entry.sweep !== undefined) yield { type: 'sweep', life, options: entry.sweep }
      if (entry.released) yield { type: 'release', life }
    }
    // Ends that were told, and that are not committed yet.
    for (const [key, chapter] of chapters)
      if (!this.#entries.has(key))
        yield { type: 'keep', life: keptFrom(chapter, 0), claimed: false, rotate: true }
  }

  #get(life: LifeAddress): Entry | undefined {
    return this.#entries.get(lifeKey(life))
  }

  #add(terms: LifeTerms, of: Pick<Entry, 'phase' | 'asked'> & Partial<Entry>): void {
    const blank = {
      order: undefined,
      process: undefined,
      exit: undefined,
      signals: [],
      questions: [],
      sweep: undefined,
      released: false,
      held: undefined,
    }
    // A life that is known already keeps its entry: the launcher refuses the second, and says so.
    const key = lifeKey(terms)
    const known = this.#entries.get(key)
    if (known === undefined || (known.held !== undefined && known.phase === 'over'))
      this.#entries.set(key, { ...blank, ...of, terms: termsOf(terms) })
  }

  #over(entry: Entry): true {
    entry.phase = 'over'
    entry.order = undefined
    if (entry.released) this.#entries.delete(lifeKey(entry.terms))
    return true
  }
}

/** A life as both know it: the launcher before has written down more, its supervisor may have heard more. */
function keptIn({ terms, phase, process, exit }: Entry, chapter: Chapter | undefined): KeptLife {
  const written = chapter && keptFrom(chapter, 0)
  if (written?.state.kind === 'failed' || written?.state.kind === 'exited') return written
  if (process === undefined) return { terms, isChild: false, state: { kind: 'launching' } }
  if (phase === 'live')
    return written?.state.kind === 'ending'
      ? written
      : { terms, isChild: false, state: { kind: 'running', process } }
  const state = { kind: 'exited', process, exit: exit ?? { code: null, signal: null }, at: null } as const
  return { terms, isChild: false, state: { ...state, why: null, swept: null } }
}

/**
 * What a supervisor knows of the lives that its launcher keeps: enough to hand them to a new one when that launcher
 * dies, and to see that nothing is answered twice.
 */
import { type AskingRung, askedBy } from '../../machines/escalation.ts'
import { type LifeAddress, lifeKey, type ProcessIdentity, type Reason } from '../../machines/events.ts'
import type { LauncherAnswer, LaunchOrder, LifeTerms, SweepOptions } from './launcher.ts'
import { addressOf, type Request, termsOf } from './protocol.ts'

interface Question {
  readonly rung: AskingRung
  readonly reason: Reason
}

interface Entry {
  readonly terms: LifeTerms
  phase: 'launching' | 'live' | 'over'
  /** Until its outcome is known: a launcher that has not seen it yet gets it whole. */
  order: LaunchOrder | undefined
  /** A launcher was asked, and may have forked it. */
  asked: boolean
  process: ProcessIdentity | undefined
  /** Signals not yet answered, in their order. */
  readonly signals: NodeJS.Signals[]
  readonly questions: Question[]
  sweep: SweepOptions | undefined
  released: boolean
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

  release(life: LifeAddress): void {
    const entry = this.#get(life)
    if (entry?.phase === 'over') this.#entries.delete(lifeKey(life))
    else if (entry !== undefined) entry.released = true
  }

  /** Notes what was answered; `false` when it says nothing new and is not to be passed on. */
  note(answer: LauncherAnswer): boolean {
    const entry = this.#get(answer)
    if (entry === undefined) return true
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

  /** What to ask of a launcher that knows nothing yet. */
  *handover(): Generator<Request> {
    for (const entry of this.#entries.values()) {
      const { terms, process, order } = entry
      const life = addressOf(terms)
      if (entry.phase === 'launching') {
        if (entry.asked) yield { type: 'lost', terms }
        else if (order !== undefined) yield { type: 'launch', order }
        entry.asked = true
      } else if (process !== undefined) {
        yield { type: entry.phase === 'live' ? 'watch' : 'inherit', terms, process }
      }
      for (const question of entry.questions) yield { type: 'ask', life, ...question }
      for (const signal of entry.signals) yield { type: 'signal', life, signal }
      if (entry.sweep !== undefined) yield { type: 'sweep', life, options: entry.sweep }
    }
  }

  #get(life: LifeAddress): Entry | undefined {
    return this.#entries.get(lifeKey(life))
  }

  #add(terms: LifeTerms, of: Pick<Entry, 'phase' | 'asked'> & Partial<Entry>): void {
    const blank = {
      order: undefined,
      process: undefined,
      signals: [],
      questions: [],
      sweep: undefined,
      released: false,
    }
    // A life that is known already keeps its entry: the launcher refuses the second, and says so.
    const key = lifeKey(terms)
    if (!this.#entries.has(key)) this.#entries.set(key, { ...blank, ...of, terms: termsOf(terms) })
  }

  #over(entry: Entry): true {
    entry.phase = 'over'
    entry.order = undefined
    if (entry.released) this.#entries.delete(lifeKey(entry.terms))
    return true
  }
}

/**
 * What a launcher writes down of every life, one line for each thing that happened, and what those lines add up to. The
 * marker stands there before the fork, so that no process can run of which nobody knows how to find it.
 *
 * Lines of other versions are read too: what a later one adds is passed over.
 */
import {
  type ErrorInfo,
  type Exit,
  type LifeAddress,
  lifeKey,
  type ProcessIdentity,
} from '../../machines/events.ts'
import type { EndCause, KeptLife, KeptState, LifeTerms } from './launcher.ts'
import type { Swept } from './sweep.ts'

/** Who writes, and for whom. The first line, and again for each supervisor that it serves. */
export interface BookOwner {
  readonly type: 'launcher'
  readonly launcherId: string
  readonly protocol: number
  readonly process: ProcessIdentity
  /** The machine, and the namespace in which its pids mean something. */
  readonly host: string
  readonly pidNamespace: string
  /** `null` until one has greeted. */
  readonly supervisor: ProcessIdentity | null
}

export type BookLine =
  | BookOwner
  /** `process`: it was forked by another. */
  | { readonly type: 'life'; readonly terms: LifeTerms; readonly isChild: boolean }
  | { readonly type: 'spawned'; readonly life: LifeAddress; readonly process: ProcessIdentity }
  | { readonly type: 'failed'; readonly life: LifeAddress; readonly error: ErrorInfo; readonly at: string }
  | { readonly type: 'ending'; readonly life: LifeAddress; readonly why: EndCause; readonly at: string }
  | { readonly type: 'exited'; readonly life: LifeAddress; readonly exit: Exit; readonly at: string | null }
  | { readonly type: 'swept'; readonly life: LifeAddress; readonly swept: Swept }
  /** So many of its clean-up commands were begun; `null`: what it leaves stays as it is. */
  | { readonly type: 'cleanup'; readonly life: LifeAddress; readonly begun: number | null }
  | { readonly type: 'forgotten'; readonly life: LifeAddress }

/** What is written of one life. */
export interface Chapter {
  terms: LifeTerms
  readonly isChild: boolean
  process?: ProcessIdentity
  failed?: { readonly error: ErrorInfo; readonly at: string }
  ending?: { readonly why: EndCause; readonly at: string }
  exited?: { readonly exit: Exit; readonly at: string | null }
  swept?: Swept
}

export type Chapters = Map<string, Chapter>

/** Adds a line. What was said of a life that is not there is passed over: its beginning was lost, or it is forgotten. */
export function write(chapters: Chapters, line: Exclude<BookLine, BookOwner>): void {
  if (line.type === 'life') {
    chapters.set(lifeKey(line.terms), { terms: line.terms, isChild: line.isChild })
    return
  }
  const key = lifeKey(line.life)
  const chapter = chapters.get(key)
  if (chapter === undefined) return
  switch (line.type) {
    case 'spawned':
      chapter.process = line.process
      return
    case 'failed':
      chapter.failed ??= { error: line.error, at: line.at }
      return
    case 'ending':
      chapter.ending ??= { why: line.why, at: line.at }
      return
    case 'exited':
      chapter.exited ??= { exit: line.exit, at: line.at }
      return
    case 'swept':
      chapter.swept = line.swept
      return
    case 'cleanup': {
      const { cleanup } = chapter.terms
      if (cleanup) chapter.terms = { ...chapter.terms, cleanup: { ...cleanup, begun: line.begun } }
      return
    }
    case 'forgotten':
      chapters.delete(key)
      return
    default:
      // A later version's.
      return line satisfies never
  }
}

/** The lines that add up to this chapter. */
export function* linesOf(chapter: Chapter): Generator<BookLine> {
  const { terms, isChild, process, failed, ending, exited, swept } = chapter
  const life = { agentId: terms.agentId, incarnation: terms.incarnation }
  yield { type: 'life', terms, isChild }
  if (process !== undefined) yield { type: 'spawned', life, process }
  if (failed !== undefined) yield { type: 'failed', life, ...failed }
  if (ending !== undefined) yield { type: 'ending', life, ...ending }
  if (exited !== undefined) yield { type: 'exited', life, ...exited }
  if (swept !== undefined) yield { type: 'swept', life, swept }
}

/** What a successor is told of it. */
export function keptFrom(chapter: Chapter, rungsTaken: number): KeptLife {
  const { terms, isChild } = chapter
  return { terms, isChild, state: stateFrom(chapter, rungsTaken) }
}

function stateFrom({ process, failed, ending, exited, swept }: Chapter, rungsTaken: number): KeptState {
  if (failed !== undefined) return { kind: 'failed', ...failed }
  if (process === undefined) return { kind: 'launching' }
  if (exited !== undefined)
    return { kind: 'exited', process, ...exited, why: ending?.why ?? null, swept: swept ?? null }
  if (ending !== undefined) return { kind: 'ending', process, ...ending, rungsTaken }
  return { kind: 'running', process }
}

/** The chapter that says what a successor was told. */
export function chapterFrom({ terms, isChild, state }: KeptLife): Chapter {
  const chapter: Chapter = { terms, isChild }
  if ('process' in state) chapter.process = state.process
  switch (state.kind) {
    case 'failed':
      chapter.failed = { error: state.error, at: state.at }
      break
    case 'ending':
      chapter.ending = { why: state.why, at: state.at }
      break
    case 'exited':
      chapter.exited = { exit: state.exit, at: state.at }
      if (state.swept !== null) chapter.swept = state.swept
      if (state.why !== null && state.at !== null) chapter.ending = { why: state.why, at: state.at }
      break
    case 'launching':
    case 'running':
      break
    default:
      return state satisfies never
  }
  return chapter
}

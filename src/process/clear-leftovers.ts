/**
 * Clears away homes that were made for one supervisor each, and that nobody looks after any more: supervisor and launcher
 * were both killed. What still lives there is ended first, each by its own ladder.
 *
 * Only what is known to be abandoned: the book says who looked after it, and both are gone on this very machine. A home
 * of another machine (a shared disk) or of another container stays.
 */
import { lstatSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessIdentity } from '../../machines/events.ts'
import { realClock } from '../clock.ts'
import { errnoOf, messageOf } from '../errors.ts'
import { Book, NOWHERE } from './book.ts'
import { readBookFile } from './book-file.ts'
import { keptFrom } from './chapters.ts'
import { isAlive } from './identity.ts'
import { type LauncherName, launcherBook, launchersIn } from './launcher-files.ts'
import { Lives } from './lives.ts'
import { hostOf } from './open-book.ts'
import { bootId, pidNamespace } from './proc.ts'
import { type ReadBook, readBook } from './read-book.ts'
import { homeRemover } from './remove-home.ts'
import { Spared } from './spared.ts'

export interface ClearOptions {
  readonly folder: string
  /** Ours. */
  readonly except: string
  readonly log: (message: string) => void
}

/** A supervisor that is starting has had time to fill its home. */
const EMPTY_FOR_MS = 3_600_000

export async function clearLeftovers({ folder, except, log }: ClearOptions): Promise<void> {
  for (const name of namesIn(folder)) {
    const home = join(folder, name)
    if (home === except) continue
    try {
      const launchers = launchersIn(home)
      const books = launchers.map((launcher) => bookOf(home, launcher))
      if (launchers.length === 0) removeEmpty(home)
      else if (books.every((book) => book !== undefined && isAbandoned(book)))
        await clear(home, books as ReadBook[], log)
    } catch (error) {
      log(`${home} could not be cleared away: ${messageOf(error)}`)
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** `undefined` when it cannot be understood: it belongs to nobody we know, and so does its home. */
function bookOf(home: string, { launcherId, protocol }: LauncherName): ReadBook | undefined {
  const text = readBookFile(launcherBook(home, launcherId, protocol))
  return text === undefined ? undefined : readBook(text)
}

/** A supervisor was killed before it had a launcher: what it left are empty folders. */
function removeEmpty(home: string): void {
  const stat = lstatSync(home, { throwIfNoEntry: false })
  if (stat?.isDirectory() !== true || stat.uid !== process.geteuid?.()) return
  if (realClock.wallNow() - stat.mtimeMs < EMPTY_FOR_MS) return
  try {
    for (const name of readdirSync(home)) rmdirSync(join(home, name))
    rmdirSync(home)
  } catch (error) {
    // Something is in there: it is not ours to judge.
    if (errnoOf(error) === undefined) throw error
  }
}

function isAbandoned({ owner }: ReadBook): boolean {
  if (owner.host !== hostOf()) return false
  const isGone = (process: ProcessIdentity): boolean =>
    process.bootId !== bootId() || (owner.pidNamespace === pidNamespace() && !isAlive(process))
  return isGone(owner.process) && (owner.supervisor === null || isGone(owner.supervisor))
}

async function clear(
  home: string,
  [first, ...more]: readonly ReadBook[],
  log: ClearOptions['log'],
): Promise<void> {
  if (first === undefined) return
  const { owner } = first
  const remove = homeRemover(home)
  const lives = new Lives({
    spared: new Spared(),
    clock: realClock,
    events: { answer: () => {}, warning: log },
    book: new Book({ file: NOWHERE, owner, clock: realClock, warning: log }),
    idle: () => {},
  })
  for (const { chapters } of [first, ...more])
    for (const chapter of chapters.values())
      lives.keep(keptFrom(chapter, 0), { claimed: true, rotate: false })
  const escaped = await lives.endAll()
  if (escaped.length > 0) log(`could not be ended: ${escaped.join(', ')}`)
  else remove()
}

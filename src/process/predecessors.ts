/**
 * What launchers before left in a home: one of our protocol that lives is taken over, by its welcome and nothing else; of
 * the dead, and of those that speak another protocol, the books are read.
 *
 * Only to be asked by whoever holds the lock of the home.
 */
import { rmSync, statSync } from 'node:fs'
import { type LifeAddress, lifeKey } from '../../machines/events.ts'
import { realClock } from '../clock.ts'
import { messageOf, ReeveError } from '../errors.ts'
import { readBookFile } from './book-file.ts'
import { type Chapter, keptFrom } from './chapters.ts'
import { Connection, type ConnectionOptions, RefusedError, SilentError } from './connection.ts'
import { LATE, sleep, within } from './deadline.ts'
import { isAlive } from './identity.ts'
import type { KeptLife } from './launcher.ts'
import { type LauncherName, launcherBook, launcherLog, launchersIn, socketPath } from './launcher-files.ts'
import { ofIdentity } from './launcher-process.ts'
import { PROTOCOL } from './protocol.ts'
import { type ReadBook, readBook } from './read-book.ts'
import { stayWith } from './stay-with.ts'

export interface Left {
  readonly life: KeptLife
  /** Nobody else looks after its log. */
  readonly rotate: boolean
}

export interface Predecessors {
  /** To the one that was taken over. */
  readonly connection: Connection | undefined
  /** Lives that no launcher of ours has. */
  readonly left: readonly Left[]
  /** A launcher of another protocol has ended: nobody looks after the logs of its lives any more. */
  readonly foreignGone: readonly Promise<readonly LifeAddress[]>[]
  /** What the dead left in the home is needed no more. */
  clearAway(): void
}

/** `takeOver: false`: one that lives is looked past, as if it spoke another protocol. */
export interface FindOptions extends ConnectionOptions {
  readonly takeOver: boolean
}

/** One that serves somebody else, or leaves, has this long to be done with it: its supervisor is gone, or we were not here. */
const BUSY_FOR_MS = 3_000
/** One that does not listen is about to, or about to leave. */
const DEAF_FOR_MS = 10_000
const RETRY_MS = 20
const DEAD_WITHIN_MS = 2_000
const LOG_KEPT_MS = 7 * 86_400_000

export const NOBODY: Predecessors = {
  connection: undefined,
  left: [],
  foreignGone: [],
  clearAway: () => {},
}

/** Throws `launcher_failed` when one serves another supervisor, which lives. */
export async function predecessorsIn(home: string, options: FindOptions): Promise<Predecessors> {
  let connection: Connection | undefined
  const left = new Map<string, Left>()
  const foreignGone: Promise<readonly LifeAddress[]>[] = []
  const dead: LauncherName[] = []
  for (const name of launchersIn(home)) {
    const book = read(home, name, options.warning)
    const isOurs = options.takeOver && name.protocol === PROTOCOL
    if (isOurs && connection === undefined && book !== undefined) connection = await takeOver(book, options)
    if (connection?.launcherId === name.launcherId) continue
    const lives = isOurs || book === undefined ? false : isAlive(book.owner.process)
    if (isOurs && book !== undefined) await end(book, options)
    if (lives && book !== undefined) foreignGone.push(stay(home, name, book, options))
    else dead.push(name)
    // Read again: it may have gone on until now.
    const chapters = (lives ? book : read(home, name, () => {}))?.chapters.values() ?? []
    for (const chapter of chapters) keepFurther(left, { life: asOfNow(keptFrom(chapter, 0)), rotate: !lives })
  }
  return { connection, left: [...left.values()], foreignGone, clearAway: () => clearAway(home, dead) }
}

/** One life may stand in several books: the one that knows more of it counts, and of its end what each knows. */
function keepFurther(left: Map<string, Left>, next: Left): void {
  const key = lifeKey(next.life.terms)
  const known = left.get(key)
  if (known === undefined || FURTHER[next.life.state.kind] > FURTHER[known.life.state.kind])
    left.set(key, next)
  else left.set(key, { ...known, life: knownToBoth(known.life, next.life) })
}

/** Whoever waited for it knows how it ended; whoever ended it, why, what is left of it, and how far it is cleaned up. */
function knownToBoth(one: KeptLife, other: KeptLife): KeptLife {
  if (one.state.kind !== 'exited' || other.state.kind !== 'exited') return one
  const { exit } = one.state
  const isWaitedFor = exit.code !== null || exit.signal !== null
  const [state, also] = isWaitedFor ? [one.state, other.state] : [other.state, one.state]
  const { terms } = begunBy(other) > begunBy(one) ? other : one
  const why = state.why ?? also.why
  return { ...one, terms, state: { ...state, why, swept: state.swept ?? also.swept } }
}

/** How many of its clean-up commands. */
const begunBy = ({ terms: { cleanup } }: KeptLife): number =>
  cleanup === null ? 0 : (cleanup.begun ?? Number.POSITIVE_INFINITY)

/** One that nobody could wait for ended while nobody looked. */
function asOfNow(life: KeptLife): KeptLife {
  const { state, terms } = life
  if ((state.kind !== 'running' && state.kind !== 'ending') || isAlive(state.process))
    return { ...life, isChild: false }
  const why = state.kind === 'ending' ? state.why : null
  const exit = { code: null, signal: null }
  return {
    terms,
    isChild: false,
    state: { kind: 'exited', process: state.process, exit, at: null, why, swept: null },
  }
}

const FURTHER: Readonly<Record<KeptLife['state']['kind'], number>> = {
  launching: 0,
  running: 1,
  ending: 2,
  failed: 3,
  exited: 4,
}

/** What the launcher of this name wrote down. */
export function read(
  home: string,
  { launcherId, protocol }: LauncherName,
  warning: ConnectionOptions['warning'],
): ReadBook | undefined {
  const path = launcherBook(home, launcherId, protocol)
  const text = readBookFile(path)
  const book = text === undefined ? undefined : readBook(text)
  if (text !== undefined && book === undefined)
    warning(`${path} cannot be understood; what it says of agents is not known.`)
  else if (book !== undefined && book.damaged > 0)
    warning(`${path}: ${book.damaged} lines are damaged; what they say of agents is not known.`)
  return book
}

/** `undefined`: it is dead, by now. */
async function takeOver({ owner }: ReadBook, options: FindOptions): Promise<Connection | undefined> {
  const { clock, warning } = options
  const launcher = ofIdentity(owner.process, clock)
  const { launcherId } = owner
  const startMs = clock.now()
  while (isAlive(owner.process)) {
    try {
      return await Connection.greet(launcher, { ...options, launcherId })
    } catch (error) {
      const waitedMs = clock.now() - startMs
      if (error instanceof RefusedError && waitedMs >= BUSY_FOR_MS)
        throw new ReeveError(
          'launcher_failed',
          `The launcher of this home (pid ${launcher.pid}) does not let go of its supervisor ` +
            `(pid ${owner.supervisor?.pid ?? 'unknown'}): ${messageOf(error)}. Stop that one, or give another home.`,
          { cause: error },
        )
      const isHung = error instanceof SilentError || waitedMs >= DEAF_FOR_MS
      if (isHung) {
        warning(`The launcher (pid ${launcher.pid}) that was here does not answer: it is replaced.`, error)
        launcher.kill()
        await dead(owner.process, options)
      }
    }
    await sleep(clock, RETRY_MS)
  }
  return undefined
}

/** A second one of our protocol, or one that could not be greeted: its agents are watched from now on. */
async function end({ owner }: ReadBook, options: FindOptions): Promise<void> {
  if (!isAlive(owner.process)) return
  options.warning(
    `A second launcher (pid ${owner.process.pid}) was in this home: it is ended, its agents live on.`,
  )
  ofIdentity(owner.process, options.clock).kill()
  await dead(owner.process, options)
}

async function dead(process: ReadBook['owner']['process'], { clock, warning }: FindOptions): Promise<void> {
  const exited = ofIdentity(process, clock).exited()
  if ((await within(clock, exited, DEAD_WITHIN_MS)) === LATE)
    warning(`The launcher (pid ${process.pid}) survives SIGKILL, for now: it hangs in the kernel.`)
}

function stay(
  home: string,
  name: LauncherName,
  { owner, chapters }: ReadBook,
  { clock, warning, ...options }: FindOptions,
): Promise<readonly LifeAddress[]> {
  const { pid } = owner.process
  const speaks = name.protocol === PROTOCOL ? 'is a process of its own' : `speaks protocol ${name.protocol}`
  warning(
    `A launcher (pid ${pid}) that ${speaks} keeps agents in this home: they are watched, and ended by signals.`,
  )
  const addresses = [...chapters.values()].map(({ terms }: Chapter) => ({
    agentId: terms.agentId,
    incarnation: terms.incarnation,
  }))
  const protocol = options.takeOver ? PROTOCOL : 0
  return stayWith({ home, ...name, as: protocol, process: owner.process, clock }).then(() => addresses)
}

function clearAway(home: string, dead: readonly LauncherName[]): void {
  for (const { launcherId, protocol } of dead) {
    const socket = socketPath(home, launcherId, protocol)
    socket.close()
    rmSync(socket.path, { force: true })
    const book = launcherBook(home, launcherId, protocol)
    rmSync(book, { force: true })
    rmSync(`${book}.new`, { force: true })
    removeOld(launcherLog(home, launcherId, protocol))
  }
}

/** What it had to say may still help somebody, for a while. */
function removeOld(log: string): void {
  const stat = statSync(log, { throwIfNoEntry: false })
  if (stat !== undefined && (stat.size === 0 || realClock.wallNow() - stat.mtimeMs > LOG_KEPT_MS)) rmSync(log)
}

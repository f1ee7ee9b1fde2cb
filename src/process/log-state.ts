/**
 * Which bytes of a log lie where. What is written to a log is one stream: its offsets count from its first byte, over
 * all lives and rotations, and stay what they are. Its end lies in the log itself, from its first live offset on;
 * what was rotated lies in `.1`, before that in `.2`, and so on.
 *
 * `<log>.offset` holds it, in one line of JSON that is replaced atomically: a rotation happens at the moment of that
 * rename, for whoever reads and for whoever takes over after a crash. The older files are known by identity, not by
 * number, so that shifting them changes nothing. A log that was never rotated has none.
 *
 * Reads are synchronous: it is a few hundred bytes, and a trip through the thread pool costs more than they do.
 */
import { readFileSync, renameSync, type Stats, statSync, writeFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { errnoOf } from '../errors.ts'

/** What tells a file from every other: inode numbers are used again, birth times are not. */
export interface FileIdentity {
  readonly ino: number
  readonly birth: number
}

export const identityOf = ({ ino, birthtimeMs: birth }: Stats): FileIdentity => ({ ino, birth })
export const isSame = (a: FileIdentity, b: FileIdentity): boolean => a.ino === b.ino && a.birth === b.birth

/** An older file, and the part of the stream that is in it: `from` up to, but not including, `to`. */
export interface KeptPart extends FileIdentity {
  readonly from: number
  readonly to: number
}

export interface LogState {
  /** The file that it speaks of. */
  readonly log: FileIdentity
  /** Offset of that file's first byte: more than 0 once the log was truncated. */
  readonly base: number
  /** The first live offset: from here on the stream is read from the log itself. Never falls. */
  readonly live: number
  /** Newest first. A part may be missing between two, never twice. */
  readonly kept: readonly KeptPart[]
}

/** The newest part as it is while it is still copied: its file's size says how far it goes, and where `live` is. */
export interface OpenState extends Omit<LogState, 'live' | 'kept'> {
  readonly kept: readonly [Omit<KeptPart, 'to'>, ...KeptPart[]]
}

/** Someone's removing of older files leaves numbers free. */
const FREE_NUMBERS = 10

/** The numbers under which these parts may be found, from below: files are only ever moved up. */
export const possibleNumbers = (kept: readonly KeptPart[]): number[] =>
  Array.from({ length: kept.length + FREE_NUMBERS }, (_, number) => number)

/** Tells one version of `<log>.offset` from the next: its text, for no two have the same; `undefined`: there is none. */
export type Stamp = string | undefined

export interface LogView extends LogState {
  readonly end: number
  readonly stamp: Stamp
}

export const stateFile = (log: string): string => `${log}.offset`
/** The `number`-th older file; 0 is the one that is being made. */
export const keptFile = (log: string, number: number): string => `${log}.${number === 0 ? 'next' : number}`

export function stampOf(log: string): Stamp {
  const file = stateFile(log)
  // Most logs have none, and a throw costs more than a look.
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** What `<log>.offset` says; what cannot be understood says nothing. */
export function readState(log: string): { readonly state: LogState | undefined; readonly stamp: Stamp } {
  const stamp = stampOf(log)
  return { state: stamp === undefined ? undefined : parse(stamp, log), stamp }
}

/** Replaces `<log>.offset`. */
export async function writeState(log: string, state: LogState | OpenState): Promise<Stamp> {
  const next = `${stateFile(log)}.next`
  const stamp = textOf(state)
  await writeFile(next, stamp, { mode: 0o600 })
  await rename(next, stateFile(log))
  return stamp
}

/** The same, at once: for a moment in which nothing else may happen. */
export function writeStateNow(log: string, state: LogState): Stamp {
  const next = `${stateFile(log)}.next`
  const stamp = textOf(state)
  writeFileSync(next, stamp, { mode: 0o600 })
  renameSync(next, stateFile(log))
  return stamp
}

/** How a state is written. */
export const textOf = (state: LogState | OpenState): string => `${JSON.stringify(state)}\n`

/** What there is of a log at this moment. */
export function viewLog(log: string): LogView {
  const { state, stamp } = readState(log)
  return { ...viewOf(state, statSync(log, { throwIfNoEntry: false })), stamp }
}

const NO_FILE: FileIdentity = { ino: 0, birth: 0 }

/**
 * A log that is not the one that was spoken of, or that is shorter than it can be, begins anew: the stream goes on in
 * it from the first live offset on. So it is after a truncation of ours, whose next word was not written yet; after
 * someone else's, the rest of the log is gone.
 */
export function viewOf(state: LogState | undefined, stat: Stats | undefined): Omit<LogView, 'stamp'> {
  const log = stat === undefined ? NO_FILE : identityOf(stat)
  const size = stat?.size ?? 0
  if (state === undefined) return { log, base: 0, live: 0, kept: [], end: size }
  const { live, kept } = state
  const base = isSame(state.log, log) && size >= live - state.base ? state.base : live
  return { log, base, live, kept, end: base + size }
}

function parse(text: string, log: string): LogState | undefined {
  let said: unknown
  try {
    said = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  return isOpen(said) ? closed(said, log) : isState(said) ? said : undefined
}

/** Closes the newest part at what there is of it. */
export function closed({ log, base, kept: [newest, ...older] }: OpenState, file: string): LogState {
  const found = [0, 1]
    .map((number) => statSync(keptFile(file, number), { throwIfNoEntry: false }))
    .find((stat) => stat !== undefined && isSame(identityOf(stat), newest))
  const to = newest.from + (found?.size ?? 0)
  return { log, base, live: to, kept: to === newest.from ? older : [{ ...newest, to }, ...older] }
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
const isIdentity = (value: unknown): boolean =>
  isObject(value) && typeof value.ino === 'number' && typeof value.birth === 'number'
const isPart = (part: unknown): boolean =>
  isIdentity(part) && isObject(part) && isOffset(part.from) && isOffset(part.to) && part.from < part.to

const isState = (value: unknown): value is LogState =>
  isObject(value) &&
  isIdentity(value.log) &&
  isOffset(value.base) &&
  isOffset(value.live) &&
  value.base <= value.live &&
  Array.isArray(value.kept) &&
  value.kept.every(isPart)

const isOpen = (value: unknown): value is OpenState => {
  if (!isObject(value) || 'live' in value || !Array.isArray(value.kept)) return false
  const [newest, ...older] = value.kept as unknown[]
  return (
    isIdentity(value.log) &&
    isOffset(value.base) &&
    isIdentity(newest) &&
    isObject(newest) &&
    isOffset(newest.from) &&
    older.every(isPart)
  )
}

/** Reads the book of a launcher: a line that was being written is passed over, and so is what cannot be understood. */
import type { ProcessIdentity } from '../../machines/events.ts'
import { type BookLine, type BookOwner, type Chapter, write } from './chapters.ts'

export interface ReadBook {
  readonly owner: BookOwner
  readonly chapters: ReadonlyMap<string, Chapter>
  /** Lines that said nothing that is understood, but for a last one without its end. */
  readonly damaged: number
}

type Plain = Readonly<Record<string, unknown>>
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isIdentity = (value: unknown): value is ProcessIdentity =>
  isPlain(value) &&
  typeof value.bootId === 'string' &&
  isCount(value.pid) &&
  value.pid > 1 &&
  isCount(value.startTime)

const isAddress = (value: unknown): boolean =>
  isPlain(value) && typeof value.agentId === 'string' && isCount(value.incarnation)

const isTerms = (value: unknown): boolean =>
  isPlain(value) &&
  isAddress(value) &&
  typeof value.marker === 'string' &&
  value.marker.length > 0 &&
  typeof value.logFile === 'string' &&
  Array.isArray(value.rungs)

const isOwner = (value: Plain): boolean =>
  typeof value.launcherId === 'string' &&
  isCount(value.protocol) &&
  isIdentity(value.process) &&
  typeof value.host === 'string' &&
  typeof value.pidNamespace === 'string' &&
  (value.supervisor === null || isIdentity(value.supervisor))

/** What a line has to have to be believed: nobody is signalled on the word of half a line. */
const FORMS: Readonly<Record<BookLine['type'], (line: Plain) => boolean>> = {
  launcher: isOwner,
  life: ({ terms }) => isTerms(terms),
  spawned: ({ life, process }) => isAddress(life) && isIdentity(process),
  failed: ({ life, error }) => isAddress(life) && isPlain(error),
  ending: ({ life, why }) => isAddress(life) && typeof why === 'string',
  exited: ({ life, exit }) => isAddress(life) && isPlain(exit),
  swept: ({ life, swept }) => isAddress(life) && isPlain(swept),
  cleanup: ({ life, begun }) => isAddress(life) && (begun === null || isCount(begun)),
  forgotten: ({ life }) => isAddress(life),
}

function lineIn(text: string): BookLine | 'damaged' | 'unknown' {
  try {
    const line: unknown = JSON.parse(text)
    if (!isPlain(line) || typeof line.type !== 'string') return 'damaged'
    if (!Object.hasOwn(FORMS, line.type)) return 'unknown'
    return FORMS[line.type as BookLine['type']](line) ? (line as unknown as BookLine) : 'damaged'
  } catch {
    return 'damaged'
  }
}

/** `undefined` when it does not say whose it is. */
export function readBook(text: string): ReadBook | undefined {
  const lines = text.split('\n')
  // What follows the last end of a line was being written.
  lines.pop()
  let owner: BookOwner | undefined
  let damaged = 0
  const chapters = new Map<string, Chapter>()
  for (const each of lines) {
    const line = lineIn(each)
    if (line === 'damaged') damaged++
    else if (line === 'unknown') continue
    else if (line.type === 'launcher') owner = line
    else write(chapters, line)
  }
  return owner && { owner, chapters, damaged }
}

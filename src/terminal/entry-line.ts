/** One entry as one line: who, what, and why. */
import { type Entry, isNote } from '../../machines/events.ts'
import { sentenceOf } from '../observe/sentence.ts'
import { plain } from './plain.ts'
import { colourOf, paint, type Screen } from './screen.ts'

/** The state it changed to, or a note's own word behind a dot. */
const whatOf = (entry: Entry): string =>
  isNote(entry) ? `· ${entry.evidence?.signal ?? entry.event}` : entry.to

/** `coder      terminating    ttl, by supervisor`, with no time: whoever watches knows it, whoever reads back puts it before. */
export function entryLine(entry: Entry, screen: Screen): string {
  const what = whatOf(entry).padEnd(14)
  const line = `${plain(entry.name).padEnd(10)} ${isNote(entry) ? paint(screen, 'dim', what) : paint(screen, colourOf(entry.to), what)}`
  return `${line} ${plain(sentenceOf(entry))}`.trimEnd()
}

/** What a tool answers: JSON in the shape of every wire, and words for whoever reads no JSON. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { type Entry, isNote } from '../../machines/events.ts'
import { ReeveError } from '../errors.ts'
import { sentenceOf } from '../observe/sentence.ts'
import type { AgentRecord } from '../registry/record.ts'
import { plain } from '../terminal/plain.ts'
import { whyOf } from '../terminal/why.ts'
import { toWire, wireError } from '../wire.ts'

export interface Said {
  /** In JavaScript's names. */
  readonly value: object
  readonly text: string
  /** The text has all of it: the JSON is not written a second time for clients that read only text. */
  readonly whole?: boolean
}

const block = (text: string) => ({ type: 'text' as const, text })

export function answer({ value, text, whole = false }: Said): CallToolResult {
  const structuredContent = toWire(value) as Record<string, unknown>
  const content = [block(text), ...(whole ? [] : [block(JSON.stringify(structuredContent))])]
  return { content, structuredContent }
}

/** What is no ReeveError is a fault of ours: told to the log, too. */
export function failure(thrown: unknown, fault: (cause: unknown) => void): CallToolResult {
  if (!(thrown instanceof ReeveError)) fault(thrown)
  const error = wireError(thrown)
  return {
    isError: true,
    content: [block(`${error.error}: ${error.message}`), block(JSON.stringify(error))],
    structuredContent: { ...error },
  }
}

/** `coder (V1StGXR8) crashed: exit 1`. */
export function recordText(record: AgentRecord): string {
  const why = whyOf(record)
  return plain(`${record.name} (${record.id}) ${record.state}${why === '' ? '' : `: ${why}`}`)
}

/** `12:00:01Z terminating SIGTERM to the group`. */
export function entryText(entry: Entry): string {
  const what = isNote(entry) ? `(${entry.event})` : entry.to
  return plain(`${what} ${sentenceOf(entry)}`).trim()
}

export const some = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

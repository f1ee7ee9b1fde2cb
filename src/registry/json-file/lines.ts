/** The lines of the log: its head, the entries, and the marks of agents that were taken out. */
import { type Entry, STATES } from '../../../machines/events.ts'

/** Raised with every change that an older Reeve would misread. */
export const LOG_VERSION = 1

/** How far the entries of a supervisor were taken, and when the last of them was made. */
export interface Passed {
  readonly supervisorId: string
  readonly seq: number
  readonly at: string
}

/** The first line. `passed` outlasts the entries that are no longer kept, so that they are not taken in again. */
export interface Head {
  readonly reeve: 'log'
  readonly version: number
  readonly passed: readonly Passed[]
}

export interface RemovedMark {
  readonly reeve: 'removed'
  readonly agentId: string
  /** Its entries up to here as well. */
  readonly history: boolean
  readonly at: string
}

export type Line = Entry | RemovedMark

export const lineOf = (line: Head | Line): string => `${JSON.stringify(line)}\n`

export const headOf = (passed: readonly Passed[]): Head => ({ reeve: 'log', version: LOG_VERSION, passed })

const parse = (text: string): Record<string, unknown> | undefined => {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** `undefined` when it is not the first line of a log of ours. */
export function readHead(text: string): Head | undefined {
  const value = parse(text)
  return value?.reeve === 'log' && typeof value.version === 'number' && Array.isArray(value.passed)
    ? (value as unknown as Head)
    : undefined
}

/** `undefined` when it is neither an entry nor a mark. */
export function readLine(text: string): Line | undefined {
  const value = parse(text)
  if (typeof value?.agentId !== 'string') return undefined
  if (value.reeve === 'removed') return value as unknown as RemovedMark
  const isEntry =
    Number.isSafeInteger(value.seq) &&
    typeof value.supervisorId === 'string' &&
    typeof value.at === 'string' &&
    STATES.includes(value.to as never)
  return isEntry ? (value as unknown as Entry) : undefined
}

export const isMark = (line: Line): line is RemovedMark => 'reeve' in line

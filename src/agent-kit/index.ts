/**
 * `reeve/agent`: what an agent written in Node says of itself, and how it hears that it is cancelled. No dependencies;
 * outside Reeve nothing happens, and every function answers `false`.
 *
 * The same from any language: a line appended to `$REEVE_REPORT`, and the file that `$REEVE_CONTROL` names.
 */
import type { Usage, WaitingOn } from '../../machines/events.ts'
import { tell } from './report.ts'

export { type CancelRequest, onCancel } from './control.ts'

export interface Waiting {
  /** What it waits for. */
  readonly on: WaitingOn
  /** When it expects to go on. A text is ISO 8601. */
  readonly until?: Date | string
  /** What it waits for, in its own words; cut at 1 KiB. */
  readonly message?: string
}

/** Used since the last such report; what is absent is 0. */
export type Used = { readonly [K in keyof Usage]?: number }

/** Initialised: it is `running` from now on, where its spec says `ready: { report: true }`. */
export const ready = (): boolean => tell({ type: 'ready' })

/** Alive. So is every other report. */
export const beat = (): boolean => tell({ type: 'beat' })

/** Busy: heartbeats are due. */
export const working = (): boolean => tell({ type: 'working' })

/** Nothing to do: its silence is no stall. */
export const idle = (): boolean => tell({ type: 'idle' })

/** Held up by someone else: its silence is no stall, until the next report of what it does. */
export function waiting({ on, until, message }: Waiting): boolean {
  return tell({ type: 'waiting', on, until, message })
}

/**
 * Asks for time, from now on: to become ready, or until its next sign of life is due. Milliseconds, or text like `"5m"`; of
 * more than a day it gets a day.
 */
export const extend = (by: number | string): boolean => tell({ type: 'extend', by })

/** Summed over all lives of the agent, and held against its budget. `turns` and `tokens` are whole numbers. */
export const usage = ({ turns, tokens, usd }: Used): boolean => tell({ type: 'usage', turns, tokens, usd })

/** Is about to end by itself. */
export const stopping = (message?: string): boolean => tell({ type: 'stopping', message })

/** What came of its work: any JSON, of at most 16 KiB. */
export const result = (value: unknown): boolean => tell({ type: 'result', value: value ?? null })

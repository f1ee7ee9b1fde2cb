/** What the loop's side and the worker say to each other. Entries and records go as JSON: the log keeps that text. */
import type { ErrorCode } from '../../errors.ts'
import type { RecordFilter } from '../record.ts'
import type { Place } from '../registry.ts'

/** What the worker is started with. */
export interface WorkerSetup {
  /** Absolute path of the database. */
  readonly file: string
  /** `null`: everything is kept. */
  readonly retentionMs: number | null
}

/** … and the memory of its {@link Gate}. */
export interface WorkerData extends WorkerSetup {
  readonly gate: SharedArrayBuffer
}

/** `nowMs`: milliseconds since 1970, by the clock of the one who asks. */
export type Request =
  | { readonly type: 'open'; readonly nowMs: number }
  | { readonly type: 'append'; readonly lines: readonly string[]; readonly nowMs: number }
  | { readonly type: 'records'; readonly filter: RecordFilter }
  | { readonly type: 'history'; readonly agentId: string }
  | { readonly type: 'after'; readonly place: Place | null; readonly limit: number }
  | { readonly type: 'remove'; readonly agentId: string; readonly history: boolean; readonly nowMs: number }
  | { readonly type: 'close' }

export interface Asked {
  readonly id: number
  readonly request: Request
}

/** An error on its way between threads. */
export interface Fault {
  readonly code: ErrorCode
  readonly message: string
  readonly errno?: string
  readonly cause?: string
}

/** `rows`: the JSON of each record or entry that was asked for. */
export type Answer =
  | { readonly id: number; readonly rows: readonly string[] }
  | { readonly id: number; readonly fault: Fault }

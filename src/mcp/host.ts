/** Whom the tools work on, and for whom: what is different on stdio, in the daemon, and in a program of your own. */
import path from 'node:path'
import { messageOf } from '../errors.ts'
import type { Awaitable, LogOptions, Reeve } from '../reeve.ts'
import type { AgentRecord } from '../registry/record.ts'

export interface McpHost {
  /** Asked for at every call: where a daemon can be started, it is there afterwards. */
  reeve(): Awaitable<Reeve>
  /**
   * Where an agent runs that names no folder, or a relative one; throws where that cannot be said. Default: within the
   * folder of this process.
   */
  cwdOf?(cwd: string | undefined): string
  /** The agent that asks, where it is one: it speaks for itself, whatever its client is called. */
  readonly agent?: string | undefined
  /** The log of an agent that the supervisor does not hold any more. Default: `reeve.logs(id)`. */
  logsOf?(record: AgentRecord, options: LogOptions): AsyncIterable<string>
  /** A fault of ours, for the log. Default: a warning of the process. */
  fault?(cause: unknown): void
}

/** With nothing left out. */
export type Host = McpHost & Required<Pick<McpHost, 'cwdOf' | 'fault'>>

export const hostOf = (host: McpHost): Host => ({
  ...host,
  reeve: () => host.reeve(),
  cwdOf: (cwd) => (host.cwdOf ? host.cwdOf(cwd) : path.resolve(cwd ?? '.')),
  fault(cause) {
    if (host.fault) host.fault(cause)
    else process.emitWarning(cause instanceof Error ? cause : messageOf(cause))
  },
})

/** What is known of a request over HTTP. */
export interface McpAsked {
  /** The JSON that came, where it has been read already. Absent: it is read from the request. */
  readonly body?: unknown
  /** The name of the agent that asks, where it is one. */
  readonly agent?: string | undefined
}

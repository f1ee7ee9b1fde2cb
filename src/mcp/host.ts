/** Whom the tools work on, and for whom: what is different on stdio, in the daemon, and in a program of your own. */
import type { Awaitable, LogOptions, Reeve } from '../reeve.ts'
import type { AgentRecord } from '../registry/record.ts'

export interface McpHost {
  /** Asked for at every call: where a daemon can be started, it is there afterwards. */
  reeve(): Awaitable<Reeve>
  /** Where an agent runs that names no folder, or a relative one; throws where that cannot be said. */
  cwdOf(cwd: string | undefined): string
  /** The agent that asks, where it is one: it speaks for itself, whatever its client is called. */
  readonly agent?: string | undefined
  /** The log of an agent that the supervisor does not hold any more. Default: `reeve.logs(id)`. */
  logsOf?(record: AgentRecord, options: LogOptions): AsyncIterable<string>
  /** A fault of ours, for the log. */
  fault(cause: unknown): void
}

/** A request over HTTP, understood so far. */
export interface McpAsked {
  /** The JSON that came; `undefined` where there is no body. */
  readonly body: unknown
  /** The name of the agent that asks, where it is one. */
  readonly agent: string | undefined
}

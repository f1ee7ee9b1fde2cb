/** What the program that embeds a supervisor knows, and what it is owed. */
import { type AgentState, type Entry, isEnd } from '../../machines/events.ts'
import type { Agent } from '../../src/agent.ts'
import type { AgentRecord } from '../../src/registry/record.ts'
import type { NamedSpec } from './specs.ts'

/** What a caller is owed an answer for. */
export interface Asked {
  readonly what: string
  readonly atMs: number
  /** When it has to be answered, at the latest; moves on while the loop is blocked. */
  dueMs: number
  answer: string | undefined
}

/** What an embedder knows of one agent, by what it asked and what it was told. */
export interface Known {
  readonly agent: Agent
  readonly spec: NamedSpec
  readonly entries: Entry[]
  record: AgentRecord | undefined
  /** What its user wanted last, and from when on that holds. */
  wish: 'run' | 'end'
  wishedAtMs: number
  /** How many entries were told before that. */
  wishedAfter: number
  /** When its task was called off. */
  cancelledAtMs: number | null
  /** When its budget ran out. */
  spentAtMs: number | null
  /** When something of it was told last. */
  toldAtMs: number
  /** Since when it is running, without a stall in between. */
  runningSinceMs: number
  removed: boolean
  ready: string | undefined
  ended: AgentState | undefined
  endedAtMs: number
}

/** The time of stop() ran out over it: that it lives is its last word, told to whoever waited for its end. */
export const isGivenUp = ({ ended }: Known): boolean => ended !== undefined && !isEnd(ended)

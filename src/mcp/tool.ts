/** A tool as one thing: what is asked, what is answered, what it may do to the world, and what happens. */
import * as z from 'zod'
import { MAX_NAME } from '../name.ts'
import type { AgentRecord } from '../registry/record.ts'
import { positive } from '../strict.ts'
import type { Asked } from './asked.ts'
import { recordText, type Said } from './said.ts'
import { DEFAULT_TIMEOUT } from './waiting.ts'

export interface Hints {
  readonly readOnlyHint: boolean
  readonly destructiveHint: boolean
  readonly idempotentHint: boolean
  readonly openWorldHint: boolean
}

export interface Tool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly hints: Hints
  /** In JavaScript's names; clients see and write those of the wire. */
  readonly input: z.ZodType
  readonly output: z.ZodType
  handle(asked: Asked<unknown>): Promise<Said>
}

interface Described<I extends z.ZodType> extends Omit<Tool, 'handle'> {
  readonly input: I
  handle(asked: Asked<z.output<I>>): Promise<Said>
}

/** Holds the handler to what its own schema gives. */
export const tool = <I extends z.ZodType>(described: Described<I>): Tool => described as unknown as Tool

export const READS: Hints = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
}
export const CHANGES: Hints = { ...READS, readOnlyHint: false, idempotentHint: false }
/** The same again changes nothing more. */
export const ENDS: Hints = { ...CHANGES, destructiveHint: true, idempotentHint: true }

const AN_AGENT = `must name an agent by its id or name, of at most ${MAX_NAME} characters`

export const agent = z
  .string()
  .min(1, AN_AGENT)
  .max(MAX_NAME, AN_AGENT)
  .meta({ description: 'its id or name' })

export const timeout = positive.optional().meta({
  description: `how long this call waits, as text like "30s" or in milliseconds; at most "1h". What was asked goes on after it. Default: "${DEFAULT_TIMEOUT}"`,
})

export const oneRecord = (record: AgentRecord): Said => ({ value: record, text: recordText(record) })

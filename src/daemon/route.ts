/** A route as one thing: what is asked, what is answered, and what happens. The OpenAPI document is made from it. */
import * as z from 'zod'
import type { ErrorCode } from '../errors.ts'
import type { StopSupervisorOptions, StopSupervisorResult } from '../shutdown.ts'
import type { Supervisor } from '../supervisor.ts'
import type { DaemonStatus } from './reach.ts'
import type { Requester } from './requester.ts'

/** What handlers are given of the daemon that they serve. */
export interface Served {
  readonly reeve: Supervisor
  status(): DaemonStatus
  /** Ends the daemon. Resolves with what the supervisor's stop says, before the process leaves. */
  shutDown(options: StopSupervisorOptions): Promise<StopSupervisorResult>
  /** Reads of the registry take turns, so that a thousand at once do not overrun it. */
  inTurn<T>(read: () => Promise<T>): Promise<T>
  /** Who reads nothing of an answer for so long is cut off. */
  readonly slowAfterMs: number
  /** Counts a stream in; returns what counts it out. Throws `too_busy`. */
  openStream(): () => void
}

/** One request, understood. */
export interface Call<Query, Body> extends Served {
  /** From the path: an id or a name, or the path of a group; `''` where there is none. */
  readonly id: string
  readonly query: Query
  readonly body: Body
  readonly requester: Requester
  /** `Last-Event-ID`: where a stream is to go on. */
  readonly lastEventId: string | undefined
  /** `Accept` has events rather than text. */
  readonly wantsEvents: boolean
  /** Aborted when who asked is gone. */
  readonly signal: AbortSignal
  /** Cuts off one who does not read. */
  cutOff(): void
}

/** What an answer is: JSON of this shape, lines of text, a stream of events, or a document of its own kind. */
export type Answer = z.ZodType | 'lines' | 'events' | 'document'

export interface Route {
  readonly method: 'get' | 'post' | 'delete'
  /** As OpenAPI writes it: `/v1/agents/{id}`. */
  readonly path: string
  readonly summary: string
  readonly query?: z.ZodObject | undefined
  /** `z.unknown()`: taken as it comes. */
  readonly body?: z.ZodType | undefined
  readonly status?: number
  readonly answer: Answer
  /** Beside those that any request may get. */
  readonly errors?: readonly ErrorCode[]
  handle(call: Call<unknown, unknown>): unknown
}

interface Described<Q extends z.ZodObject, B extends z.ZodType> extends Omit<Route, 'handle'> {
  readonly query?: Q
  readonly body?: B
  handle(call: Call<z.output<Q>, z.output<B>>): unknown
}

/** Holds the handler to what its own schemas give. */
export const route = <Q extends z.ZodObject, B extends z.ZodType>(described: Described<Q, B>): Route =>
  described as unknown as Route

/** An answer that is not 200 by itself. */
export class Answered {
  readonly status: number
  readonly value: unknown

  constructor(status: number, value: unknown) {
    this.status = status
    this.value = value
  }
}

/** A switch in a query: `?follow=true`. */
export const flag = z
  .enum(['true', 'false'], 'must be true or false')
  .transform((said) => said === 'true')
  .meta({ type: 'boolean' })

/** Once, or repeated: `?state=idle&state=running`. */
export const several = <S extends z.ZodType>(one: S) =>
  z.union([one, z.array(one)]).transform((said) => [said].flat() as z.output<S>[])

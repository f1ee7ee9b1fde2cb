/** The log of an agent, followed across connections and daemons. */

import { serverEvents } from '../server-events.ts'
import { errorFromWire, isWireError } from '../wire.ts'
import { isPassing, untilAny } from './follow.ts'
import type { Patience } from './patience.ts'
import type { Transport } from './transport.ts'

export interface FollowLogOptions {
  /** Where it is served; once it is known who is meant by a name, by the id. */
  readonly path: (agentId: string | undefined) => Promise<string>
  readonly since?: number | 'start' | 'end'
  readonly follow?: boolean
  /** Each ends it, quietly. */
  readonly signals: readonly AbortSignal[]
}

export async function* followLog(
  transport: Transport,
  patience: Patience,
  { signals, ...options }: FollowLogOptions,
): AsyncGenerator<string, void, void> {
  yield* untilAny(signals, (signal) => followed(transport, patience, { ...options, signal }))
}

async function* followed(
  transport: Transport,
  patience: Patience,
  { path, since, follow, signal }: Omit<FollowLogOptions, 'signals'> & { readonly signal: AbortSignal },
): AsyncGenerator<string, void, void> {
  let agentId: string | undefined
  let place: string | undefined
  while (!signal.aborted) {
    try {
      const headers = {
        accept: 'text/event-stream',
        ...(place !== undefined && { 'last-event-id': place }),
      }
      const text = transport.text(await path(agentId), { query: { since, follow }, headers, signal })
      for await (const { event, data, id } of serverEvents(text)) {
        patience.rest()
        const value: unknown = JSON.parse(data)
        if (event === 'hello') agentId = (value as { agent_id: string }).agent_id
        else if (isWireError(value)) throw errorFromWire(value)
        else yield value as string
        // It counts as had once it was given.
        place = id
      }
      return
    } catch (error) {
      if (signal.aborted) return
      // Whoever never was there is not waited for.
      if (agentId === undefined || !isPassing(error) || !(await patience.wait(signal))) throw error
    }
  }
}

/** A record as a daemon answers it. */
import type { AgentRecord } from '../registry/record.ts'
import type { Place } from '../registry/registry.ts'
import { fromWire } from '../wire.ts'

/** A record, and the place in the log up to which it is the fold. */
export interface Seen {
  readonly record: AgentRecord
  readonly place: Place
}

export function seenOf({ value, place }: { readonly value: unknown; readonly place: string }): Seen {
  const at = place.lastIndexOf(':')
  return {
    record: fromWire<AgentRecord>(value),
    place: { supervisorId: place.slice(0, Math.max(at, 0)), seq: Number(place.slice(at + 1)) },
  }
}

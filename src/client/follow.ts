/** The log of a daemon, followed across connections and daemons. */
import type { Entry } from '../../machines/events.ts'
import { ReeveError } from '../errors.ts'
import { serverEvents } from '../server-events.ts'
import { errorFromWire, fromWire, isWireError } from '../wire.ts'
import type { Patience } from './patience.ts'
import type { Transport } from './transport.ts'

export interface FollowOptions {
  readonly since: number | string | undefined
  /** Each ends it, quietly. */
  readonly signals: readonly AbortSignal[]
  /** The stream stands, and what happens from now on is told; or it does not, and nobody is to wait for it. */
  readonly begun?: () => void
}

export async function* followEntries(
  transport: Transport,
  patience: Patience,
  { since, signals, begun }: FollowOptions,
): AsyncGenerator<Entry, void, void> {
  yield* untilAny(signals, (signal) =>
    followed(transport, patience, { since, signal, ...(begun && { begun }) }),
  )
}

/** Each of the signals ends it. */
export async function* untilAny<T>(
  signals: readonly AbortSignal[],
  begin: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  const over = new AbortController()
  const end = () => over.abort()
  for (const signal of signals) signal.addEventListener('abort', end, { once: true })
  if (signals.some(({ aborted }) => aborted)) end()
  try {
    yield* begin(over.signal)
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', end)
  }
}

interface Following {
  readonly since: number | string | undefined
  readonly signal: AbortSignal
  readonly begun?: () => void
}

async function* followed(
  transport: Transport,
  patience: Patience,
  options: Following,
): AsyncGenerator<Entry, void, void> {
  const { signal, begun } = options
  let since = typeof options.since === 'number' ? undefined : options.since
  while (!signal.aborted) {
    try {
      // A number counts in the log of the supervisor that is there now.
      if (typeof options.since === 'number' && since === undefined) {
        const { supervisor_id } = (await transport.json('/v1/status', { signal })) as {
          supervisor_id: string
        }
        since = `${supervisor_id}:${options.since}`
      }
      for await (const { event, data, id } of serverEvents(
        transport.text('/v1/entries', { query: { since }, signal }),
      )) {
        patience.rest()
        if (id !== undefined) since = id
        const value: unknown = JSON.parse(data)
        if (event === 'hello') begun?.()
        else if (isWireError(value)) throw errorFromWire(value)
        else yield fromWire<Entry>(value)
      }
      if (signal.aborted || (await patience.wait(signal))) continue
    } catch (error) {
      begun?.()
      if (signal.aborted) return
      if (!isPassing(error) || !(await patience.wait(signal))) throw error
      continue
    }
    throw new ReeveError('daemon_not_running', 'the daemon has ended, and none came in its place')
  }
}

/** What may be over in a moment. */
const PASSING: readonly string[] = [
  'daemon_not_running',
  'registry_unavailable',
  'supervisor_stopping',
  'too_busy',
]

export const isPassing = (error: unknown): boolean =>
  error instanceof ReeveError && PASSING.includes(error.code)

/** Waiting on behalf of a client that has a time limit of its own, and is told meanwhile how things stand. */
import { awaited } from '../awaited.ts'
import { realClock, type Timer } from '../clock.ts'
import { type Duration, durationMs } from '../duration.ts'
import { ReeveError } from '../errors.ts'
import { span } from '../observe/sentence.ts'
import type { AgentHandle } from '../reeve.ts'
import type { Asked } from './asked.ts'
import { found } from './found.ts'
import { entryText } from './said.ts'

/** Clients give up after a minute, most of them. */
export const DEFAULT_TIMEOUT = '50s'
const MAX_TIMEOUT_MS = 60 * 60 * 1000
/** So often something is said, that a client which hears of progress goes on waiting. */
const BREATH_MS = 5_000

const LATE: unique symbol = Symbol('the time is over')

/** @throws ReeveError `invalid_spec` */
export function timeoutMsOf(timeout: Duration = DEFAULT_TIMEOUT): number {
  const ms = durationMs(timeout, 'timeout')
  if (ms <= MAX_TIMEOUT_MS) return ms
  throw new ReeveError('invalid_spec', 'timeout: must be at most "1h". Ask again when it is over.', {
    field: 'timeout',
  })
}

/**
 * What is waited for, or `undefined` when the time is over first. Progress is told at every entry of the agent, and
 * every few seconds. What was asked for goes on, whoever waits for it.
 *
 * @param begin starts the waiting; the signal ends it.
 */
export async function inTime<T>(
  { signal, tell }: Pick<Asked<unknown>, 'signal' | 'tell'>,
  handle: AgentHandle,
  limitMs: number,
  begin: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const over = new AbortController()
  const leave = () => over.abort(signal.reason)
  const sinceMs = realClock.now()
  let breath: Timer
  const breathe = () => {
    breath = realClock.setTimeout(() => {
      tell(`${handle.name} is ${handle.state}, ${span(realClock.now() - sinceMs)} so far`)
      breathe()
    }, BREATH_MS)
  }
  const offs = (['transition', 'note'] as const).map((event) =>
    handle.on(event, (entry) => tell(`${entry.name} ${entryText(entry)}`)),
  )
  const end = realClock.setTimeout(() => over.abort(LATE), limitMs)
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  breathe()
  try {
    return await begin(over.signal)
  } catch (error) {
    if (error === LATE) return undefined
    throw error
  } finally {
    for (const off of offs) off()
    realClock.clearTimeout(end)
    realClock.clearTimeout(breath)
    signal.removeEventListener('abort', leave)
    over.abort()
  }
}

/** As {@link inTime}, of what has to be done in the end; when the time is over first: `timed_out`, and the way out. */
export async function doneInTime<T>(
  asked: Asked<{ timeout?: Duration | undefined }>,
  handle: AgentHandle,
  act: () => Promise<T>,
): Promise<T> {
  const limitMs = timeoutMsOf(asked.args.timeout)
  const done = await inTime(asked, handle, limitMs, (signal) => awaited(act(), signal))
  if (done !== undefined) return done
  const { record } = await found(asked.reeve, handle.id)
  throw new ReeveError(
    'timed_out',
    `${record.name} is still ${record.state} after ${span(limitMs)}. What was asked goes on: wait_agent tells when it is done, kill_agent ends it at once.`,
    { agentId: record.id, record },
  )
}

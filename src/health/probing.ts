/**
 * Asks a probe again and again, never twice at a time. A time limit that ran out while the event loop was held up was
 * not the agent's: the lateness is given back, and the answer that lies unread is read first.
 */
import { type Clock, LATE_MS, type Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Probe } from './probe.ts'

export interface ProbingOptions {
  readonly clock: Clock
  readonly probe: Probe
  /** From one question to the next, in milliseconds; from an answer, when that took longer. */
  readonly everyMs: number
  /** For one answer. */
  readonly timeoutMs: number
  /** Before the first question. Default 0. */
  readonly delayMs?: number
  /** The answer was yes; with what was seen. */
  readonly succeeded: (seen: string) => void
  /** The answer was no, or none came in time. */
  readonly failed: (why: string) => void
}

/** Begins to ask, and returns what stops it: nothing is called and nothing is held after that. */
export function probing(options: ProbingOptions): () => void {
  const { clock, probe, everyMs, succeeded, failed } = options
  const stopped = new AbortController()
  let timer: Timer

  const ask = async (): Promise<void> => {
    const startMs = clock.now()
    const verdict = await answerOf(options, stopped.signal).then(
      (seen) => () => succeeded(`${probe.name}: ${seen}`),
      (cause: unknown) => () => failed(`${probe.name}: ${messageOf(cause)}`),
    )
    if (stopped.signal.aborted) return
    timer = clock.setTimeout(begin, Math.max(0, everyMs - (clock.now() - startMs)))
    verdict()
  }
  const begin = () => void ask()
  timer = clock.setTimeout(begin, options.delayMs ?? 0)

  return () => {
    clock.clearTimeout(timer)
    stopped.abort()
  }
}

/** One question, bounded. Rejects when it is stopped. */
async function answerOf({ clock, probe, timeoutMs }: ProbingOptions, stopped: AbortSignal): Promise<string> {
  const over = new AbortController()
  const end = () => over.abort()
  stopped.addEventListener('abort', end, { once: true })
  let timer: Timer
  const limit = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
    const arm = (ms: number) => {
      const dueMs = clock.now() + ms
      timer = clock.setTimeout(() => {
        const lateMs = clock.now() - dueMs
        if (lateMs > LATE_MS) arm(Math.min(lateMs, timeoutMs))
        else reject(new Error(`no answer within ${timeoutMs} ms`))
      }, ms)
    }
    arm(timeoutMs)
  })
  try {
    return await Promise.race([probe.ask(over.signal), limit])
  } finally {
    clock.clearTimeout(timer)
    stopped.removeEventListener('abort', end)
    end()
  }
}

/**
 * The control file: that it is there says that this agent takes requests. Each is a line, appended by whoever supervises
 * it in that moment, so that none is lost on one that looks late.
 */
import { closeSync, constants, type FSWatcher, openSync, readFileSync, rmSync, watch } from 'node:fs'
import { warn } from './warning.ts'

export interface CancelRequest {
  /** `cancelled`, `budget`, `ttl` …: the kind of reason, as in the agent's record. */
  readonly reason: string
  /** Who asks. */
  readonly by: string
  readonly message?: string
  /** When it should have ended by itself: the stop ladder follows. */
  readonly until?: Date
}

type Listener = (request: CancelRequest) => unknown

/** A watch may fail, or be one too many for the machine: then it is looked at all the same. */
const LOOK_EVERY_MS = 1_000

const listeners = new Set<Listener>()
let request: CancelRequest | undefined
let stopLooking: (() => void) | undefined

/**
 * Calls `fn` once, when the agent should finish its present step and start no other; at once, in a later turn, when that
 * was asked before. Without it, an agent that is cancelled gets SIGINT. Holds no event loop. Returns what takes `fn` out
 * again.
 */
export function onCancel(fn: Listener): () => void {
  const path = process.env.REEVE_CONTROL
  if (!path) return () => {}
  // A function of its own: the same `fn` twice is called twice, and taken out one by one.
  const listener: Listener = (asked) => fn(asked)
  listeners.add(listener)
  if (request) call(listener, request)
  else stopLooking ??= look(path)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0 || request) return
    stopLooking?.()
    stopLooking = undefined
    // Who takes requests no more is asked by SIGINT again.
    rmSync(path, { force: true })
  }
}

/** What it throws is the agent's own uncaught exception, and keeps it from no other. */
const call = (listener: Listener, asked: CancelRequest): void => {
  setImmediate(() => {
    if (listeners.has(listener)) listener(asked)
  })
}

function look(path: string): () => void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  try {
    closeSync(openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600))
  } catch (cause) {
    warn('no cancellation will be heard of: SIGINT comes in its place', cause)
    return () => {}
  }
  const read = (): void => {
    request ??= requestIn(path)
    if (!request) return
    stop()
    for (const listener of listeners) call(listener, request)
  }
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(path, { persistent: false }, read)
    watcher.on('error', () => watcher?.close())
  } catch {
    // No more watches to be had (ENOSPC, EMFILE): the timer finds it.
  }
  const timer = setInterval(read, LOOK_EVERY_MS).unref()
  const stop = (): void => {
    clearInterval(timer)
    watcher?.close()
  }
  read()
  return stop
}

/** The first cancellation in it; what this version does not know is passed over. */
function requestIn(path: string): CancelRequest | undefined {
  let lines: string[]
  try {
    lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  } catch {
    // Gone: its life is over, for whoever supervised it.
    return undefined
  }
  for (const line of lines) {
    const asked = parse(line)
    if (asked) return asked
  }
  return undefined
}

function parse(line: string): CancelRequest | undefined {
  if (line.trim() === 'cancel') return { reason: 'cancelled', by: 'user' }
  try {
    const { type, reason, by, message, until } = JSON.parse(line)
    if (type !== 'cancel') return undefined
    return {
      reason: String(reason),
      by: String(by),
      ...(typeof message === 'string' && { message }),
      ...(typeof until === 'string' && { until: new Date(until) }),
    }
  } catch {
    return undefined
  }
}

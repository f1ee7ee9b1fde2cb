/**
 * Finds what left its tree: one pass over every process of the machine, for all the lives that ask in that moment.
 *
 * A process belongs to a life when its environment holds the whole entry `REEVE_LIFE=<marker>`, or when its session
 * is the leader's and it started while the leader held that pid. The limit: one that cleared its environment, left
 * the session, and lost its parent before being seen.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ProcessIdentity } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { sleep } from './deadline.ts'
import { isAlive, isDead, type ProcessStat } from './identity.ts'
import { environOf, glance } from './proc.ts'
import type { Glance } from './stat.ts'

/** What one life looks for. Times in clock ticks since boot. */
export interface Hunt {
  readonly marker: string
  /** The leader's start: nothing of its tree is older. 0 when there never was one. */
  readonly notBefore: number
  /** The leader's session, and the last moment at which the leader was known to hold it. */
  readonly session?: { readonly id: number; readonly until: number }
}

interface Waiting {
  readonly hunt: Hunt
  readonly found: ProcessStat[]
  readonly resolve: (found: ProcessStat[]) => void
  readonly reject: (error: unknown) => void
}

/** Processes looked at before the event loop gets its turn: about a millisecond. */
const SLICE = 64
/** Listings of one pass. Each looks only at pids that the ones before did not show: forks during the pass. */
const MAX_LISTINGS = 16
/** The longest rest between two passes while more is waiting. */
const MAX_REST_MS = 10
/** An environment that reads empty is looked at again: `exec` empties it for a moment. */
const EXEC_RETRIES = 2
const EXEC_RETRY_MS = 3
/** For one process alone, whose fate hangs on it: so many looks, so long apart, without giving up the turn. */
const LOOKS_AT_ONE = 40
const LOOK_AGAIN_MS = 0.5

const ENTRY = Buffer.from('REEVE_LIFE=')

/** The values of every whole `REEVE_LIFE` entry of an environment. */
export function* markersIn(environ: Buffer): Generator<string> {
  for (let at = environ.indexOf(ENTRY); at !== -1; at = environ.indexOf(ENTRY, at + 1)) {
    if (at > 0 && environ[at - 1] !== 0) continue
    const end = environ.indexOf(0, at)
    yield environ.toString('latin1', at + ENTRY.length, end === -1 ? environ.length : end)
  }
}

/**
 * Whether exactly this process lives, and its environment holds the marker. One whose environment reads empty may just be
 * becoming another program: it is looked at again, for 20 ms at most.
 */
export function carries(identity: ProcessIdentity, marker: string): boolean {
  for (let look = 0; look < LOOKS_AT_ONE; look += 1) {
    if (look > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS)
    if (!isAlive(identity)) return false
    const environ = environOf(identity.pid)
    if (environ?.length === 0) continue
    const found = environ !== undefined && [...markersIn(environ)].includes(marker)
    // It may have ended between the two looks, and its pid be another's.
    return found && isAlive(identity)
  }
  return false
}

export class MarkerPass {
  readonly #clock: Clock
  #waiting: Waiting[] = []
  #running = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Every live process that belongs to the hunt, seen by a pass that began after this call. */
  find(hunt: Hunt): Promise<ProcessStat[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ hunt, found: [], resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting.length > 0) {
      // One turn of the loop, so that lives which end in the same moment share the pass.
      await nextTurn()
      const batch = this.#waiting
      this.#waiting = []
      const startMs = this.#clock.now()
      try {
        await new Look(batch, this.#clock).everywhere()
        for (const waiting of batch) waiting.resolve(waiting.found)
      } catch (error) {
        for (const waiting of batch) waiting.reject(error)
      }
      // While many end one after another, half of the time is theirs; and more of them share the next pass.
      if (this.#waiting.length > 0)
        await sleep(this.#clock, Math.min(this.#clock.now() - startMs, MAX_REST_MS))
    }
    this.#running = false
  }
}

/** One pass. */
class Look {
  readonly #clock: Clock
  readonly #byMarker = new Map<string, Waiting[]>()
  readonly #bySession = new Map<number, Waiting[]>()
  readonly #oldest: number
  readonly #uid = process.geteuid?.()
  #sinceTurn = 0

  constructor(batch: readonly Waiting[], clock: Clock) {
    this.#clock = clock
    this.#oldest = Math.min(...batch.map(({ hunt }) => hunt.notBefore))
    for (const waiting of batch) {
      addTo(this.#byMarker, waiting.hunt.marker, waiting)
      if (waiting.hunt.session !== undefined) addTo(this.#bySession, waiting.hunt.session.id, waiting)
    }
  }

  /** Ends with a listing that shows nobody new: what forked and ended meanwhile has left its child in the next one. */
  async everywhere(): Promise<void> {
    const seen = new Set<number>()
    const emptyLooks = new Map<number, number>()
    for (let listing = 0; listing < MAX_LISTINGS; listing++) {
      const look = glance()
      const fresh = look.pids.filter((pid) => !seen.has(pid))
      if (fresh.length === 0) return
      for (const pid of fresh) seen.add(pid)
      let mayExec = false
      for (const pid of await this.#lookAt(fresh, look)) {
        const looks = (emptyLooks.get(pid) ?? 0) + 1
        emptyLooks.set(pid, looks)
        if (looks > EXEC_RETRIES) continue
        seen.delete(pid)
        mayExec = true
      }
      if (mayExec) await sleep(this.#clock, EXEC_RETRY_MS)
    }
  }

  /** Looks at each, and returns those whose environment read empty. */
  async #lookAt(pids: readonly number[], look: Glance): Promise<number[]> {
    const empty: number[] = []
    for (const pid of pids) {
      if (++this.#sinceTurn % SLICE === 0) await nextTurn()
      if (!this.#look(pid, look)) empty.push(pid)
    }
    return empty
  }

  /** `false` when it has to be looked at again. */
  #look(pid: number, look: Glance): boolean {
    const stat = look.stat(pid)
    if (stat === undefined || stat.startTime < this.#oldest || stat.kernelThread || isDead(stat)) return true
    for (const { hunt, found } of this.#bySession.get(stat.session) ?? []) {
      if (hunt.session === undefined || stat.startTime > hunt.session.until) continue
      if (stat.startTime < hunt.notBefore) continue
      found.push(stat)
      return true
    }
    const environ = look.environ(pid)
    if (environ === undefined) return true
    if (environ.length === 0) return look.uid(pid) !== this.#uid
    for (const marker of markersIn(environ)) {
      const waiting = this.#byMarker.get(marker)
      if (waiting === undefined || look.uid(pid) !== this.#uid) continue
      for (const { hunt, found } of waiting) if (stat.startTime >= hunt.notBefore) found.push(stat)
      return true
    }
    return true
  }
}

function addTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else values.push(value)
}

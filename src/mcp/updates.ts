/**
 * What is told of resources that somebody subscribed to: at every entry of an agent, and when its log has grown. It
 * reads one stream of entries, from where it had come to, however often the daemon goes away and comes back.
 */
import type { Entry } from '../../machines/events.ts'
import { realClock, type Timer } from '../clock.ts'
import { messageOf, ReeveError } from '../errors.ts'
import type { Reeve } from '../reeve.ts'
import type { Host } from './host.ts'
import { type Place, placeOf } from './uri.ts'

/** A log that is written to all the time is told of so often. */
const LOG_EVERY_MS = 500
const AGAIN_MS = 1_000
/** Resources that one client may subscribe to. */
export const MAX_WATCHED = 1_000

export interface Told {
  updated(uri: string): void
  /** There is an agent more, or one less. */
  listChanged(): void
}

interface Watched extends Place {
  readonly uri: string
  count: number
  following: AbortController | undefined
}

export class Updates {
  readonly #host: Host
  readonly #told: Told
  readonly #over = new AbortController()
  readonly #watched = new Map<string, Watched>()
  #begun = false

  constructor(host: Host, told: Told) {
    this.#host = host
    this.#told = told
  }

  /** Listens from now on; nobody is told before. */
  begin(): void {
    if (this.#begun || this.#over.signal.aborted) return
    this.#begun = true
    void this.#listen()
  }

  /** @throws ReeveError `too_busy` */
  watch(uri: string): void {
    const place = placeOf(uri)
    if (!place || this.#over.signal.aborted) return
    const known = this.#watched.get(uri)
    if (known) {
      known.count += 1
      return
    }
    if (this.#watched.size >= MAX_WATCHED)
      throw new ReeveError('too_busy', `${MAX_WATCHED} resources are subscribed to, the most for one client`)
    const watched: Watched = { ...place, uri, count: 1, following: undefined }
    this.#watched.set(uri, watched)
    this.begin()
    if (watched.kind === 'log') void this.#follow(watched)
  }

  drop(uri: string): void {
    const watched = this.#watched.get(uri)
    if (!watched) return
    watched.count -= 1
    if (watched.count > 0) return
    this.#watched.delete(uri)
    watched.following?.abort()
  }

  listChanged(): void {
    this.#told.listChanged()
  }

  close(): void {
    this.#over.abort()
    for (const { following } of this.#watched.values()) following?.abort()
    this.#watched.clear()
  }

  async #listen(): Promise<void> {
    const { signal } = this.#over
    let since: string | undefined
    let reeve: Reeve | undefined
    while (!signal.aborted) {
      try {
        // Asked for once: who listens starts no daemon anew.
        reeve ??= await this.#host.reeve()
        for await (const entry of reeve.entries({ signal, ...(since !== undefined && { since }) })) {
          since = `${entry.supervisorId}:${entry.seq}`
          this.#hear(entry)
        }
        // An embedded supervisor that has stopped has nothing more to say.
        if (!signal.aborted) await this.#pause()
      } catch (error) {
        if (signal.aborted) return
        const code = error instanceof ReeveError ? error.code : undefined
        if (code === undefined) this.#host.fault(error)
        if (code === 'entries_gone' || code === 'invalid_spec') since = undefined
        await this.#pause()
      }
    }
  }

  #hear(entry: Entry): void {
    if (entry.from === null) this.#told.listChanged()
    for (const watched of this.#watched.values()) {
      if (watched.agent !== entry.agentId && watched.agent !== entry.name) continue
      if (watched.kind !== 'log') this.#told.updated(watched.uri)
      else if (entry.to === 'running' && entry.from !== 'running') void this.#follow(watched)
    }
  }

  /** Until it has ended; at its next life it is followed again. */
  async #follow(watched: Watched): Promise<void> {
    if (watched.following) return
    const following = new AbortController()
    watched.following = following
    const { signal } = following
    let soon: Timer
    let waits = false
    const tell = () => {
      waits = false
      if (!signal.aborted) this.#told.updated(watched.uri)
    }
    try {
      const reeve = await this.#host.reeve()
      for await (const _ of reeve.logs(watched.agent, { since: 'end', follow: true, signal })) {
        if (waits) continue
        waits = true
        soon = realClock.setTimeout(tell, LOG_EVERY_MS)
      }
    } catch (error) {
      // An agent that is not there yet, or a daemon that went away: its next life is heard of.
      if (!signal.aborted && !(error instanceof ReeveError)) this.#host.fault(messageOf(error))
    } finally {
      realClock.clearTimeout(soon)
      if (waits) tell()
      watched.following = undefined
    }
  }

  #pause(): Promise<void> {
    const { signal } = this.#over
    return new Promise((resolve) => {
      const done = () => {
        realClock.clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = realClock.setTimeout(done, AGAIN_MS)
      signal.addEventListener('abort', done, { once: true })
      if (signal.aborted) done()
    })
  }
}

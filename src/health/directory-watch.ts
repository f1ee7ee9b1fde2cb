/**
 * Tells which files of a directory changed, as far as the kernel tells it: inotify drops events in silence when its
 * queue is full, and may not be had at all (`EMFILE`, `ENOSPC`: the user's instances or watches are used up).
 */
import { watch } from 'node:fs'
import type { Clock } from '../clock.ts'

/** How long after a failure the watch is tried again. */
const RETRY_MS = 30_000

export interface DirectoryWatcher {
  on(event: 'error', listener: (cause: Error) => void): unknown
  close(): void
}

export type WatchDirectory = (
  dir: string,
  changed: (event: string, name: string | null) => void,
) => DirectoryWatcher

export interface DirectoryWatchEvents {
  /** `renamed`: it was made, deleted or replaced; else it was written to. */
  changed(name: string, renamed: boolean): void
  /** Something changed, it is not known what. */
  overlooked(): void
  failed(cause: unknown): void
}

/** Does not hold the event loop. */
const watchWithNode: WatchDirectory = (dir, changed) => watch(dir, { persistent: false }, changed)

export class DirectoryWatch {
  readonly #dir: string
  readonly #clock: Clock
  readonly #events: DirectoryWatchEvents
  readonly #watch: WatchDirectory
  #watcher: DirectoryWatcher | undefined
  #retryMs = Number.NEGATIVE_INFINITY

  constructor(dir: string, clock: Clock, events: DirectoryWatchEvents, watchDirectory = watchWithNode) {
    this.#dir = dir
    this.#clock = clock
    this.#events = events
    this.#watch = watchDirectory
  }

  get works(): boolean {
    return this.#watcher !== undefined
  }

  /** Begins watching, unless it does already or failed a moment ago. */
  open(): void {
    if (this.#watcher !== undefined || this.#clock.now() < this.#retryMs) return
    try {
      const watcher = this.#watch(this.#dir, (event, name) => {
        if (name === null) this.#events.overlooked()
        else this.#events.changed(name, event === 'rename')
      })
      watcher.on('error', (cause) => {
        watcher.close()
        if (this.#watcher === watcher) this.#fail(cause)
      })
      this.#watcher = watcher
    } catch (cause) {
      this.#fail(cause)
    }
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#retryMs = Number.POSITIVE_INFINITY
  }

  #fail(cause: unknown): void {
    this.#watcher = undefined
    this.#retryMs = this.#clock.now() + RETRY_MS
    this.#events.failed(cause)
  }
}

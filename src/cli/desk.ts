/** What every command works with: where it reads and writes, which daemon it means, and how it says what came of it. */
import { type ConnectOptions, connect, type ReeveClient } from '../client/index.ts'
import type { DaemonOptions } from '../daemon/daemon-options.ts'
import { errnoOf, ReeveError } from '../errors.ts'
import { plain } from '../terminal/plain.ts'
import { paint, type Screen, screenOf } from '../terminal/screen.ts'
import { toWire, wireError } from '../wire.ts'
import { statusOf } from './exit-codes.ts'
import { inTypedWords } from './guess.ts'

export interface Streams {
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
}

/** 128 + SIGPIPE, as a shell has it. */
const UNREAD = 141

/** What stands before or behind any command. */
export interface GlobalOptions {
  home?: string
  url?: string
  token?: string
  json?: boolean
}

export class Desk {
  readonly streams: Streams
  readonly screen: Screen
  readonly errorScreen: Screen
  options: GlobalOptions = {}
  status = 0
  /** What follows when stdout takes nothing any more: this process leaves, as SIGPIPE would end another. */
  whenUnread: (status: number) => void = (status) => process.exit(status)
  #unread = false
  #client: ReeveClient | undefined

  constructor(streams: Streams) {
    this.streams = streams
    this.screen = screenOf(streams.stdout)
    this.errorScreen = screenOf(streams.stderr)
    streams.stdout.on('error', (error) => this.#cannotWrite(error))
    // What is said beside the answer is nobody's who does not read it.
    streams.stderr.on('error', () => {})
  }

  /** @throws ReeveError `daemon_not_running`, and what else `connect` throws */
  async reeve(): Promise<ReeveClient> {
    this.#client ??= await connect(this.#target())
    return this.#client
  }

  /** Starts a daemon in the background when none runs. */
  async reeveStarted(): Promise<ReeveClient> {
    try {
      return await this.reeve()
    } catch (error) {
      const absent = error instanceof ReeveError && error.code === 'daemon_not_running'
      if (!absent || this.options.url !== undefined) throw error
    }
    const { startDaemon } = await import('../daemon/start.ts')
    const { daemon, started } = await startDaemon(this.daemonOptions())
    if (started) this.remark(`started a daemon: pid ${daemon.pid}, home ${daemon.home}`)
    return this.reeve()
  }

  daemonOptions(): DaemonOptions {
    const { home } = this.options
    return home === undefined ? {} : { home }
  }

  /** The answer: with `--json` as it is on every wire, else as text. */
  answer(value: unknown, text: string): void {
    this.line(this.options.json ? JSON.stringify(toWire(value), null, 2) : text)
  }

  /** One of many that follow each other: with `--json` each on a line of its own. */
  one(value: unknown, text: string): void {
    this.line(this.options.json ? JSON.stringify(toWire(value)) : text)
  }

  line(text: string): void {
    if (text !== '' && !this.#unread) this.streams.stdout.write(`${text}\n`)
  }

  /** Said beside the answer, to a person. */
  remark(text: string): void {
    this.streams.stderr.write(`${text}\n`)
  }

  /** Somebody watches, and wants to see that it goes on. */
  get watched(): boolean {
    return this.errorScreen.width !== undefined && !this.options.json
  }

  /** What went wrong: on stderr, with `--json` on stdout in the one shape. Settles the exit status. */
  async failed(thrown: unknown): Promise<void> {
    const error = await inTypedWords(thrown, this.#client)
    this.status = error instanceof ReeveError ? statusOf(error.code) : 1
    if (this.options.json) this.line(JSON.stringify(wireError(error), null, 2))
    else {
      const message = error instanceof Error ? error.message : String(error)
      this.remark(`${paint(this.errorScreen, 'red', 'reeve:')} ${plain(message)}`)
    }
  }

  close(): void {
    this.#client?.close()
    this.#client = undefined
  }

  #cannotWrite(error: Error): void {
    if (this.#unread) return
    this.#unread = true
    const isNobodys = errnoOf(error) === 'EPIPE'
    if (!isNobodys) this.remark(`reeve: stdout: ${error.message}`)
    this.whenUnread(isNobodys ? UNREAD : 1)
  }

  #target(): ConnectOptions {
    const { home, url, token } = this.options
    return {
      ...(home !== undefined && { home }),
      ...(url !== undefined && { url }),
      ...(token !== undefined && { token }),
      onVersion: (message) => this.remark(`reeve: ${message}`),
      onTrouble: (message) => this.remark(`reeve: what happens is not recorded now: ${message}`),
    }
  }
}

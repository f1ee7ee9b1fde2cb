/**
 * Frames of the inspector's protocol to WebSockets, each viewer at its own pace and with its own beginning: whoever comes
 * late gets the present state of every actor. One who does not read is dropped; nobody else waits for it.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { realClock } from '../../clock.ts'
import { messageOf, ReeveError } from '../../errors.ts'

export interface RelayOptions {
  /** A stream for one viewer, from the present state on. */
  frames(signal: AbortSignal): AsyncIterable<string>
  /** How long a viewer may leave what waits for it unread. For tests. */
  readonly slowAfterMs?: number
}

/** What may wait in a viewer's socket, in bytes. */
const MAX_WAITING_BYTES = 1024 * 1024
const SLOW_AFTER_MS = 30_000
const MAX_VIEWERS = 32
/** A viewer has nothing to say. */
const MAX_SAID_BYTES = 64 * 1024
/** Of RFC 6455: all is over; a fault on this side. */
const OVER = 1000
const FAULT = 1011

export class Relay {
  readonly #options: RelayOptions
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_SAID_BYTES,
    perMessageDeflate: false,
  })

  constructor(options: RelayOptions) {
    this.#options = options
  }

  get viewers(): number {
    return this.#sockets.clients.size
  }

  /** @throws ReeveError `too_busy` */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.viewers >= MAX_VIEWERS)
      throw new ReeveError('too_busy', `${MAX_VIEWERS} viewers look already, the most that are served`)
    this.#sockets.handleUpgrade(request, socket, head, (viewer) => void this.#show(viewer))
  }

  close(): void {
    for (const viewer of this.#sockets.clients) viewer.terminate()
    this.#sockets.close()
  }

  /** Never rejects. */
  async #show(viewer: WebSocket): Promise<void> {
    const gone = new AbortController()
    viewer.once('close', () => gone.abort())
    // A close follows, and says all.
    viewer.on('error', () => {})
    try {
      for await (const frame of this.#options.frames(gone.signal)) {
        if (viewer.bufferedAmount < MAX_WAITING_BYTES) viewer.send(frame)
        else if (!(await this.#sent(viewer, frame))) return
        if (gone.signal.aborted) return
      }
      viewer.close(OVER, 'the supervisor has stopped')
    } catch (cause) {
      viewer.close(FAULT, reasonOf(cause))
    }
  }

  /** Waits until the socket has taken it; `false` when its reader is too slow, or gone. */
  #sent(viewer: WebSocket, frame: string): Promise<boolean> {
    const { slowAfterMs = SLOW_AFTER_MS } = this.#options
    return new Promise((resolve) => {
      const slow = realClock.setTimeout(() => {
        // No word of ours would reach it before what it has not read.
        viewer.terminate()
        resolve(false)
      }, slowAfterMs)
      viewer.send(frame, (error) => {
        realClock.clearTimeout(slow)
        resolve(!error)
      })
    })
  }
}

/** The reason of a close has 123 bytes at most; a character that is cut through is left out. */
const reasonOf = (cause: unknown): string =>
  Buffer.from(messageOf(cause)).subarray(0, 120).toString('utf8').replaceAll('\uFFFD', '')

/** Looking at what runs, from a browser on this machine. */
import type { InspectionOptions } from '../../reeve.ts'
import { assetAt } from './assets.ts'
import { LocalServer } from './local-server.ts'
import { Relay } from './relay.ts'

export interface InspectorOptions {
  /** On 127.0.0.1. Default 0: any that is free. */
  readonly port?: number
}

export interface OpenInspectorOptions extends InspectorOptions {
  /** `true`: `url` is that of Reeve's own page; `false`, the default, of the Stately inspector's. Both are served. */
  readonly local?: boolean
}

/** An inspector that is open, until it is closed. It does not hold the event loop. */
export interface OpenInspector {
  /** To be opened in a browser. The token in it is all that it takes to look: it is for the user alone. */
  readonly url: string
  /** For other viewers: a WebSocket that speaks the Stately inspector's protocol. */
  readonly socketUrl: string
  /** Holds the event loop from now on. */
  ref(): void
  close(): Promise<void>
}

/** What can be looked at: a supervisor here, or a client of a daemon. */
export interface Inspectable {
  inspection(options?: InspectionOptions): AsyncIterable<string>
}

/**
 * Opens an inspector: the Stately inspector's page, and its protocol on a WebSocket, on 127.0.0.1 with a token of its own.
 *
 * @throws ReeveError `inspector_failed`
 */
export async function openInspector(
  reeve: Inspectable,
  { port = 0 }: OpenInspectorOptions = {},
): Promise<OpenInspector> {
  const relay = new Relay({ frames: (signal) => reeve.inspection({ signal }) })
  const server = new LocalServer({
    port,
    asset: assetAt,
    answer: () => undefined,
    upgraded: (request, socket, head) => relay.take(request, socket, head),
  })
  await server.listen()
  return {
    url: server.urlOf('/stately'),
    socketUrl: `ws://127.0.0.1:${server.port}/v1/inspection?token=${server.token}`,
    ref: () => server.ref(),
    async close() {
      relay.close()
      await server.close()
    },
  }
}

/** Looking at what runs, from a browser on this machine. */
import type { Reeve } from '../../reeve.ts'
import { assetAt } from './assets.ts'
import { LocalServer } from './local-server.ts'
import { type Looked, pageAnswer } from './page-answers.ts'
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
export type Inspectable = Pick<Reeve, 'inspection' | 'records' | 'history' | 'on'>

/**
 * Opens an inspector on 127.0.0.1, with a token of its own: the Stately inspector's page, its protocol on a WebSocket, and
 * Reeve's own page. All of it looks, and touches nothing.
 *
 * @throws ReeveError `inspector_failed`
 */
export const openInspector = (
  reeve: Inspectable,
  { local = false, ...options }: OpenInspectorOptions = {},
): Promise<OpenInspector> => serve({ inspected: reeve, looked: reeve }, options, local ? '/' : '/stately')

export interface Sources {
  readonly inspected: Pick<Reeve, 'inspection'>
  /** Absent: Reeve's own page has nothing to show. */
  readonly looked?: Looked
}

export async function serve(
  { inspected, looked }: Sources,
  { port = 0 }: InspectorOptions,
  path: '/' | '/stately',
): Promise<OpenInspector> {
  const relay = new Relay({ frames: (signal) => inspected.inspection({ signal }) })
  const server = new LocalServer({
    port,
    asset: assetAt,
    answer: (call) => looked && pageAnswer(looked, call),
    upgraded: (request, socket, head) => relay.take(request, socket, head),
  })
  await server.listen()
  return {
    url: server.urlOf(path),
    socketUrl: `ws://127.0.0.1:${server.port}/v1/inspection?token=${server.token}`,
    ref: () => server.ref(),
    async close() {
      relay.close()
      await server.close()
    },
  }
}

/** What Reeve's own page asks: the paths and shapes of the daemon's `/v1`, as far as one looks and touches nothing. */
import type { ServerResponse } from 'node:http'
import type { Entry } from '../../../machines/events.ts'
import type { Reeve } from '../../reeve.ts'
import { toWire } from '../../wire.ts'
import type { LocalCall } from './local-server.ts'

/** What the page needs of a supervisor, or of a client. */
export type Looked = Pick<Reeve, 'records' | 'history' | 'on'>

/** What may wait for a page that does not read, in bytes. It comes back, and begins with what is so then. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
const HISTORY = /^\/v1\/agents\/([^/]+)\/history$/

/** `undefined`: there is no such path. */
export async function pageAnswer(reeve: Looked, call: LocalCall): Promise<unknown> {
  if (call.path === '/v1/agents') return toWire(await reeve.records())
  if (call.path === '/v1/entries') return entriesTo(reeve, call)
  const [, id] = HISTORY.exec(call.path) ?? []
  return id === undefined ? undefined : toWire(await reeve.history(decodeURIComponent(id)))
}

/** Entries as server-sent events, until the page is gone. What is asked after the first one, `hello`, shows nothing older. */
function entriesTo(reeve: Looked, { response, signal }: LocalCall): Promise<true> {
  const tell = (name: 'transition' | 'note') => (entry: Entry) =>
    send(response, `event: ${name}\ndata: ${JSON.stringify(toWire(entry))}\n\n`)
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  const offs = [
    reeve.on('transition', tell('transition')),
    reeve.on('note', tell('note')),
    // The client of a daemon that is gone hears nothing any more: the page is told by the end of its stream.
    reeve.on('warning', ({ code }) => code === 'daemon_not_running' && response.end()),
  ]
  send(response, 'event: hello\ndata: {}\n\n')
  return new Promise((resolve) => {
    const leave = () => {
      for (const off of offs) off()
      resolve(true)
    }
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
  })
}

function send(response: ServerResponse, text: string): void {
  if (response.writableLength > MAX_WAITING_BYTES) response.destroy()
  else if (!response.writableEnded) response.write(text)
}

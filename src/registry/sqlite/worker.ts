/** The thread in which SQLite runs: one request after another, each answered. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf, ReeveError } from '../../errors.ts'
import { toFault } from './faults.ts'
import type { Answer, Asked } from './protocol.ts'
import { SqliteStore } from './store.ts'

const port = parentPort
if (!port) throw new ReeveError('internal', 'sqlite/worker.js runs in a worker thread only')
const store = new SqliteStore(workerData)

async function answer({ id, request }: Asked): Promise<Answer> {
  try {
    return { id, rows: await store.answer(request) }
  } catch (cause) {
    const error =
      cause instanceof ReeveError ? cause : new ReeveError('internal', messageOf(cause), { cause })
    return { id, fault: toFault(error) }
  }
}

let last = Promise.resolve()
port.on('message', (asked: Asked) => {
  last = last.then(async () => {
    port.postMessage(await answer(asked))
    if (asked.request.type === 'close') port.close()
  })
})

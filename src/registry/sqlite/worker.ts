/** The thread in which SQLite runs: one request after another, each answered. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf, ReeveError } from '../../errors.ts'
import { toFault } from './faults.ts'
import { Gate } from './gate.ts'
import type { Answer, Asked, WorkerData } from './protocol.ts'
import { SqliteStore } from './store.ts'

const port = parentPort
if (!port) throw new ReeveError('internal', 'sqlite/worker.js runs in a worker thread only')
const setup: WorkerData = workerData
const store = new SqliteStore(setup)
const gate = new Gate(setup.gate)

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
    if (!gate.enter()) return port.close()
    const said = await answer(asked)
    const goesOn = gate.leave()
    port.postMessage(said)
    if (!goesOn || asked.request.type === 'close') port.close()
  })
})

/** The loop's side of the worker: requests and answers, and what happens when the worker dies. */
import { Worker } from 'node:worker_threads'
import { realClock, type Timer } from '../../clock.ts'
import { ReeveError } from '../../errors.ts'
import { fromFault } from './faults.ts'
import { Gate } from './gate.ts'
import type { Answer, Asked, Request, WorkerData, WorkerSetup } from './protocol.ts'

/** Requests that may wait for an answer; more are refused at once, so that a hung disk fills no memory. */
const MAX_PENDING = 64
/** A worker that has not closed the database by then is left alone: a transaction is whole or not there. */
const CLOSE_LIMIT_MS = 2_000
/** The process that exits lets what is under way in SQLite come to its end, for no longer than this. */
const EXIT_LIMIT_MS = 2_000

/** Of all workers that there are. */
const gates = new Set<Gate>()
let exitIsWatched = false

function add(gate: Gate): void {
  gates.add(gate)
  if (exitIsWatched) return
  exitIsWatched = true
  process.on('exit', () => {
    const untilMs = realClock.now() + EXIT_LIMIT_MS
    for (const each of gates) each.shut()
    for (const each of gates) each.waitUntilEmpty(Math.max(0, untilMs - realClock.now()))
  })
}

interface Pending {
  readonly resolve: (rows: readonly string[]) => void
  readonly reject: (error: ReeveError) => void
}

export class WorkerLink {
  readonly #setup: WorkerSetup
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #gate = new Gate()
  #asked = 0
  /** Its end is waited for: the loop is held until then. */
  #ending = false

  constructor(setup: WorkerSetup) {
    this.#setup = setup
  }

  /**
   * Starts the worker when there is none. Requests are answered in the order in which they were made. The event loop
   * is held while one is pending, and not otherwise.
   *
   * @throws ReeveError `registry_unavailable`, `registry_corrupt`
   */
  ask(request: Request): Promise<readonly string[]> {
    const { file } = this.#setup
    if (this.#pending.size >= MAX_PENDING && request.type !== 'close')
      return Promise.reject(
        new ReeveError(
          'registry_unavailable',
          `${file} has not answered ${MAX_PENDING} requests. Is its disk there? It is tried again.`,
        ),
      )
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start()
      const id = ++this.#asked
      this.#pending.set(id, { resolve, reject })
      this.#worker.ref()
      this.#worker.postMessage({ id, request } satisfies Asked)
    })
  }

  /**
   * Closes the database after what was asked before, within {@link CLOSE_LIMIT_MS}. A further request opens it again.
   *
   * @throws ReeveError `registry_unavailable` when it could not be closed in time
   */
  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    const exited = this.#exitOf(worker)
    let timer: Timer
    const late = new Promise<never>((_, reject) => {
      timer = realClock.setTimeout(() => {
        const message = `${this.#setup.file} could not be closed within ${CLOSE_LIMIT_MS} ms. Is its disk there?`
        const error = new ReeveError('registry_unavailable', message)
        this.#end(worker)
        worker.unref()
        this.#lost(worker, error)
        reject(error)
      }, CLOSE_LIMIT_MS)
    })
    try {
      await Promise.race([Promise.all([this.ask({ type: 'close' }), exited]), late])
    } finally {
      realClock.clearTimeout(timer)
    }
  }

  /** Ends the worker once it is out of SQLite. What was asked and not answered is rejected. */
  async terminate(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    const exited = this.#exitOf(worker)
    this.#end(worker)
    await exited
  }

  /** Inside SQLite it is not to be ended: it leaves when it comes out. */
  #end(worker: Worker): void {
    if (this.#gate.shut()) void worker.terminate()
  }

  #exitOf(worker: Worker): Promise<unknown> {
    this.#ending = true
    worker.ref()
    return new Promise((resolve) => worker.once('exit', resolve))
  }

  #start(): Worker {
    const gate = new Gate()
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      name: 'reeve sqlite',
      workerData: { ...this.#setup, gate: gate.memory } satisfies WorkerData,
      // Not the flags of this process (loaders, inspectors), nor a word about node:sqlite on its stderr.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    worker.unref()
    this.#gate = gate
    add(gate)
    let cause: unknown
    worker.on('message', (answer: Answer) => this.#take(worker, answer))
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', (code) => {
      gates.delete(gate)
      const message = `the thread that writes ${this.#setup.file} ended (code ${code}). The next request starts another.`
      this.#lost(
        worker,
        new ReeveError('registry_unavailable', message, { ...(cause !== undefined && { cause }) }),
      )
    })
    return worker
  }

  #take(worker: Worker, answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (this.#pending.size === 0 && !this.#ending) worker.unref()
    if ('fault' in answer) pending?.reject(fromFault(answer.fault))
    else pending?.resolve(answer.rows)
  }

  #lost(worker: Worker, error: ReeveError): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#ending = false
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}

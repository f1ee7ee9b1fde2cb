/** The loop's side of the worker: requests and answers, and what happens when the worker dies. */
import { Worker } from 'node:worker_threads'
import { realClock } from '../../clock.ts'
import { ReeveError } from '../../errors.ts'
import { fromFault } from './faults.ts'
import type { Answer, Asked, Request, WorkerSetup } from './protocol.ts'

/** Requests that may wait for an answer; more are refused at once, so that a hung disk fills no memory. */
const MAX_PENDING = 64
/** A worker that has not closed the database by then is ended as it is: a transaction is whole or not there. */
const CLOSE_LIMIT_MS = 2_000

interface Pending {
  readonly resolve: (rows: readonly string[]) => void
  readonly reject: (error: ReeveError) => void
}

export class WorkerLink {
  readonly #setup: WorkerSetup
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
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

  /** Closes the database after what was asked before, within {@link CLOSE_LIMIT_MS}. A further request opens it again. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    const exited = this.#exitOf(worker)
    const timer = realClock.setTimeout(() => void worker.terminate(), CLOSE_LIMIT_MS)
    try {
      await this.ask({ type: 'close' })
      await exited
    } finally {
      realClock.clearTimeout(timer)
    }
  }

  /** Ends the worker as it is. What was asked and not answered is rejected. */
  async terminate(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    const exited = this.#exitOf(worker)
    await worker.terminate()
    await exited
  }

  #exitOf(worker: Worker): Promise<unknown> {
    this.#ending = true
    worker.ref()
    return new Promise((resolve) => worker.once('exit', resolve))
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      name: 'reeve sqlite',
      workerData: this.#setup,
      // Not the flags of this process (loaders, inspectors), nor a word about node:sqlite on its stderr.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    worker.unref()
    let cause: unknown
    worker.on('message', (answer: Answer) => this.#take(worker, answer))
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', (code) => this.#lost(worker, code, cause))
    return worker
  }

  #take(worker: Worker, answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (this.#pending.size === 0 && !this.#ending) worker.unref()
    if ('fault' in answer) pending?.reject(fromFault(answer.fault))
    else pending?.resolve(answer.rows)
  }

  #lost(worker: Worker, code: number, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#ending = false
    const message = `the thread that writes ${this.#setup.file} ended (code ${code}). The next request starts another.`
    const error = new ReeveError('registry_unavailable', message, { ...(cause !== undefined && { cause }) })
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}

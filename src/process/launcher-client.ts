/**
 * The supervisor's side of a launcher in a process of its own. When that process dies, a new one takes its place and
 * its lives: it watches by identity what it did not fork, and everything that was asked and not answered is asked
 * again.
 */
import type { AskingRung } from '../../machines/escalation.ts'
import type { LifeAddress, ProcessIdentity, Reason } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { Connection } from './connection.ts'
import { LATE, sleep, within } from './deadline.ts'
import { held } from './held.ts'
import { scrubbed } from './launch.ts'
import { failed } from './launch-errors.ts'
import type {
  KeptLife,
  Launcher,
  LauncherEvents,
  LauncherOptions,
  LaunchOrder,
  LifeTerms,
  SweepOptions,
  TreeUsage,
  TreeVitals,
  VitalsOptions,
} from './launcher.ts'
import { Ledger } from './ledger.ts'
import { deferred } from './outbox.ts'
import { addressOf, lineOf, MAX_LINE, type Reply, type Request, termsOf } from './protocol.ts'
import { Questions } from './questions.ts'

const USAGE_WITHIN_MS = 5_000
const VITALS_WITHIN_MS = 5_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 2_000

interface PendingUsage {
  readonly lives: readonly LifeAddress[]
  readonly resolve: (usage: readonly TreeUsage[]) => void
}

export class LauncherClient implements Launcher {
  readonly kept: readonly KeptLife[] = []
  readonly #options: LauncherOptions
  readonly #clock: Clock
  readonly #events: LauncherEvents
  readonly #ledger = new Ledger()
  readonly #questions: Questions
  readonly #usages = new Map<number, PendingUsage>()
  #connection: Connection | undefined
  #generation = 0
  #usageId = 0
  #pid = 0
  /** Bye was asked for. */
  #closing = false
  /** The launcher said its last word. */
  #left = false
  /** Nobody waits any more: what still lives is the launcher's own business. */
  #abandoned = false
  #done: () => void = () => {}
  readonly #over: Promise<void>

  private constructor(options: LauncherOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#questions = new Questions(options.clock)
    this.#events = deferred(options.events)
    this.#over = new Promise((resolve) => {
      this.#done = resolve
    })
  }

  /** Throws `launcher_failed`. */
  static async start(options: LauncherOptions): Promise<LauncherClient> {
    const client = new LauncherClient(options)
    await held(client.#connect())
    return client
  }

  get pid(): number {
    return this.#pid
  }

  adopt(_life: LifeAddress): void {}

  dismiss(_life: LifeAddress): void {}

  acknowledge(_lives: readonly LifeAddress[]): void {}

  launch(order: LaunchOrder): void {
    const line = lineOf({ type: 'launch', order })
    this.#ledger.launch(order, this.#connection !== undefined)
    if (this.#abandoned) this.#fail(order, 'The launcher is closed: nothing is started any more.')
    else if (line.length <= MAX_LINE) this.#connection?.sendLine(line)
    else this.#fail(order, 'The command and its environment are more than any kernel takes.', 'E2BIG')
  }

  watch(terms: LifeTerms, process: ProcessIdentity): void {
    this.#ledger.watch(terms, process)
    this.#send({ type: 'watch', terms: termsOf(terms), process })
  }

  withdraw(life: LifeAddress): void {
    if (this.#ledger.withdraw(life)) this.#fail(life, 'It was withdrawn before it was forked.')
    else this.#send({ type: 'withdraw', life: addressOf(life) })
  }

  signal(life: LifeAddress, signal: NodeJS.Signals): void {
    this.#ledger.signal(life, signal)
    this.#send({ type: 'signal', life: addressOf(life), signal })
  }

  ask(life: LifeAddress, rung: AskingRung, reason: Reason): void {
    this.#ledger.ask(life, { rung, reason })
    this.#send({ type: 'ask', life: addressOf(life), rung, reason })
  }

  sweep(life: LifeAddress, options: SweepOptions): void {
    this.#ledger.sweep(life, options)
    this.#send({ type: 'sweep', life: addressOf(life), options })
  }

  async usage(lives: readonly LifeAddress[]): Promise<readonly TreeUsage[]> {
    if (this.#abandoned) return []
    const id = ++this.#usageId
    const asked = new Promise<readonly TreeUsage[]>((resolve) => {
      this.#usages.set(id, { lives: lives.map(addressOf), resolve })
    })
    this.#askUsage(id)
    const usage = await held(within(this.#clock, asked, USAGE_WITHIN_MS))
    this.#usages.delete(id)
    if (usage !== LATE) return usage
    this.#events.warning(`The launcher did not tell the use of CPU within ${USAGE_WITHIN_MS / 1000} s.`)
    return []
  }

  async vitals(lives: readonly LifeAddress[], options: VitalsOptions): Promise<readonly TreeVitals[]> {
    if (this.#abandoned) return []
    const vitals = await this.#questions.ask<readonly TreeVitals[]>(
      (id) => ({ type: 'vitals', id, lives: lives.map(addressOf), options }),
      (request) => this.#send(request),
      VITALS_WITHIN_MS,
    )
    if (vitals !== LATE) return vitals
    this.#events.warning(`The launcher did not tell vitals within ${VITALS_WITHIN_MS / 1000} s.`)
    return []
  }

  release(life: LifeAddress): void {
    this.#ledger.release(life)
    this.#send({ type: 'release', life: addressOf(life) })
  }

  async close(timeoutMs: number): Promise<void> {
    if (!this.#closing) {
      this.#closing = true
      this.#send({ type: 'bye' })
    }
    await held(within(this.#clock, this.#over, timeoutMs))
    this.#abandoned = true
    this.#connection?.end()
  }

  #send(request: Request): void {
    this.#connection?.send(request)
  }

  #fail(life: LifeAddress, message: string, errno?: string): void {
    this.#take({
      type: 'answer',
      answer: { type: 'SPAWN_FAILED', ...addressOf(life), error: failed(message, errno) },
    })
  }

  #askUsage(id: number): void {
    const pending = this.#usages.get(id)
    if (pending !== undefined) this.#send({ type: 'usage', id, lives: pending.lives })
  }

  async #connect(): Promise<void> {
    const { home, launcherId, ephemeral, baseEnv, exec } = this.#options
    const connection = await Connection.open({
      home,
      launcherId: `${launcherId}-${++this.#generation}`,
      exec,
      clock: this.#clock,
      ephemeral,
      baseEnv: scrubbed(baseEnv),
      take: (reply) => this.#take(reply),
      warning: (message, cause) => this.#events.warning(message, cause),
    })
    this.#connection = connection
    this.#pid = connection.pid
    void connection.closed.then(() => this.#closed(connection))
    for (const request of this.#ledger.handover()) connection.send(request)
    for (const id of this.#usages.keys()) this.#askUsage(id)
    for (const question of this.#questions.open()) connection.send(question)
    if (this.#closing) connection.send({ type: 'bye' })
  }

  #take(reply: Reply): void {
    switch (reply.type) {
      case 'answer':
        if (this.#ledger.note(reply.answer)) this.#events.answer(reply.answer)
        return
      case 'usage':
        this.#usages.get(reply.id)?.resolve(reply.usage)
        return
      case 'vitals':
        return this.#questions.answered(reply.id, reply.vitals)
      case 'warning':
        return this.#events.warning(reply.message)
      case 'left':
        this.#left = true
        if (reply.escaped.length > 0)
          this.#events.warning(`These processes could not be ended: ${reply.escaped.join(', ')}.`)
        return
      case 'refused':
      case 'welcome':
        return this.#events.warning(`The launcher said ${reply.type} at the wrong time.`)
      default:
        return reply satisfies never
    }
  }

  async #closed(connection: Connection): Promise<void> {
    this.#connection = undefined
    if (this.#abandoned) return this.#done()
    if (this.#left || (this.#closing && this.#ledger.living === 0)) {
      await connection.exited
      return this.#done()
    }
    void connection.clearAway().catch((error) => this.#events.warning(messageOf(error), error))
    const living = this.#ledger.living
    this.#events.warning(
      `The launcher (pid ${connection.pid}) is gone; a new one takes over its ${living} lives.`,
    )
    for (let waitMs = FIRST_RETRY_MS; !this.#abandoned; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      try {
        return await this.#connect()
      } catch (error) {
        this.#events.warning(
          `No new launcher yet; the next try is in ${waitMs} ms. ${messageOf(error)}`,
          error,
        )
      }
      await sleep(this.#clock, waitMs)
    }
  }
}

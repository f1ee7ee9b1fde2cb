/**
 * The supervisor's side of a launcher in a process of its own. When that process dies, a new one takes its place and
 * its lives: it watches by identity what it did not fork, and everything that was asked and not answered is asked
 * again.
 */
import type { AskingRung } from '../../machines/escalation.ts'
import { type LifeAddress, lifeKey, type ProcessIdentity, type Reason } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { LATE, sleep, within } from './deadline.ts'
import { held } from './held.ts'
import { scrubbed } from './launch.ts'
import { failed } from './launch-errors.ts'
import type {
  CommandEnd,
  CommandOrder,
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
import { NOBODY, predecessorsIn, read } from './predecessors.ts'
import { addressOf, lineOf, MAX_LINE, PROTOCOL, type Reply, type Request, termsOf } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { LOST, Questions } from './questions.ts'
import type { ReadBook } from './read-book.ts'

const USAGE_WITHIN_MS = 5_000
const VITALS_WITHIN_MS = 5_000
/** A launcher under load may take its time; until it has taken all, the books of those before stay. */
const TAKEN_WITHIN_MS = 10_000
const DEAD_WITHIN_MS = 2_000
/** What a command that is out of time takes until its tree is gone, and until that is told. */
const RUN_SLACK_MS = 10_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 2_000

interface PendingUsage {
  readonly lives: readonly LifeAddress[]
  readonly resolve: (usage: readonly TreeUsage[]) => void
}

export class LauncherClient implements Launcher {
  kept: readonly KeptLife[] = []
  readonly #options: LauncherOptions
  readonly #clock: Clock
  readonly #events: LauncherEvents
  readonly #ledger = new Ledger()
  readonly #questions: Questions
  readonly #usages = new Map<number, PendingUsage>()
  #connection: Connection | undefined
  #generation = 0
  readonly #pings = new Map<number, () => void>()
  #pulse: Pulse | undefined
  #askedId = 0
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
    this.#questions = new Questions(options.clock, (request) => this.#sends(request))
    this.#events = deferred(options.events)
    this.#over = new Promise((resolve) => {
      this.#done = resolve
    })
  }

  /** Throws `launcher_failed`. */
  static async start(options: LauncherOptions): Promise<LauncherClient> {
    const client = new LauncherClient(options)
    await held(client.#begin())
    return client
  }

  /** Takes over what is there, or starts anew; and has all that others left in its hands before it returns. */
  async #begin(): Promise<void> {
    const { home, ephemeral } = this.#options
    const options = this.#connectionOptions()
    const before = ephemeral ? NOBODY : await predecessorsIn(home, { ...options, takeOver: true })
    const connection = before.connection ?? (await Connection.open(options))
    this.#use(connection)
    const kept = new Map(connection.kept.map((life) => [lifeKey(life.terms), life]))
    for (const { life, rotate } of before.left) {
      if (kept.has(lifeKey(life.terms))) continue
      kept.set(lifeKey(life.terms), life)
      connection.send({ type: 'keep', life, claimed: false, rotate })
    }
    this.kept = [...kept.values()]
    for (const life of this.kept) this.#ledger.keep(life)
    connection.listen()
    for (const gone of before.foreignGone) void gone.then((lives) => this.#send({ type: 'rotate', lives }))
    await this.#forgetBefore(() => before.clearAway())
  }

  /** What is written in an old book is not needed once the new launcher has written it down. */
  async #forgetBefore(clearAway: () => void): Promise<void> {
    if ((await within(this.#clock, this.#ping(), TAKEN_WITHIN_MS)) === LATE) return
    try {
      clearAway()
    } catch (error) {
      this.#notCleared(error)
    }
  }

  get pid(): number {
    return this.#pid
  }

  adopt(life: LifeAddress): void {
    for (const answer of this.#ledger.adopt(life)) this.#events.answer(answer)
    this.#send({ type: 'adopt', life: addressOf(life) })
  }

  dismiss(life: LifeAddress): void {
    this.#ledger.dismiss(life)
    this.#send({ type: 'dismiss', life: addressOf(life) })
  }

  acknowledge(lives: readonly LifeAddress[]): void {
    this.#ledger.acknowledge(lives)
    this.#send({ type: 'acknowledge', lives: lives.map(addressOf) })
  }

  launch(order: LaunchOrder): void {
    const line = lineOf({ type: 'launch', order })
    this.#ledger.launch(order, this.#connection !== undefined)
    if (this.#abandoned) this.#fail(order, 'The launcher is closed: nothing is started any more.')
    else if (line.length <= MAX_LINE) this.#connection?.sendLine(line)
    else this.#fail(order, 'The command and its environment are more than any kernel takes.', 'E2BIG')
  }

  watch(terms: LifeTerms, process: ProcessIdentity): void {
    this.#ledger.watch(terms, process)
    const life = { terms: termsOf(terms), isChild: false, state: { kind: 'running', process } } as const
    this.#send({ type: 'keep', life, claimed: true, rotate: true })
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
    const id = ++this.#askedId
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
      VITALS_WITHIN_MS,
    )
    if (vitals !== LATE) return vitals
    this.#events.warning(`The launcher did not tell vitals within ${VITALS_WITHIN_MS / 1000} s.`)
    return []
  }

  async run(order: CommandOrder, over: AbortSignal): Promise<CommandEnd> {
    if (this.#abandoned || over.aborted) return { failure: 'it was not started' }
    const { hook, what } = order
    if (hook !== null)
      this.#ledger.cleanup(order, ({ begun, ...cleanup }) => ({
        ...cleanup,
        begun: begun === null ? null : Math.max(begun, hook + 1),
      }))
    let halt = (): void => {}
    const answered = this.#questions.once<CommandEnd>(
      (id) => {
        halt = () => this.#send({ type: 'halt', id })
        return { type: 'run', id, order }
      },
      order.timeoutMs + order.killWaitMs + RUN_SLACK_MS,
    )
    over.addEventListener('abort', halt, { once: true })
    const answer = await answered
    over.removeEventListener('abort', halt)
    if (answer === LATE) return { failure: 'the launcher did not say in time what became of it' }
    if (answer !== LOST) return answer
    // What a probe leaves carries the marker of its agent, and is found with its tree.
    if (hook === null || what.kind !== 'command') return { failure: 'the launcher died while it ran' }
    return this.run({ ...order, what: { kind: 'end' } }, over)
  }

  leave(life: LifeAddress): void {
    this.#ledger.cleanup(life, (cleanup) => ({ ...cleanup, begun: null }))
    this.#send({ type: 'leave', life: addressOf(life) })
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

  /** Whether there is a launcher that takes it. */
  #sends(request: Request): boolean {
    this.#send(request)
    return this.#connection !== undefined
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

  /** Resolves when all that was sent before has been taken. */
  #ping(): Promise<void> {
    const id = ++this.#askedId
    return new Promise((resolve) => {
      this.#pings.set(id, resolve)
      this.#send({ type: 'ping', id })
    })
  }

  #connectionOptions(): ConnectionOptions {
    const { home, launcherId, ephemeral, keepExits, leftovers, containment, baseEnv, exec } = this.#options
    return {
      home,
      launcherId: `${launcherId}-${++this.#generation}`,
      exec,
      clock: this.#clock,
      ephemeral,
      keepExits,
      leftovers,
      containment,
      baseEnv: scrubbed(baseEnv),
      take: (reply) => this.#take(reply),
      warning: (message, cause) => this.#events.warning(message, cause),
    }
  }

  #use(connection: Connection): void {
    this.#connection = connection
    this.#pid = connection.pid
    this.#pulse = new Pulse({
      clock: this.#clock,
      matters: () => this.#ledger.living > 0,
      ask: () => connection.send({ type: 'ping', id: 0 }),
      isStopped: () => connection.process.isStopped(),
      hung: (why) => {
        this.#events.warning(`The launcher (pid ${connection.pid}) hangs: ${why}. It is replaced.`)
        connection.end()
      },
    })
    void connection.closed.then(() => this.#closed(connection))
  }

  /** A new launcher in the place of one that died. */
  async #replace(book: ReadBook | undefined): Promise<Connection> {
    const connection = await Connection.open(this.#connectionOptions())
    this.#use(connection)
    connection.listen()
    for (const request of this.#ledger.handover(book?.chapters ?? new Map())) connection.send(request)
    for (const id of this.#usages.keys()) this.#askUsage(id)
    for (const question of this.#questions.open()) connection.send(question)
    if (this.#closing) connection.send({ type: 'bye' })
    return connection
  }

  #take(reply: Reply): void {
    this.#pulse?.heard()
    switch (reply.type) {
      case 'answer':
        if (this.#ledger.note(reply.answer)) this.#events.answer(reply.answer)
        return
      case 'usage':
        this.#usages.get(reply.id)?.resolve(reply.usage)
        return
      case 'ran':
        return this.#questions.answered(reply.id, reply.end)
      case 'vitals':
        return this.#questions.answered(reply.id, reply.vitals)
      case 'pong':
        this.#pings.get(reply.id)?.()
        this.#pings.delete(reply.id)
        return
      case 'warning':
        return this.#events.warning(reply.message)
      case 'left':
        this.#left = true
        if (reply.escaped.length > 0)
          this.#events.warning(`These processes could not be ended: ${reply.escaped.join(', ')}.`)
        return
      case 'refused':
      case 'kept':
      case 'welcome':
        return this.#events.warning(`The launcher said ${reply.type} at the wrong time.`)
      default:
        return reply satisfies never
    }
  }

  async #closed(connection: Connection): Promise<void> {
    this.#connection = undefined
    this.#pulse?.stop()
    this.#questions.lost()
    if (this.#abandoned) return this.#done()
    if (this.#left || (this.#closing && this.#ledger.living === 0)) {
      await connection.process.exited()
      return this.#done()
    }
    // One that lives would take us for dead, and end what its successor keeps.
    connection.process.kill()
    await within(this.#clock, connection.process.exited(), DEAD_WITHIN_MS)
    const book = this.#bookOf(connection)
    const living = this.#ledger.living
    this.#events.warning(
      `The launcher (pid ${connection.pid}) is gone; a new one takes over its ${living} lives.`,
    )
    for (let waitMs = FIRST_RETRY_MS; !this.#abandoned; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      try {
        const next = await this.#replace(book)
        return void this.#forgetBefore(() => {
          if (this.#connection === next) void connection.clearAway().catch((error) => this.#notCleared(error))
        })
      } catch (error) {
        this.#events.warning(
          `No new launcher yet; the next try is in ${waitMs} ms. ${messageOf(error)}`,
          error,
        )
      }
      await sleep(this.#clock, waitMs)
    }
  }

  /** What a launcher that died had written down; and what it did not live to tell is told. */
  #bookOf({ launcherId }: Connection): ReadBook | undefined {
    const { home, events } = this.#options
    try {
      const book = read(home, { launcherId, protocol: PROTOCOL }, events.warning.bind(events))
      for (const chapter of book?.chapters.values() ?? [])
        for (const answer of this.#ledger.untold(chapter)) this.#take({ type: 'answer', answer })
      return book
    } catch (error) {
      this.#events.warning(`What the launcher had written down cannot be read: ${messageOf(error)}`, error)
      return undefined
    }
  }

  #notCleared(error: unknown): void {
    this.#events.warning(`What launchers before left could not be removed: ${messageOf(error)}`, error)
  }
}

/** The supervisor as its launcher sees it: a connection that greets, asks, and one day ends. */
import type { Socket } from 'node:net'
import { realClock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Household } from './household.ts'
import type { CommandOrder, LauncherEvents } from './launcher.ts'
import type { Lives } from './lives.ts'
import { type Greeting, Lines, lineOf, PROTOCOL, type Refusal, type Reply, type Request } from './protocol.ts'

/** How long the last word may take to reach a supervisor that does not read. */
const LAST_WORD_MS = 1000

export class HostedSupervisor {
  readonly #connection: Socket
  readonly #household: Household
  readonly #greeted: () => void
  readonly #events: LauncherEvents = {
    answer: (answer) => this.#send({ type: 'answer', answer }),
    warning: (message) => this.#send({ type: 'warning', message }),
  }
  #state: 'silent' | 'served' | 'foreign' | 'refused' = 'silent'
  #letGo: () => void = () => {}
  /** Commands under way, by the number of the request. */
  readonly #running = new Map<number, AbortController>()
  /** Those among them that have nobody left to tell when the supervisor is gone; a hook goes on. */
  readonly #probes = new Set<AbortController>()
  /** Lines of this turn, written together. */
  #unsent: string[] = []

  /** `greeted` is called once it said who it is, welcome or not. */
  constructor(connection: Socket, household: Household, greeted: () => void = () => {}) {
    this.#connection = connection
    this.#household = household
    this.#greeted = greeted
    const lines = new Lines(
      (line) => this.#takeLine(line),
      () => this.#warn('A request was too long and was dropped.'),
    )
    connection.setEncoding('utf8')
    connection.on('data', (chunk: string) => lines.push(chunk))
    // `close` follows, and says all that matters.
    connection.on('error', (error) => household.log(`connection: ${error.message}`))
    connection.on('close', () => this.#gone())
  }

  #takeLine(line: string): void {
    try {
      const request = JSON.parse(line) as Request
      if (this.#state === 'served') this.#serve(request, this.#household.lives)
      else if (this.#state === 'silent') this.#greet(request)
    } catch (error) {
      this.#warn(`A request failed: ${messageOf(error)}`)
    }
  }

  #greet(request: Request): void {
    if (request.type !== 'hello') return this.#refuse('wrong', 'say hello first')
    if (request.launcherId !== this.#household.launcherId)
      return this.#refuse('wrong', 'this is the launcher of another supervisor')
    this.#greeted()
    if (request.protocol !== PROTOCOL) return this.#stay(request)
    const kept = this.#household.admit(this.#events, request)
    if (kept === undefined)
      return this.#refuse('busy', 'this launcher has its supervisor, or is about to leave')
    this.#state = 'served'
    for (const life of kept) this.#send({ type: 'kept', life })
    this.#send({ type: 'welcome', protocol: PROTOCOL, pid: process.pid })
  }

  /** It is not understood, but while it stays it looks after its agents itself. */
  #stay({ protocol }: Greeting): void {
    this.#state = 'foreign'
    this.#letGo = this.#household.hold()
    const message = `this launcher speaks protocol ${PROTOCOL}, not ${protocol}`
    this.#send({ type: 'refused', reason: 'protocol', message })
  }

  #serve(request: Request, lives: Lives): void {
    switch (request.type) {
      case 'hello':
        return this.#warn('A supervisor greets once.')
      case 'launch':
        return lives.launch(request.order)
      case 'withdraw':
        return lives.withdraw(request.life)
      case 'signal':
        return lives.signal(request.life, request.signal)
      case 'ask':
        return lives.ask(request.life, request.rung, request.reason)
      case 'sweep':
        return lives.sweep(request.life, request.options)
      case 'usage':
        return void this.#usage(request.id, lives.usage(request.lives))
      case 'vitals':
        return void this.#vitals(request.id, lives.vitals(request.lives, request.options))
      case 'run':
        return void this.#run(request.id, request.order, lives)
      case 'halt':
        return this.#running.get(request.id)?.abort()
      case 'leave':
        return lives.leave(request.life)
      case 'release':
        return lives.release(request.life)
      case 'keep':
        return lives.keep(request.life, request)
      case 'rotate':
        return lives.rotate(request.lives)
      case 'adopt':
        return lives.adopt(request.life)
      case 'dismiss':
        return lives.dismiss(request.life)
      case 'acknowledge':
        return lives.acknowledge(request.lives)
      case 'ping':
        return this.#send({ type: 'pong', id: request.id })
      case 'bye':
        return void this.#household.bye((escaped) => this.#farewell({ type: 'left', escaped }))
      default:
        return request satisfies never
    }
  }

  async #usage(id: number, asked: ReturnType<Lives['usage']>): Promise<void> {
    try {
      this.#send({ type: 'usage', id, usage: await asked })
    } catch (error) {
      this.#warn(`The use of CPU could not be read: ${messageOf(error)}`)
      this.#send({ type: 'usage', id, usage: [] })
    }
  }

  async #vitals(id: number, asked: ReturnType<Lives['vitals']>): Promise<void> {
    try {
      this.#send({ type: 'vitals', id, vitals: await asked })
    } catch (error) {
      this.#warn(`Vitals could not be read: ${messageOf(error)}`)
      this.#send({ type: 'vitals', id, vitals: [] })
    }
  }

  async #run(id: number, order: CommandOrder, lives: Lives): Promise<void> {
    const over = new AbortController()
    this.#running.set(id, over)
    if (order.hook === null) this.#probes.add(over)
    const end = await lives.run(order, over.signal)
    this.#running.delete(id)
    this.#probes.delete(over)
    this.#send({ type: 'ran', id, end })
  }

  #refuse(reason: Refusal, message: string): void {
    this.#state = 'refused'
    this.#household.log(`refused a connection: ${message}`)
    this.#connection.end(lineOf({ type: 'refused', reason, message }))
  }

  #gone(): void {
    for (const probe of this.#probes) probe.abort()
    if (this.#state === 'served') this.#household.gone(this.#events)
    this.#letGo()
  }

  /** The last word; whether there was anyone to hear it. */
  async #farewell(reply: Reply): Promise<boolean> {
    if (this.#connection.destroyed) return false
    await new Promise<void>((resolve) => {
      this.#flush()
      realClock.setTimeout(resolve, LAST_WORD_MS)
      this.#connection.once('close', resolve)
      this.#connection.end(lineOf(reply), () => resolve())
    })
    return true
  }

  #warn(message: string): void {
    this.#household.log(message)
    this.#send({ type: 'warning', message })
  }

  #send(reply: Reply): void {
    if (this.#unsent.length === 0) process.nextTick(() => this.#flush())
    this.#unsent.push(lineOf(reply))
  }

  #flush(): void {
    const lines = this.#unsent.join('')
    this.#unsent = []
    if (lines !== '' && this.#connection.writable) this.#connection.write(lines)
  }
}

/** The supervisor as its launcher sees it: a connection that greets, asks, and one day ends. */
import type { Socket } from 'node:net'
import { realClock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { Lives } from './lives.ts'
import { Lines, lineOf, PROTOCOL, type Reply, type Request } from './protocol.ts'
import { Spared } from './spared.ts'

export interface HostedSupervisorOptions {
  readonly launcherId: string
  readonly log: (message: string) => void
  /** Asked after a right greeting; `false` refuses it. */
  readonly admit: () => boolean
  /** There is nothing left to keep. */
  readonly leave: (mayRemoveHome: boolean) => void
}

/** How long the last word may take to reach a supervisor that does not read. */
const LAST_WORD_MS = 1000

export class HostedSupervisor {
  readonly #connection: Socket
  readonly #options: HostedSupervisorOptions
  readonly #spared = new Spared()
  #lives: Lives | undefined
  #ephemeral = false
  #isEnding = false
  /** Lines of this turn, written together. */
  #unsent: string[] = []

  constructor(connection: Socket, options: HostedSupervisorOptions) {
    this.#connection = connection
    this.#options = options
    const lines = new Lines(
      (line) => this.#takeLine(line),
      () => this.#warn('A request was too long and was dropped.'),
    )
    connection.setEncoding('utf8')
    connection.on('data', (chunk: string) => lines.push(chunk))
    // `close` follows, and says all that matters.
    connection.on('error', (error) => options.log(`connection: ${error.message}`))
    connection.on('close', () => this.#gone())
  }

  #takeLine(line: string): void {
    try {
      this.#take(JSON.parse(line) as Request)
    } catch (error) {
      this.#warn(`A request failed: ${messageOf(error)}`)
    }
  }

  #take(request: Request): void {
    const lives = this.#lives
    if (lives === undefined) this.#greet(request)
    else this.#serve(request, lives)
  }

  #greet(request: Request): void {
    const { launcherId, admit } = this.#options
    if (request.type !== 'hello') return this.#refuse('say hello first')
    if (request.protocol !== PROTOCOL)
      return this.#refuse(`this launcher speaks protocol ${PROTOCOL}, not ${request.protocol}`)
    if (request.launcherId !== launcherId) return this.#refuse('this is the launcher of another supervisor')
    if (!admit()) return this.#refuse('this launcher has its supervisor')
    this.#spared.add(request.supervisorPid)
    this.#ephemeral = request.ephemeral
    this.#lives = new Lives({
      baseEnv: request.baseEnv,
      clock: realClock,
      spared: this.#spared,
      events: {
        answer: (answer) => this.#send({ type: 'answer', answer }),
        warning: (message) => this.#warn(message),
      },
    })
    this.#send({ type: 'welcome', protocol: PROTOCOL, pid: process.pid })
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
      case 'release':
        return lives.release(request.life)
      case 'watch':
        return lives.watch(request.terms, request.process)
      case 'inherit':
        return lives.inherit(request.terms, request.process)
      case 'lost':
        return void lives.lost(request.terms)
      case 'bye':
        return void this.#end(lives)
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

  #refuse(message: string): void {
    this.#options.log(`refused a connection: ${message}`)
    this.#connection.end(lineOf({ type: 'refused', message }))
  }

  /** The connection has ended. Without `bye` the supervisor died, and all of its is ended. */
  #gone(): void {
    if (this.#lives === undefined) return
    if (!this.#isEnding) this.#options.log('the supervisor is gone; its agents are ended')
    void this.#end(this.#lives)
  }

  async #end(lives: Lives): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    const escaped = await this.#endAll(lives)
    if (escaped.length > 0) this.#options.log(`could not be ended: ${escaped.join(', ')}`)
    // A supervisor that is there to hear the last word looks after its home itself.
    const isAlone = this.#connection.destroyed
    if (!isAlone) await this.#lastWord({ type: 'left', escaped })
    this.#options.leave(isAlone && this.#ephemeral)
  }

  /** Whatever goes wrong, a launcher does not stay for ever. */
  async #endAll(lives: Lives): Promise<number[]> {
    try {
      return await lives.endAll()
    } catch (error) {
      this.#options.log(`fault while ending: ${error instanceof Error ? error.stack : messageOf(error)}`)
      return []
    }
  }

  #lastWord(reply: Reply): Promise<void> {
    return new Promise((resolve) => {
      this.#flush()
      realClock.setTimeout(resolve, LAST_WORD_MS)
      this.#connection.once('close', resolve)
      this.#connection.end(lineOf(reply), () => resolve())
    })
  }

  #warn(message: string): void {
    this.#options.log(message)
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

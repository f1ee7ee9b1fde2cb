/** A launcher's process with the conversation that its supervisor has with it. */
import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import type { Timer } from '../clock.ts'
import { messageOf, ReeveError } from '../errors.ts'
import { type HelperOptions, startHelper } from './helper-process.ts'
import type { ContainmentMode, KeptLife } from './launcher.ts'
import { launcherBook, socketPath } from './launcher-files.ts'
import { type LauncherProcess, ofChild } from './launcher-process.ts'
import { Lines, lineOf, PROTOCOL, type Refusal, type Reply, type Request } from './protocol.ts'

export interface ConnectionOptions extends HelperOptions {
  readonly ephemeral: boolean
  readonly keepExits: boolean
  readonly leftovers: string | null
  readonly containment?: ContainmentMode | undefined
  readonly baseEnv: Readonly<Record<string, string>>
  readonly take: (reply: Reply) => void
  readonly warning: (message: string, cause?: unknown) => void
}

/** It greets, but does not let us in. */
export class RefusedError extends Error {
  readonly reason: Refusal

  constructor(reason: Refusal, message: string) {
    super(message)
    this.reason = reason
  }
}

/** It does not say anything. */
export class SilentError extends Error {}

/** A machine under load may take its time; one that is stopped will never answer. */
const GREETED_WITHIN_MS = 10_000
const STOPPED_FOR_MS = 1_000
const LOOK_EVERY_MS = 100
/** So many are written at once. */
const MANY_LINES = 16
/** Requests that wait in memory because the launcher does not read: told once, for it should never happen. */
const MANY_UNREAD_BYTES = 64 * 1024 * 1024

export class Connection {
  readonly process: LauncherProcess
  readonly launcherId: string
  /** What supervisors before left with it. */
  readonly kept: readonly KeptLife[]
  /** Settles when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  /** What it said after its welcome, until somebody listens. */
  #unheard: Reply[] | undefined = []
  #warned = false
  #unsent: string[] = []
  #planned: NodeJS.Immediate | undefined

  private constructor(
    process: LauncherProcess,
    socket: Socket,
    kept: readonly KeptLife[],
    options: ConnectionOptions,
  ) {
    this.process = process
    this.launcherId = options.launcherId
    this.kept = kept
    this.#socket = socket
    this.#options = options
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  get pid(): number {
    return this.process.pid
  }

  /** Starts a launcher and greets it. Throws `launcher_failed`. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const launcher = ofChild(await startHelper(options))
    try {
      return await Connection.greet(launcher, options)
    } catch (error) {
      launcher.kill()
      const message = `The launcher (pid ${launcher.pid}) does not answer: ${messageOf(error)}`
      throw new ReeveError('launcher_failed', message, { cause: error })
    }
  }

  /** Greets one that is there. Throws `RefusedError`, `SilentError`, or what the socket says. */
  static async greet(launcher: LauncherProcess, options: ConnectionOptions): Promise<Connection> {
    const { home, launcherId, ephemeral, keepExits, leftovers, containment, baseEnv } = options
    const path = socketPath(home, launcherId)
    const socket = connect(path.address)
    socket.unref()
    socket.setEncoding('utf8')
    const kept: KeptLife[] = []
    const connection = new Connection(launcher, socket, kept, options)
    let welcome: (reply: Reply) => void = () => {}
    let refuse: (error: Error) => void = () => {}
    const answer = new Promise<Reply>((resolve, reject) => {
      welcome = resolve
      refuse = reject
    })
    let take = (reply: Reply): void => {
      if (reply.type === 'kept') {
        kept.push(reply.life)
        return
      }
      welcome(reply)
      take = (next) => connection.#take(next)
    }
    const lines = new Lines(
      (line) => take(JSON.parse(line) as Reply),
      () => options.warning('A line of the launcher was too long and was dropped.'),
    )
    socket.on('data', (chunk: string) => lines.push(chunk))
    socket.on('error', refuse)
    socket.on('close', () => refuse(new Error('it closed the connection')))
    const greeting = { launcherId, ephemeral, keepExits, leftovers, containment, baseEnv }
    connection.send({ type: 'hello', protocol: PROTOCOL, supervisorPid: process.pid, ...greeting })
    const impatience = hurry(launcher, options, refuse)
    try {
      const reply = await answer
      if (reply.type === 'refused') throw new RefusedError(reply.reason, reply.message)
      if (reply.type !== 'welcome') throw new Error(`it said ${reply.type}`)
      return connection
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      impatience()
      path.close()
    }
  }

  /** From now on what it says is heard, and what it has said since its welcome first. */
  listen(): void {
    const unheard = this.#unheard ?? []
    this.#unheard = undefined
    for (const reply of unheard) this.#options.take(reply)
  }

  #take(reply: Reply): void {
    if (this.#unheard === undefined) this.#options.take(reply)
    else this.#unheard.push(reply)
  }

  send(request: Request): void {
    this.sendLine(lineOf(request))
  }

  /** Lines of one turn are written together, but for many: a write wakes the launcher, which has then enough to do. */
  sendLine(line: string): void {
    if (this.#unsent.length === 0) this.#planned = setImmediate(() => this.#flush())
    this.#unsent.push(line)
    if (this.#unsent.length < MANY_LINES) return
    clearImmediate(this.#planned)
    this.#flush()
  }

  #flush(): void {
    const lines = this.#unsent.join('')
    this.#unsent = []
    if (lines === '' || !this.#socket.writable) return
    this.#socket.write(lines)
    if (this.#socket.writableLength > MANY_UNREAD_BYTES && !this.#warned) {
      this.#warned = true
      const megabytes = Math.round(this.#socket.writableLength / 2 ** 20)
      this.#options.warning(
        `The launcher (pid ${this.pid}) does not read: ${megabytes} MB of requests wait for it.`,
      )
    }
  }

  /** Takes away what a launcher that was killed could not: nobody listens there any more, nor reads what it wrote. */
  async clearAway(): Promise<void> {
    const { home, launcherId } = this.#options
    await this.process.exited()
    const path = socketPath(home, launcherId)
    path.close()
    await rm(path.path, { force: true })
    await rm(launcherBook(home, launcherId), { force: true })
  }

  /** Lets the launcher know that nobody will ask any more. */
  end(): void {
    this.#flush()
    this.#socket.destroy()
  }
}

/** Gives up on one that says nothing: soon when it is stopped. Returns what ends the waiting. */
function hurry(
  launcher: LauncherProcess,
  { clock }: ConnectionOptions,
  refuse: (error: Error) => void,
): () => void {
  const startMs = clock.now()
  let stoppedFor = 0
  let timer: Timer
  const look = (): void => {
    stoppedFor = launcher.isStopped() ? stoppedFor + 1 : 0
    if (stoppedFor * LOOK_EVERY_MS >= STOPPED_FOR_MS) return refuse(new SilentError('it is stopped'))
    if (clock.now() - startMs >= GREETED_WITHIN_MS)
      return refuse(new SilentError(`no welcome within ${GREETED_WITHIN_MS / 1000} s`))
    timer = clock.setTimeout(look, LOOK_EVERY_MS)
  }
  timer = clock.setTimeout(look, LOOK_EVERY_MS)
  return () => clock.clearTimeout(timer)
}

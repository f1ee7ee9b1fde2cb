/** A launcher's process with the conversation that its supervisor has with it. */
import type { ChildProcess } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { messageOf, ReeveError } from '../errors.ts'
import { LATE, within } from './deadline.ts'
import { type HelperOptions, startHelper } from './helper-process.ts'
import { Lines, lineOf, PROTOCOL, type Reply, type Request } from './protocol.ts'
import { socketPath } from './socket-path.ts'

export interface ConnectionOptions extends HelperOptions {
  readonly ephemeral: boolean
  readonly baseEnv: Readonly<Record<string, string>>
  readonly take: (reply: Reply) => void
  readonly warning: (message: string, cause?: unknown) => void
}

const GREETED_WITHIN_MS = 10_000
/** So many are written at once. */
const MANY_LINES = 16
/** Requests that wait in memory because the launcher does not read: told once, for it should never happen. */
const MANY_UNREAD_BYTES = 64 * 1024 * 1024

export class Connection {
  readonly pid: number
  /** Settles when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>
  /** Settles when the launcher's process has ended. */
  readonly exited: Promise<void>
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  #warned = false
  #unsent: string[] = []
  #planned: NodeJS.Immediate | undefined

  private constructor(child: ChildProcess, socket: Socket, options: ConnectionOptions) {
    this.pid = child.pid ?? 0
    this.#socket = socket
    this.#options = options
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    const isGone = child.exitCode !== null || child.signalCode !== null
    this.exited = isGone ? Promise.resolve() : new Promise((resolve) => child.once('exit', () => resolve()))
  }

  /** Starts a launcher and greets it. Throws `launcher_failed`. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const child = await startHelper(options)
    try {
      return await Connection.#greet(child, options)
    } catch (error) {
      child.kill('SIGKILL')
      const message = `The launcher (pid ${child.pid}) does not answer: ${messageOf(error)}`
      throw new ReeveError('launcher_failed', message, { cause: error })
    }
  }

  static async #greet(child: ChildProcess, options: ConnectionOptions): Promise<Connection> {
    const path = socketPath(options.home, options.launcherId)
    const socket = connect(path.address)
    socket.unref()
    socket.setEncoding('utf8')
    const connection = new Connection(child, socket, options)
    let welcome: (reply: Reply) => void = () => {}
    let refuse: (error: Error) => void = () => {}
    const answer = new Promise<Reply>((resolve, reject) => {
      welcome = resolve
      refuse = reject
    })
    let take = (reply: Reply): void => {
      welcome(reply)
      take = options.take
    }
    const lines = new Lines(
      (line) => take(JSON.parse(line) as Reply),
      () => options.warning('A line of the launcher was too long and was dropped.'),
    )
    socket.on('data', (chunk: string) => lines.push(chunk))
    socket.on('error', refuse)
    socket.on('close', () => refuse(new Error('it closed the connection')))
    const { launcherId, ephemeral, baseEnv, clock } = options
    const supervisorPid = process.pid
    connection.send({ type: 'hello', protocol: PROTOCOL, launcherId, supervisorPid, ephemeral, baseEnv })
    try {
      const reply = await within(clock, answer, GREETED_WITHIN_MS)
      if (reply === LATE) throw new Error(`no welcome within ${GREETED_WITHIN_MS / 1000} s`)
      if (reply.type !== 'welcome')
        throw new Error(reply.type === 'refused' ? reply.message : `it said ${reply.type}`)
      return connection
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      path.close()
    }
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

  /** Takes away what a launcher that was killed could not: nobody listens there any more. */
  async clearAway(): Promise<void> {
    await this.exited
    const path = socketPath(this.#options.home, this.#options.launcherId)
    path.close()
    await rm(path.path, { force: true })
  }

  /** Lets the launcher know that nobody will ask any more. */
  end(): void {
    this.#flush()
    this.#socket.destroy()
  }
}

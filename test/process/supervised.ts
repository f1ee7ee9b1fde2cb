/** A supervisor in a process of its own, which can be killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Test } from 'tap'
import type { LifeAddress, ProcessIdentity } from '../../machines/events.ts'
import type { Launcher, LauncherAnswer, LauncherOptions, LaunchOrder } from '../../src/process/launcher.ts'
import { Lines } from '../../src/process/protocol.ts'
import { DIST, fixture, mustIdentify, until, untilDead } from './rig.ts'

type Given = Partial<Omit<LauncherOptions, 'clock' | 'events' | 'baseEnv'>>

export interface SupervisedOptions {
  /** On a terminal of its own, whose input is its stdin. */
  readonly onTerminal?: boolean
  /** The built files it runs from. */
  readonly dist?: string
  /** In a process group of its own. */
  readonly detached?: boolean
  /** Descriptors from 3 on. */
  readonly extra?: readonly ('pipe' | 'ignore')[]
}

type Said =
  | LauncherAnswer
  | { type: 'started'; pid: number; host: number }
  | { type: 'warning'; message: string }

/** As a shell reads it. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

export class Supervised {
  readonly child: ChildProcess
  readonly said: Said[] = []
  readonly #exited: Promise<unknown>

  constructor(t: Test, given: Given, orders: readonly LaunchOrder[] = [], options: SupervisedOptions = {}) {
    const { onTerminal = false, dist = DIST, detached = false, extra = [] } = options
    const args = [
      fixture('supervises.js'),
      dist,
      JSON.stringify(given),
      ...orders.map((each) => JSON.stringify(each)),
    ]
    const line = [process.execPath, ...args]
    const [command = '', ...rest] = onTerminal
      ? ['script', '-qec', line.map(quoted).join(' '), '/dev/null']
      : line
    this.child = spawn(command, rest, { detached, stdio: ['pipe', 'pipe', 'inherit', ...extra] })
    this.#exited = once(this.child, 'exit')
    t.teardown(() => this.kill())
    const lines = new Lines(
      (line) => line.startsWith('{') && this.said.push(JSON.parse(line)),
      () => {},
    )
    this.child.stdout?.on('data', (chunk) => lines.push(String(chunk)))
    // It dies while it is told something.
    this.child.stdin?.on('error', () => {})
  }

  /** Calls a method of its launcher. */
  tell<M extends keyof Launcher>(method: M, ...args: unknown[]): void {
    ;(this.child.stdin as Writable).write(`${JSON.stringify([method, ...args])}\n`)
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#exited
  }

  /** With its launcher, both at once: stopped, a launcher neither acts alone nor is replaced meanwhile. */
  async killWithLauncher(): Promise<void> {
    const launcher = await this.launcher()
    process.kill(launcher.pid, 'SIGSTOP')
    await this.kill()
    process.kill(launcher.pid, 'SIGKILL')
    await untilDead(launcher)
  }

  /** The process that supervises. */
  async host(): Promise<ProcessIdentity> {
    return mustIdentify((await this.#started()).host)
  }

  async launcher(): Promise<ProcessIdentity> {
    return mustIdentify((await this.#started()).pid)
  }

  #started() {
    return until(`the launcher (${JSON.stringify(this.said)})`, () =>
      this.said.find((message) => message.type === 'started'),
    )
  }

  /** The processes of these, once all are there. */
  agents(...orders: readonly LaunchOrder[]): Promise<ProcessIdentity[]> {
    return until(`its agents (${JSON.stringify(this.said)})`, () => {
      const up = orders.flatMap((order) =>
        this.of(order).flatMap((answer) => (answer.type === 'SPAWNED' ? [answer.process] : [])),
      )
      return up.length === orders.length && up
    })
  }

  of(life: LifeAddress): LauncherAnswer[] {
    return this.said.filter(
      (message): message is LauncherAnswer =>
        message.type !== 'started' && message.type !== 'warning' && message.agentId === life.agentId,
    )
  }
}

/** What the tests of this folder share: a launcher of either kind, and an end that leaves no process. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { LifeAddress, ProcessIdentity } from '../../machines/events.ts'
import { realClock } from '../../src/clock.ts'
import { held } from '../../src/process/held.ts'
import { identify, isAlive } from '../../src/process/identity.ts'
import type { Launcher, LauncherAnswer, LauncherOptions, LaunchOrder } from '../../src/process/launcher.ts'
import { MarkerPass } from '../../src/process/marker-pass.ts'
import { startLauncher } from '../../src/process/start-launcher.ts'
import { until as waitUntil } from '../until.ts'

export const MODES = ['inline', 'process'] as const
export type Mode = (typeof MODES)[number]

/** The built files: this file is `<dist>/test/process/rig.js`. */
export const DIST = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
export const fixture = (name: string): string => resolve(DIST, '../test/fixtures', name)

export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'reeve-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Waits for a condition; fails with its name after `ms`: a bound for a tired machine, not a measure. */
export const until = <T>(
  what: string,
  probe: () => T | undefined | false | null,
  ms = 30_000,
): Promise<NonNullable<Exclude<T, false>>> => waitUntil(probe, { timeoutMs: ms, what })

/** The numbers that a fixture wrote to a file, once they are there, in a whole line. */
export const pidsIn = (file: string): Promise<number[]> =>
  until(`pids in ${file}`, () => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    return text.endsWith('\n') && text.trim().split(/\s+/).map(Number)
  })

/** The identity of a process that is there now. */
export function mustIdentify(pid: number): ProcessIdentity {
  const identity = identify(pid)
  if (identity === undefined) throw new Error(`no process ${pid}`)
  return identity
}

export const untilDead = (process: ProcessIdentity, ms?: number): Promise<true> =>
  until(`${process.pid} is dead`, () => !isAlive(process), ms)

type Of<T extends LauncherAnswer['type']> = Extract<LauncherAnswer, { type: T }>

export class Rig {
  readonly answers: LauncherAnswer[] = []
  readonly warnings: string[] = []
  readonly home: string
  readonly #orders: LaunchOrder[] = []
  #launcher: Launcher | undefined

  constructor(home: string) {
    this.home = home
  }

  static async start(t: Test, mode: Mode, options: Partial<LauncherOptions> = {}): Promise<Rig> {
    return new Rig(options.home ?? temporaryFolder(t)).serve(t, mode, options)
  }

  /** Starts its launcher: a successor, when there was one in this home. */
  async serve(t: Test, mode: Mode, options: Partial<LauncherOptions> = {}): Promise<this> {
    this.#launcher = await startLauncher({
      home: this.home,
      launcherId: 'test',
      ephemeral: false,
      keepExits: false,
      leftovers: null,
      mode,
      baseEnv: process.env,
      clock: realClock,
      events: {
        answer: (answer) => this.answers.push(answer),
        warning: (message) => this.warnings.push(message),
      },
      ...options,
    })
    t.teardown(() => this.end())
    return this
  }

  get launcher(): Launcher {
    if (this.#launcher === undefined) throw new Error('not started')
    return this.#launcher
  }

  order(command: readonly [string, ...string[]], overrides: Partial<LaunchOrder> = {}): LaunchOrder {
    const agentId = overrides.agentId ?? `agent${this.#orders.length}`
    const order: LaunchOrder = {
      agentId,
      incarnation: 1,
      marker: randomBytes(16).toString('hex'),
      command,
      cwd: this.home,
      env: {},
      logFile: join(this.home, `${agentId}.log`),
      logLimits: { maxBytes: 10 * 1024 * 1024, keep: 3 },
      reportFile: null,
      fifo: null,
      control: null,
      rungs: [{ signal: 'SIGTERM', waitMs: 200 }],
      killWaitMs: 3000,
      detachOk: false,
      onSupervisorDeath: 'end',
      adoptForMs: 0,
      cleanup: null,
      ...overrides,
    }
    this.#orders.push(order)
    return order
  }

  /** Launches, and waits for the process. */
  async spawn(order: LaunchOrder): Promise<ProcessIdentity> {
    this.launcher.launch(order)
    return (await this.answer('SPAWNED', order)).process
  }

  /** The answer of this kind to this life: the `nth` one. */
  answer<T extends LauncherAnswer['type']>(type: T, life: LifeAddress, nth = 1, ms?: number): Promise<Of<T>> {
    const what = `${type} of ${life.agentId} (${JSON.stringify(this.of(life))} ${this.warnings})`
    return until(what, () => this.of(life).filter((a): a is Of<T> => a.type === type)[nth - 1], ms)
  }

  of(life: LifeAddress): LauncherAnswer[] {
    return this.answers.filter((a) => a.agentId === life.agentId && a.incarnation === life.incarnation)
  }

  log(order: LaunchOrder): string {
    return existsSync(order.logFile) ? readFileSync(order.logFile, 'utf8') : ''
  }

  /** Ends everything; tells what carries one of our markers all the same, and ends that too. */
  async end(): Promise<string[]> {
    await this.launcher.close(20_000)
    const pass = new MarkerPass(realClock)
    const left = await held(
      Promise.all(this.#orders.map(({ marker }) => pass.find({ marker, notBefore: 0 }))),
    )
    for (const { pid } of left.flat()) process.kill(pid, 'SIGKILL')
    return left.flat().map(({ pid, comm }) => `${pid} ${comm}`)
  }
}

/** A test that runs over both kinds of launcher. */
export function both(t: Test, title: string, run: (t: Test, rig: Rig, mode: Mode) => Promise<void>): void {
  for (const mode of MODES) {
    void t.test(`${title} (${mode})`, async (t) => {
      const rig = await Rig.start(t, mode)
      await run(t, rig, mode)
      t.same(await rig.end(), [], 'no process is left')
    })
  }
}

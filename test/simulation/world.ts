/**
 * A world for one run: a machine, its launchers, the disks, and a supervisor in it as one inhabitant that could be
 * taken out and put in again. What happens in it is a function of its seed.
 */
import { createHash } from 'node:crypto'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import { lifeKey } from '../../machines/events.ts'
import type { Reply, Request } from '../../src/process/protocol.ts'
import { Dice } from './dice.ts'
import { Embedder } from './embedder.ts'
import { enter, isBroken } from './here.ts'
import { onFork, onSignal } from './invariants/processes.ts'
import { KNOWN } from './known.ts'
import { Kernel } from './kernel/kernel.ts'
import { lives, type SimProcess } from './kernel/process.ts'
import { type Kind, live } from './kernel/programs.ts'
import { Launchers } from './launchers.ts'
import { LogFiles } from './outside/logs.ts'
import { ReportFiles } from './outside/reports.ts'
import { Store } from './outside/store.ts'
import { Time } from './time.ts'
import { Truth } from './truth.ts'

export interface Violation {
  readonly invariant: string
  readonly message: string
  readonly atMs: number
}

export class World {
  readonly broken: string | undefined
  readonly dice: Dice
  readonly chances: Dice
  readonly jitter: Dice
  readonly time = new Time()
  readonly supervisor = this.time.party('supervisor')
  readonly kernel: Kernel
  readonly launchers: Launchers
  readonly truth = new Truth()
  readonly reports: ReportFiles
  readonly logs: LogFiles
  readonly registry: Store
  readonly sink: Store
  readonly violations: Violation[] = []
  /** The start of the first process of any life that had this pid: for a fault that is put in on purpose. */
  readonly firstStart = new Map<number, number>()
  readonly lines: string[] = []
  /** How often each invariant was looked at, and what bad luck there was. */
  readonly checked = new Map<string, number>()
  readonly faults = new Map<string, number>()
  embedder!: Embedder
  readonly #hash = createHash('sha256')
  readonly #mourners = new Map<SimProcess, (() => void)[]>()

  constructor(seed: string, broken?: string) {
    enter(this)
    this.broken = broken
    this.dice = new Dice(seed)
    this.chances = this.dice.fork('chances')
    this.jitter = this.dice.fork('jitter')
    const of = (name: string) => this.dice.fork(name)
    this.kernel = new Kernel({
      clock: this.time.physical,
      dice: of('kernel'),
      pids: of('pids').pick([24, 40, 120]),
      trace: (line) => this.trace(line),
      signalled: (process, signal) => onSignal(this, process, signal),
      died: (process) => {
        for (const fn of this.#mourners.get(process) ?? []) fn()
      },
    })
    this.launchers = new Launchers(this, {
      asked: (request) => this.#asked(request),
      answered: (reply) => this.#answered(reply),
    })
    this.reports = new ReportFiles(this.time, of('reports'), this.supervisor)
    this.logs = new LogFiles(this.time, of('logs'), this.supervisor)
    const durable = of('durable').chance(0.5)
    this.registry = new Store('registry', durable, this.time, of('registry'), this.supervisor)
    this.sink = new Store('sink', false, this.time, of('sink'), this.supervisor)
  }

  get nowMs(): number {
    return this.time.nowMs
  }

  /** The supervisor moves in. */
  async start(home: string): Promise<void> {
    const embedder = Embedder.begin(this, home)
    await this.advance(500)
    this.embedder = await embedder
    await this.advance(1)
  }

  async advance(ms: number): Promise<void> {
    await this.time.advance(ms, () => {})
  }

  trace(line: string): void {
    const whole = `${this.nowMs.toFixed(3)} ${line}`
    this.#hash.update(whole)
    this.lines.push(whole)
  }

  /** What happened, in one number. */
  get traceHash(): string {
    return this.#hash.copy().digest('hex').slice(0, 16)
  }

  checking(invariant: string, times = 1): void {
    this.checked.set(invariant, (this.checked.get(invariant) ?? 0) + times)
  }

  fault(name: string): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1)
  }

  violated(invariant: string, message: string): void {
    if (invariant in KNOWN) return this.fault(`known, not mended: ${invariant}`)
    this.trace(`VIOLATED ${invariant}: ${message}`)
    this.violations.push({ invariant, message, atMs: this.nowMs })
  }

  whenDead(process: SimProcess, fn: () => void): void {
    const known = this.#mourners.get(process)
    if (known) known.push(fn)
    else this.#mourners.set(process, [fn])
    if (!lives(process)) fn()
  }

  /** A leader is forked, in a session of its own. */
  begin(order: LaunchOrder, kind: Kind, parent: number, marker: string, dice: Dice): SimProcess | undefined {
    const key = lifeKey(order)
    const leader = this.kernel.fork(parent, {
      comm: kind,
      environ: `PATH=/bin\0REEVE_LIFE=${marker}\0`,
      life: key,
      leads: true,
      ownSession: true,
      dice: dice.fork('leader'),
    })
    if (!leader) return undefined
    onFork(this, order, leader)
    this.truth.begun(order, leader, parent, this.nowMs)
    live(kind, leader, {
      kernel: this.kernel,
      report: (process, line) => {
        const heard = this.reports.write(order.reportFile, line)
        if (heard && process.life) this.#said(process.life, line)
      },
      output: (_, line) => {
        this.logs.write(order.logFile, line)
        this.truth.sign(key, 'output', this.nowMs)
      },
    })
    return leader
  }

  /** The launcher is away, stopped, or new. */
  disturbed(): void {
    this.truth.disturbedMs = this.nowMs
  }

  #said(key: string, line: string): void {
    const life = this.truth.lives.get(key)
    if (!life || line.startsWith('half') || line.includes('unheard')) return
    this.truth.sign(key, 'report', this.nowMs)
    const name = line.includes('"waiting"') ? line : line === 'idle' || line === 'working' ? line : undefined
    if (name === undefined) return
    this.truth.sign(key, 'said', this.nowMs)
    if (name === 'working') life.held = null
    else if (life.held?.name !== name) life.held = { name, sinceMs: this.nowMs }
  }

  #asked(request: Request): boolean {
    this.truth.asked(request)
    return true
  }

  #answered(reply: Reply): boolean {
    if (reply.type !== 'answer') return true
    const { type } = reply.answer
    if (type === 'EXITED' && isBroken('lost-exit') && this.chances.chance(0.3)) return false
    if (type === 'SPAWNED' && isBroken('lost-spawned') && this.chances.chance(0.3)) return false
    return true
  }
}

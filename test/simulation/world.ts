/**
 * A world for one run: a machine with its processes and its disk, a registry and a sink, and in it a supervisor with
 * its launcher as inhabitants that can be killed and begun anew. What happens in it is a function of its seed.
 */
import { createHash } from 'node:crypto'
import { type Entry, lifeKey } from '../../machines/events.ts'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import type { Reply, Request } from '../../src/process/protocol.ts'
import { CLIMATES, type Climate, type ClimateName } from './climates.ts'
import type { Crew, Vow } from './crews.ts'
import { Dice } from './dice.ts'
import { Embedder } from './embedder.ts'
import type { Fault } from './faults.ts'
import { enter, isBroken } from './here.ts'
import { onFork, onSignal } from './invariants/processes.ts'
import type { Known } from './known.ts'
import { Disk } from './machine/disk.ts'
import { INIT, Kernel } from './machine/kernel.ts'
import { Launchers, type SimLauncher } from './machine/launchers.ts'
import { Lock } from './machine/lock.ts'
import type { SimProcess } from './machine/process.ts'
import { type Kind, live } from './machine/programs.ts'
import { Party, runningParty } from './party.ts'
import { Store } from './store.ts'
import { Time } from './time.ts'
import { Truth } from './truth.ts'

export interface Violation {
  readonly invariant: string
  readonly message: string
  readonly atMs: number
}

export interface Session {
  readonly id: string
  readonly told: readonly Entry[]
  /** Its registry is durable. */
  readonly stored: boolean
}

const HOME = '/home/reeve'
/** A supervisor that has not begun by then never will. */
const BEGUN_WITHIN_MS = 60_000

export class World {
  readonly broken: Fault | undefined
  readonly climate: Climate
  readonly dice: Dice
  readonly chances: Dice
  readonly jitter: Dice
  readonly ids: Dice
  readonly disks: Dice
  readonly time = new Time()
  readonly disk: Disk
  readonly kernel: Kernel
  readonly launchers: Launchers
  /** Of the home. */
  readonly lock = new Lock()
  readonly truth = new Truth()
  readonly registry: Store
  readonly sink: Store
  readonly violations: Violation[] = []
  /** Pids that were said to have survived. */
  readonly named = new Set<number>()
  /** What was asked of any launcher, by life. */
  readonly orders = new Map<string, LaunchOrder>()
  /** The start of the process of a life that was last seen with this pid: for a fault that is put in on purpose. */
  readonly lastStart = new Map<number, number>()
  readonly lines: string[] = []
  /** How often each invariant was looked at, and what bad luck there was. */
  readonly checked = new Map<string, number>()
  readonly faults = new Map<string, number>()
  /** Ids, in the order in which agents were asked for. */
  readonly spawned: string[] = []
  /** Groups as they were opened, by path. */
  readonly crews = new Map<string, Crew>()
  readonly vows = new Map<string, Vow>()
  /** Groups of which a member was one restart too many, and when. */
  readonly overdone = new Map<string, number>()
  embedder!: Embedder
  /** Every supervisor that ever began, and what was told of it. */
  readonly sessions: Session[] = []
  /** Agents of supervisors that are gone, which the present one does not know. */
  readonly departed = new Map<string, Known>()
  #begun = 0
  readonly #hash = createHash('sha256')
  readonly #parties = new Map<SimProcess, Party>()

  constructor(seed: string, broken?: Fault, climate: ClimateName = 'mixed') {
    enter(this)
    this.broken = broken
    this.climate = CLIMATES[climate]
    this.dice = new Dice(seed)
    const of = (name: string) => this.dice.fork(name)
    this.chances = of('chances')
    this.jitter = of('jitter')
    this.ids = of('ids')
    this.disks = of('disks')
    this.disk = new Disk(this.time, of('disk'))
    for (const folder of ['/home', '/dev']) this.disk.make(folder, 'folder', 0o755)
    this.disk.make('/dev/null', 'file', 0o666)
    this.kernel = new Kernel({
      time: this.time,
      dice: of('kernel'),
      pids: of('pids').pick(this.climate.pids ?? [20, 24, 40]),
      trace: (line) => this.trace(line),
      signalled: (process, signal) => onSignal(this, process, signal),
      died: (process) => {
        this.#parties.get(process)?.die()
        this.#parties.delete(process)
        this.launchers.died(process)
        if (process === this.embedder?.process) this.#supervisorDied(this.embedder)
      },
    })
    this.launchers = new Launchers(this)
    this.registry = new Store(
      'registry',
      of('durable').chance(this.climate.durable ?? 0.5),
      this.time,
      of('registry'),
    )
    this.sink = new Store('sink', false, this.time, of('sink'))
  }

  get nowMs(): number {
    return this.time.nowMs
  }

  get supervisor(): Party {
    return this.embedder.party
  }

  /** What is known of an agent, by whichever supervisor. */
  knownOf(agentId: string): Known | undefined {
    return this.embedder?.known.get(agentId) ?? this.departed.get(agentId)
  }

  /** A supervisor moves in; or dies while it does, or cannot. */
  begin(): void {
    this.#begun += 1
    const process = this.kernel.fork(INIT, {
      comm: 'supervisor',
      environ: '',
      life: null,
      ownSession: true,
      dice: this.dice.fork(`supervisor ${this.#begun}`),
    })
    if (!process) return
    const embedder = new Embedder(this, process, this.party(`supervisor ${this.#begun}`, process))
    this.embedder = embedder
    embedder.begin(HOME)
    for (let ms = 0; ms < BEGUN_WITHIN_MS && embedder.beginning && !embedder.vacant; ms += 5) this.advance(5)
    if (embedder.failed) this.kernel.exit(process, { code: 1, signal: null })
    else if (embedder.beginning && !embedder.vacant)
      this.violated('P6 a supervisor begins', `it has not, within ${BEGUN_WITHIN_MS} ms`)
  }

  /** A successor begins: what was told before it is in the registry by now. */
  replayed(): void {
    const name = 'P5 what was told before a death is replayed first'
    for (const { id, told, stored } of this.sessions) {
      if (!stored) continue
      this.checking(name)
      const { entries } = this.registry.of(id)
      if (entries.length < told.length)
        this.violated(name, `of ${id} the registry has ${entries.length} of ${told.length} entries`)
    }
  }

  /** The supervisor's process has ended, by whatever means. */
  #supervisorDied(embedder: Embedder): void {
    if (embedder.stopped) return
    this.trace(`the supervisor (pid ${embedder.process.pid}) is gone`)
    this.disturbed()
    this.fault('supervisors killed')
    this.truth.supervisorDied(this.orders)
    this.launchers.supervisorDied()
    for (const [id, known] of embedder.known) this.departed.set(id, known)
    embedder.known.clear()
  }

  /** One of its processes runs our code. */
  party(name: string, process: SimProcess): Party {
    const threw = (cause: unknown) => this.uncaught(name, cause)
    const party = new Party({ name, pid: process.pid, time: this.time, dice: this.dice.fork(name), threw })
    party.whenDead(() => this.disk.closeAllOf(party))
    this.#parties.set(process, party)
    return party
  }

  advance(ms: number): void {
    this.time.advance(ms, () => this.violations.length > 0)
  }

  trace(line: string): void {
    const whole = `${this.nowMs.toFixed(3)} ${line}`
    this.#hash.update(whole)
    this.lines.push(whole)
  }

  /** Launchers and supervisors name what is no agent's any more in a line of their own. */
  heed(message: string): void {
    const pids = /could not be ended: ([\d, ]+)/.exec(message)?.[1] ?? ''
    for (const pid of pids.split(', ').filter(Boolean)) this.named.add(Number(pid))
    this.trace(message)
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
    // The rest of a killed one's turn.
    if (runningParty()?.dead) return
    this.trace(`VIOLATED ${invariant}: ${message}`)
    this.violations.push({ invariant, message, atMs: this.nowMs })
  }

  uncaught(who: string, cause: unknown): void {
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    this.violated('nothing is thrown that nobody catches', `in the ${who}: ${text}`)
  }

  /** A leader is forked, in a session of its own. `undefined`: no pid is left. */
  lead(
    key: string,
    kind: Kind,
    launcher: Party,
    env: Readonly<Record<string, string>>,
    dice: Dice,
  ): SimProcess | undefined {
    const order = this.orders.get(key)
    if (!order) throw new Error(`nobody was asked for ${key}`)
    const leader = this.kernel.fork(launcher.pid, {
      comm: kind,
      environ: Object.entries(env)
        .map(([name, value]) => `${name}=${value}\0`)
        .join(''),
      life: key,
      leads: true,
      ownSession: true,
      dice: dice.fork('leader'),
    })
    if (!leader) return undefined
    onFork(this, order, leader)
    this.truth.begun(order, leader, launcher, this.launchers.supervisorOf(launcher), this.nowMs)
    live(kind, leader, {
      kernel: this.kernel,
      asking: this.climate.asking ?? 0.1,
      report: (process, line) => {
        const heard = order.reportFile !== null && this.disk.append(order.reportFile, `${line}\n`)
        if (heard && process.life) this.truth.said(process.life, line, this.nowMs)
      },
      output: (_, line) => {
        this.disk.append(order.logFile, `${line}\n`)
        this.truth.sign(key, 'output', this.nowMs)
      },
    })
    return leader
  }

  /** The launcher is away, stopped, or new. */
  disturbed(): void {
    this.truth.disturbedMs = this.nowMs
  }

  /** Whether a request goes out. */
  asked(request: Request, launcher: SimLauncher): boolean {
    if (request.type === 'launch') this.orders.set(lifeKey(request.order), request.order)
    if (request.type === 'launch') launcher.keeps.add(lifeKey(request.order))
    if (request.type === 'keep') launcher.keeps.add(lifeKey(request.life.terms))
    this.truth.asked(request)
    return true
  }

  /** Whether a reply goes out. */
  answered(reply: Reply): boolean {
    if (reply.type !== 'answer') return true
    const { type } = reply.answer
    if (type === 'EXITED' && isBroken('lost-exit') && this.chances.chance(0.3)) return false
    if (type === 'SPAWNED' && isBroken('lost-spawned') && this.chances.chance(0.3)) return false
    return true
  }
}

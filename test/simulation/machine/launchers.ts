/**
 * The launchers of the simulated machine. Each is a process of it that runs the real `HostedSupervisor`, `Lives`,
 * reaper, sweep and ladder; what they ask of the system they ask of the simulated kernel. It may be killed or stopped
 * at any moment, and another is started by the real client.
 */
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { ReeveError } from '../../../src/errors.ts'
import { HostedSupervisor } from '../../../src/process/hosted-supervisor.ts'
import { Household } from '../../../src/process/household.ts'
import { socketPath } from '../../../src/process/launcher-files.ts'
import { openBook } from '../../../src/process/open-book.ts'
import type { Reply, Request } from '../../../src/process/protocol.ts'
import { isBroken } from '../here.ts'
import { type Party, runningParty } from '../party.ts'
import { realClock } from '../product/clock.ts'
import type { World } from '../world.ts'
import { lives, type SimProcess } from './process.ts'
import { Wire } from './wire.ts'

/** As in `launcher-host.ts`: nobody came. */
const CONNECT_WITHIN_MS = 10_000

export interface SimLauncher {
  readonly id: string
  readonly pid: number
  readonly path: string
  readonly process: SimProcess
  readonly party: Party
  /** From when on it is known to serve. */
  welcomedAtMs: number | null
  household: Household | undefined
  greeted: () => void
  /** Who speaks with it. */
  supervisor: Party
  /** The lives that it was told of. */
  readonly keeps: Set<string>
}

export class Launchers {
  readonly #world: World
  readonly all: SimLauncher[] = []
  #started = 0
  #connected = 0

  constructor(world: World) {
    this.#world = world
  }

  /** The launcher that the supervisor speaks with; `undefined` while there is none. */
  get serving(): SimLauncher | undefined {
    const { embedder } = this.#world
    return this.all
      .filter(
        ({ party, supervisor, welcomedAtMs }) =>
          !party.dead && supervisor === embedder.party && welcomedAtMs !== null,
      )
      .at(-1)
  }

  supervisorOf(launcher: Party): Party | undefined {
    return this.all.find(({ party }) => party === launcher)?.supervisor
  }

  /** With its supervisor dead too, nobody is left who knows of its lives. */
  died(process: SimProcess): void {
    const launcher = this.all.find((one) => one.process === process)
    if (launcher?.supervisor.dead) this.#orphan(launcher.keeps)
  }

  /** What its launcher did not live to end, nobody ends. */
  supervisorDied(): void {
    const kept = new Set(this.all.flatMap(({ party, keeps }) => (party.dead ? [] : [...keeps])))
    for (const { keeps } of this.all) this.#orphan([...keeps].filter((key) => !kept.has(key)))
  }

  #orphan(keys: Iterable<string>): void {
    for (const key of keys) this.#world.truth.orphaned.add(key)
  }

  /** As `startHelper`: resolves when it listens. */
  start(home: string, id: string): Promise<ChildProcess> {
    const world = this.#world
    const { kernel, time } = world
    const supervisor = runningParty()
    if (!supervisor) throw new Error('nobody starts a launcher')
    this.#started += 1
    const dice = world.dice.fork(`launcher ${this.#started}`)
    const process = kernel.fork(supervisor.pid, {
      comm: 'launcher',
      environ: '',
      life: null,
      ownSession: true,
      dice,
    })
    const fails = this.#started > 1 && dice.chance(0.15)
    return new Promise((resolve, reject) => {
      time.after(dice.between(30, 90), () => {
        const { path } = socketPath(home, id)
        const begun = process && !fails && lives(process)
        if (begun) {
          world.disk.make(path, 'file', 0o600)
          const party = world.party(`launcher ${process.pid}`, process)
          const launcher: SimLauncher = {
            id,
            pid: process.pid,
            path,
            process,
            party,
            welcomedAtMs: null,
            household: undefined,
            greeted: () => {},
            supervisor,
            keeps: new Set(),
          }
          this.all.push(launcher)
          party.deliver(() => this.#begin(launcher, home))
        } else if (process) kernel.exit(process, { code: 1, signal: null })
        supervisor.deliver(() =>
          begun
            ? resolve(this.#childOf(process, supervisor))
            : reject(new ReeveError('launcher_failed', 'The launcher could not be started, simulated.')),
        )
      })
    })
  }

  /** As `connect`, with the launcher behind it. */
  connect(path: string): Wire {
    const world = this.#world
    const supervisor = runningParty()
    const launcher = this.all.find((one) => one.path === path)
    if (!launcher || !supervisor) throw new Error(`nobody listens at ${path}`)
    this.#connected += 1
    const [here, there] = Wire.pair(
      world.time,
      world.dice.fork(`wire ${this.#connected}`),
      { owner: supervisor, tap: (line) => world.asked(JSON.parse(line) as Request, launcher) },
      {
        owner: launcher.party,
        tap: (line) => {
          const reply = JSON.parse(line) as Reply
          if (reply.type === 'welcome') launcher.welcomedAtMs = world.nowMs
          return world.answered(reply)
        },
      },
    )
    launcher.supervisor = supervisor
    if (launcher.party.dead) here.destroy()
    else launcher.party.deliver(() => this.#serve(launcher, there))
    return here
  }

  #serve({ household, greeted }: SimLauncher, wire: Wire): void {
    if (isBroken('agents-outlive'))
      wire.on = (event, fn) => (event === 'close' ? wire : wire.addListener(event, fn))
    if (household) new HostedSupervisor(wire as unknown as Socket, household, greeted)
  }

  /** As `launcher-host` begins, before it listens. */
  #begin(launcher: SimLauncher, home: string): void {
    const { id: launcherId, pid } = launcher
    const log = (message: string) => this.#world.heed(`launcher ${pid}: ${message}`)
    const { clock } = launcher.party
    const household = new Household({
      launcherId,
      book: openBook({ home, launcherId, clock: realClock, warning: log }),
      log,
      leave: () => this.#leave(launcher),
      clear: () => {},
    })
    const lonely = clock.setTimeout(() => household.leaveUnserved(), CONNECT_WITHIN_MS)
    launcher.household = household
    launcher.greeted = () => clock.clearTimeout(lonely)
  }

  #leave({ path, process }: SimLauncher): void {
    const { disk, kernel } = this.#world
    if (disk.find(path)) disk.unlink(path)
    kernel.exit(process, { code: 0, signal: null })
  }

  #childOf(process: SimProcess, supervisor: Party): ChildProcess {
    const { kernel } = this.#world
    const { pid } = process
    const child = Object.assign(new EventEmitter(), {
      pid,
      exitCode: null as number | null,
      signalCode: null as NodeJS.Signals | null,
      kill: (signal: NodeJS.Signals) => {
        if (kernel.table.get(pid) === process) kernel.kill(pid, signal, false)
      },
    })
    process.onExit = ({ code, signal }) =>
      supervisor.deliver(() => {
        kernel.reap(process)
        child.exitCode = code
        child.signalCode = signal
        child.emit('exit', code, signal)
      })
    return child as unknown as ChildProcess
  }
}

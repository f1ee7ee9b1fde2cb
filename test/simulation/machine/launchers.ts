/**
 * The launchers of the simulated machine. Each is a process of it that runs the real `HostedSupervisor`, `Lives`,
 * reaper, sweep and ladder; what they ask of the system they ask of the simulated kernel. It may be killed or stopped
 * at any moment, and another is started by the real client.
 */
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { HostedSupervisor } from '../../../src/process/hosted-supervisor.ts'
import { Household } from '../../../src/process/household.ts'
import { socketPath } from '../../../src/process/launcher-files.ts'
import { openBook } from '../../../src/process/open-book.ts'
import type { Reply, Request } from '../../../src/process/protocol.ts'
import { type Party, runningParty } from '../party.ts'
import { realClock } from '../product/clock.ts'
import type { World } from '../world.ts'
import { INIT } from './kernel.ts'
import { lives, type SimProcess } from './process.ts'
import { Wire } from './wire.ts'

export interface SimLauncher {
  readonly id: string
  readonly pid: number
  readonly path: string
  readonly process: SimProcess
  readonly party: Party
  /** From when on it is known to serve. */
  welcomedAtMs: number | null
  household: Household | undefined
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
    const newest = this.all.at(-1)
    return newest && !newest.party.dead && newest.welcomedAtMs !== null ? newest : undefined
  }

  /** As `startHelper`: resolves when it listens. */
  start(home: string, id: string): Promise<ChildProcess> {
    const world = this.#world
    const { kernel, time } = world
    const supervisor = runningParty()
    this.#started += 1
    const dice = world.dice.fork(`launcher ${this.#started}`)
    const process = kernel.fork(supervisor?.pid ?? INIT, {
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
          }
          this.all.push(launcher)
          party.deliver(() => this.#begin(launcher, home))
        } else if (process) kernel.exit(process, { code: 1, signal: null })
        supervisor?.deliver(() =>
          begun
            ? resolve(this.#childOf(process, supervisor))
            : reject(new Error('The launcher could not be started (simulated).')),
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
      { owner: supervisor, tap: (line) => world.asked(JSON.parse(line) as Request) },
      {
        owner: launcher.party,
        tap: (line) => {
          const reply = JSON.parse(line) as Reply
          if (reply.type === 'welcome') launcher.welcomedAtMs = world.nowMs
          return world.answered(reply)
        },
      },
    )
    if (launcher.party.dead) here.destroy()
    else
      launcher.party.deliver(() => {
        if (launcher.household) new HostedSupervisor(there as unknown as Socket, launcher.household)
      })
    return here
  }

  /** As `launcher-host` begins, before it listens. */
  #begin(launcher: SimLauncher, home: string): void {
    const { kernel, disk } = this.#world
    const { id: launcherId, pid } = launcher
    const log = (message: string) => this.#world.trace(`launcher ${pid}: ${message}`)
    launcher.household = new Household({
      launcherId,
      book: openBook({ home, launcherId, clock: realClock, warning: log }),
      log,
      leave: () => {
        if (disk.find(launcher.path)) disk.unlink(launcher.path)
        kernel.exit(launcher.process, { code: 0, signal: null })
      },
      clear: () => {},
    })
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

/**
 * The launchers of the simulated machine. Each is a process of it that runs the real `HostedSupervisor`, `Lives`,
 * reaper, sweep and ladder; what they ask of the system they ask of the simulated kernel. It may be killed or stopped
 * at any moment, and another is started by the real client.
 */
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { type Exit, lifeKey } from '../../machines/events.ts'
import { HostedSupervisor } from '../../src/process/hosted-supervisor.ts'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import type { Reply, Request } from '../../src/process/protocol.ts'
import { SUPERVISOR } from './kernel/kernel.ts'
import type { SimProcess } from './kernel/process.ts'
import { lend } from './substitutes/launcher-clock.ts'
import type { Party } from './time.ts'
import { Wire } from './wire.ts'
import type { World } from './world.ts'

export interface SimLauncher {
  readonly id: string
  readonly pid: number
  readonly process: SimProcess
  readonly party: Party
  /** From when on it is known to serve. */
  welcomedAtMs: number | null
}

/** Who runs at this moment: what `process.pid` says. */
let running: SimLauncher | undefined

export const runningPid = (): number => running?.pid ?? SUPERVISOR

export interface Taps {
  asked(request: Request): boolean
  answered(reply: Reply): boolean
}

export class Launchers {
  readonly #world: World
  readonly #taps: Taps
  readonly all: SimLauncher[] = []
  /** Who was asked last for each life. */
  readonly #ordered = new Map<string, SimLauncher>()
  #started = 0

  constructor(world: World, taps: Taps) {
    this.#world = world
    this.#taps = taps
  }

  get newest(): SimLauncher | undefined {
    return this.all.at(-1)
  }

  /** The launcher that the supervisor speaks with; `undefined` while there is none. */
  get serving(): SimLauncher | undefined {
    const { newest } = this
    return newest && !newest.party.dead && newest.welcomedAtMs !== null ? newest : undefined
  }

  /** The launcher that was given this order. */
  orderedFrom(order: LaunchOrder): SimLauncher {
    const launcher = this.#ordered.get(lifeKey(order))
    if (!launcher) throw new Error(`nobody was asked for ${lifeKey(order)}`)
    return launcher
  }

  /** As `startHelper`: resolves when it listens. */
  start(id: string): Promise<ChildProcess> {
    const { kernel, time, dice: worldDice, supervisor } = this.#world
    const dice = worldDice.fork(`launcher ${++this.#started}`)
    const process = kernel.fork(SUPERVISOR, { comm: 'launcher', environ: '', life: null, ownSession: true, dice })
    const fails = this.#started > 1 && dice.chance(0.15)
    return new Promise((resolve, reject) => {
      time.physical.setTimeout(
        () =>
          supervisor.deliver(() => {
            if (!process || fails) {
              if (process) kernel.exit(process, { code: 1, signal: null })
              return reject(new Error('The launcher could not be started (simulated).'))
            }
            const launcher: SimLauncher = {
              id,
              pid: process.pid,
              process,
              party: time.party(`launcher ${id}`),
              welcomedAtMs: null,
            }
            this.all.push(launcher)
            resolve(this.#childOf(launcher))
          }),
        dice.between(30, 90),
      )
    })
  }

  /** As `connect`, with the launcher behind it. */
  connect(id: string): Wire {
    const { time, dice, supervisor } = this.#world
    const launcher = this.all.find((one) => one.id === id)
    if (!launcher) throw new Error(`nobody listens as ${id}`)
    const taps = this.#taps
    const [here, there] = Wire.pair(
      time,
      dice.fork(`wire ${this.#started}`),
      {
        owner: supervisor,
        tap: (line) => {
          const request = JSON.parse(line) as Request
          if (request.type === 'launch') this.#ordered.set(lifeKey(request.order), launcher)
          return taps.asked(request)
        },
      },
      {
        owner: launcher.party,
        tap: (line) => {
          const reply = JSON.parse(line) as Reply
          if (reply.type === 'welcome') launcher.welcomedAtMs = time.nowMs
          return taps.answered(reply)
        },
      },
    )
    if (launcher.party.dead) {
      here.destroy()
      return here
    }
    const emit = there.emit.bind(there)
    there.emit = (...args: Parameters<typeof emit>) => this.#as(launcher, () => emit(...args))
    this.#as(launcher, () => this.#serve(launcher, there))
    this.#world.whenDead(launcher.process, () => {
      launcher.party.dead = true
      time.physical.setTimeout(() => supervisor.deliver(() => here.destroy()), 1)
    })
    return here
  }

  #serve(launcher: SimLauncher, wire: Wire): void {
    let served = false
    new HostedSupervisor(wire as unknown as Socket, {
      launcherId: launcher.id,
      log: (message) => this.#world.trace(`launcher ${launcher.pid}: ${message}`),
      admit: () => {
        const free = !served
        served = true
        return free
      },
      leave: () => this.#world.kernel.exit(launcher.process, { code: 0, signal: null }),
    })
  }

  #as<T>(launcher: SimLauncher, fn: () => T): T {
    const before = running
    running = launcher
    lend(launcher.party.clock)
    try {
      return fn()
    } finally {
      running = before
    }
  }

  #childOf({ pid, process }: SimLauncher): ChildProcess {
    const { kernel, supervisor } = this.#world
    const child = Object.assign(new EventEmitter(), {
      pid,
      exitCode: null as number | null,
      signalCode: null as NodeJS.Signals | null,
      kill: (signal: NodeJS.Signals) => {
        if (kernel.table.get(pid) === process) kernel.kill(pid, signal, false)
      },
    })
    process.onExit = ({ code, signal }: Exit) =>
      supervisor.deliver(() => {
        kernel.reap(process)
        child.exitCode = code
        child.signalCode = signal
        child.emit('exit', code, signal)
      })
    return child as unknown as ChildProcess
  }
}

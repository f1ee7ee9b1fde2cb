/**
 * A small machine: a process table with few pids that are soon used again, sessions and groups, signals, zombies,
 * uninterruptible sleep, orphans that go to init. What Linux does is done as Linux does it; what is random in it
 * comes from dice.
 */
import type { Exit } from '../../../machines/events.ts'
import type { Dice } from '../dice.ts'
import type { Due, Time } from '../time.ts'
import { lives, type SimProcess } from './process.ts'
import { SystemError } from './system-error.ts'

export const INIT = 1
const FIRST_PID = 300
const MS_PER_TICK = 10
/** A machine that has been up for a while. */
const BOOTED_TICKS = 100_000

export interface KernelOptions {
  readonly time: Time
  readonly dice: Dice
  /** How many pids there are. */
  readonly pids: number
  readonly trace: (line: string) => void
  /** A signal was sent by our code, and reaches this process. */
  readonly signalled: (process: SimProcess, signal: NodeJS.Signals) => void
  readonly died: (process: SimProcess) => void
}

export interface ForkOptions {
  readonly comm: string
  readonly environ: string
  readonly life: string | null
  readonly leads?: boolean
  readonly ownSession?: boolean
  readonly dice: Dice
}

export class Kernel {
  readonly table = new Map<number, SimProcess>()
  /** Every process that any life ever had, the dead too, by life. */
  readonly byLife = new Map<string, SimProcess[]>()
  readonly #options: KernelOptions
  readonly #freedAtTick = new Map<number, number>()
  /** What processes will do by themselves. */
  readonly #plans = new Map<Due, () => void>()
  #nextPid = FIRST_PID

  constructor(options: KernelOptions) {
    this.#options = options
    this.#enter(INIT, { comm: 'init', environ: '', life: null, dice: options.dice }, undefined)
  }

  get nowMs(): number {
    return this.#options.time.nowMs
  }

  get ticks(): number {
    return BOOTED_TICKS + Math.floor(this.nowMs / MS_PER_TICK)
  }

  /** `undefined`: no pid is left (EAGAIN). */
  fork(parent: number, options: ForkOptions): SimProcess | undefined {
    const pid = this.#freePid()
    if (pid === undefined) return undefined
    const by = this.table.get(parent)
    // What one forked in the moment of its death is an orphan.
    const process = this.#enter(pid, options, by && lives(by) ? by : this.table.get(INIT))
    this.#options.trace(`fork ${pid} ${options.comm} of ${parent} ${options.life ?? ''}`)
    return process
  }

  setsid(process: SimProcess): void {
    process.session = process.pid
    process.pgrp = process.pid
  }

  /** Something that a process does after a while, if it lives by then. While it is stopped or asleep it does nothing. */
  later(process: SimProcess, ms: number, fn: () => void): void {
    const run = (): void => {
      this.#plans.delete(due)
      process.plans.delete(due)
      if (!lives(process)) return
      if (process.state === 'R') fn()
      else this.later(process, 50, fn)
    }
    const due = this.#options.time.after(ms, run)
    process.plans.add(due)
    this.#plans.set(due, run)
  }

  /** The machine does not wait for those who look at it: what is due within a moment may happen between two looks. */
  preempt(withinMs: number): void {
    for (const [due, run] of this.#plans) {
      if (due.atMs > this.nowMs + withinMs) continue
      due.fn = undefined
      return run()
    }
  }

  exit(process: SimProcess, exit: Exit): void {
    if (!lives(process)) return
    process.state = 'Z'
    process.exit = exit
    process.diedAtMs = this.nowMs
    for (const due of process.plans) {
      due.fn = undefined
      this.#plans.delete(due)
    }
    process.plans.clear()
    this.#options.trace(`dead ${process.pid} ${exit.signal ?? exit.code}`)
    for (const child of this.table.values()) {
      if (child.ppid !== process.pid) continue
      child.ppid = INIT
      if (!lives(child)) this.#reapBy(child)
    }
    this.#options.died(process)
    this.#reapBy(process)
  }

  /** As `kill(2)`: throws ESRCH. A negative pid is a group, zombies and all. */
  kill(pid: number, signal: NodeJS.Signals, byUs: boolean): void {
    const targets =
      pid > 0
        ? [this.table.get(pid)].filter((one) => one !== undefined)
        : [...this.table.values()].filter((one) => one.pgrp === -pid)
    if (targets.length === 0) throw new SystemError('ESRCH')
    for (const target of targets) {
      if (!lives(target)) continue
      this.#options.trace(`signal ${target.pid} ${signal}${byUs ? '' : ' by a stranger'}`)
      if (byUs) this.#options.signalled(target, signal)
      this.deliver(target, signal)
    }
  }

  deliver(process: SimProcess, signal: NodeJS.Signals): void {
    if (!lives(process)) return
    const { state, pending, handles, ignores } = process
    if (state === 'D') {
      pending.push(signal)
      return
    }
    if (signal === 'SIGKILL') return this.exit(process, { code: null, signal })
    if (signal === 'SIGSTOP') {
      process.state = 'T'
      return
    }
    if (signal === 'SIGCONT') return this.#wake(process)
    if (state === 'T') {
      pending.push(signal)
      return
    }
    const handler = handles.get(signal)
    if (handler)
      return this.later(process, handler.afterMs, () =>
        this.exit(process, { code: handler.code, signal: null }),
      )
    if (!ignores.has(signal)) this.exit(process, { code: null, signal })
  }

  /** Uninterruptible sleep: no signal has any effect before it is over. */
  sleepDeeply(process: SimProcess, ms: number): void {
    if (process.state !== 'R') return
    process.state = 'D'
    this.#options.time.after(ms, () => {
      if (process.state === 'D') this.#wake(process)
    })
  }

  #wake(process: SimProcess): void {
    process.state = 'R'
    for (const signal of process.pending.splice(0)) this.deliver(process, signal)
  }

  /** Whoever is its parent now waits for it, sooner or later. */
  #reapBy(process: SimProcess): void {
    const { dice, time } = this.#options
    const parent = this.table.get(process.ppid)
    if (parent?.neglects && process.ppid !== INIT) return
    const byLauncher = process.onExit
    const ms = byLauncher
      ? dice.between(0, 3)
      : dice.chance(0.1)
        ? dice.between(5_000, 60_000)
        : dice.between(0, 40)
    time.after(ms, () => {
      if (this.table.get(process.pid) !== process) return
      if (byLauncher && process.ppid !== INIT) byLauncher(process.exit ?? { code: null, signal: null })
      else this.reap(process)
    })
  }

  /** It was waited for: its pid is free. */
  reap(process: SimProcess): void {
    if (this.table.get(process.pid) !== process) return
    const parent = this.table.get(process.ppid)
    if (parent) parent.childCpuMs += process.cpuMs + process.childCpuMs
    this.table.delete(process.pid)
    this.#freedAtTick.set(process.pid, this.ticks)
  }

  #enter(pid: number, options: ForkOptions, parent: SimProcess | undefined): SimProcess {
    const { comm, environ, life, leads = false, ownSession = false, dice } = options
    const process: SimProcess = {
      pid,
      startTime: this.ticks,
      comm,
      ppid: parent?.pid ?? (pid === INIT ? 0 : INIT),
      pgrp: ownSession || !parent ? pid : parent.pgrp,
      session: ownSession || !parent ? pid : parent.session,
      state: 'R',
      environ,
      execing: false,
      life,
      leads,
      detached: false,
      cleared: false,
      dice,
      ignores: new Set(),
      handles: new Map(),
      pending: [],
      quietUntilMs: 0,
      cpuMs: 0,
      childCpuMs: 0,
      pages: 1_000,
      exit: null,
      diedAtMs: null,
      onExit: null,
      neglects: life !== null && dice.chance(0.15),
      plans: new Set(),
    }
    this.table.set(pid, process)
    if (life !== null) {
      const known = this.byLife.get(life)
      if (known) known.push(process)
      else this.byLife.set(life, [process])
    }
    return process
  }

  get freePids(): number {
    return this.#options.pids - this.#usedPids().size
  }

  #usedPids(): Set<number> {
    const used = new Set<number>()
    for (const { pid, pgrp, session } of this.table.values()) used.add(pid).add(pgrp).add(session)
    return used
  }

  /** A number is free when nobody has it as pid, group or session, and nobody had it in this tick. */
  #freePid(): number | undefined {
    const used = this.#usedPids()
    for (let tries = 0; tries < this.#options.pids; tries += 1) {
      const pid = this.#nextPid
      this.#nextPid = pid + 1 >= FIRST_PID + this.#options.pids ? FIRST_PID : pid + 1
      if (!used.has(pid) && this.#freedAtTick.get(pid) !== this.ticks) return pid
    }
    return undefined
  }
}

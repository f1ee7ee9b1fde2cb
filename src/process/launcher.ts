/**
 * The port through which a supervisor forks, waits and signals. It never does any of that itself: a fork blocks
 * the caller's loop in proportion to its memory, and children die with their parent's knowledge of them.
 *
 * Two implementations: a process of its own (`launcher-client.ts` here, `launcher-host.ts` there) and the same code
 * in this process (`inline`). Requests return at once; what becomes of them arrives as answers.
 */
import type { Rung } from '../../machines/escalation.ts'
import type { LifeAddress, LifeAnswer, ProcessIdentity } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import type { LogLimits } from './log-rotation.ts'

/** What it takes to start one life, and to end it when nobody is left to ask. */
export interface LaunchOrder extends LifeAddress {
  /** 128 random bits in hex, new for every life; its tree carries it as `REEVE_LIFE`. */
  readonly marker: string
  readonly command: readonly [string, ...string[]]
  readonly cwd: string
  /** What the agent gets on top of the base environment; `null` takes a variable away. */
  readonly env: Readonly<Record<string, string | null>>
  /** stdout and stderr are appended to it (0600). */
  readonly logFile: string
  readonly logLimits: LogLimits
  /** The empty file to make (0600), in which it may speak of itself; `null`: none. */
  readonly reportFile: string | null
  /** The FIFO to make (0600) and to give it as stdin; `null`: `/dev/null`. */
  readonly fifo: string | null
  /** The ladder that the launcher walks alone when its supervisor is gone. */
  readonly rungs: readonly Rung[]
  readonly killWaitMs: number
  /** Descendants in a session of their own may live on. */
  readonly detachOk: boolean
}

/** The part of an order that outlasts the fork: what it takes to find a tree, to end it, and to rotate its log. */
export type LifeTerms = Pick<
  LaunchOrder,
  | 'agentId'
  | 'incarnation'
  | 'marker'
  | 'logFile'
  | 'logLimits'
  | 'fifo'
  | 'rungs'
  | 'killWaitMs'
  | 'detachOk'
>

/** What a launcher tells, in the order in which it happened. */
export type LauncherAnswer = Extract<
  LifeAnswer,
  { type: 'SPAWNED' | 'SPAWN_FAILED' | 'EXITED' | 'SIGNALLED' | 'SWEPT' }
>

export interface SweepOptions {
  /** SIGTERM and SIGCONT first, SIGKILL after 1 s; else SIGKILL at once. A second sweep can only hasten the first. */
  readonly gentle: boolean
  /** What is still there this long after SIGKILL is named in `escaped`. */
  readonly killWaitMs: number
}

/** What a tree has used. */
export interface TreeUsage extends LifeAddress {
  /** User and system CPU time of its live processes and of the children they have waited for, in milliseconds. */
  readonly cpuMs: number
  readonly processes: number
}

export interface Launcher {
  /** The launcher's own process; `process.pid` when inline. */
  readonly pid: number
  /** Forks. Answers `SPAWNED` or `SPAWN_FAILED`, and later `EXITED`. */
  launch(order: LaunchOrder): void
  /**
   * Takes on a life that another launcher forked. Its exit is noticed by looking (within 250 ms) and answered with
   * nulls, for nobody can wait for another's child. Signals, tree, ladder and sweep work as on any other.
   */
  watch(terms: LifeTerms, process: ProcessIdentity): void
  /** Takes a launch back. What was not forked answers `SPAWN_FAILED`; what still comes up afterwards is ended. */
  withdraw(life: LifeAddress): void
  /** Signals the whole tree, SIGCONT after it. Answers `SIGNALLED` with whom it reached. */
  signal(life: LifeAddress, signal: NodeJS.Signals): void
  /** Ends what is left of the tree once its leader is gone or never came, and verifies it. Answers `SWEPT`. */
  sweep(life: LifeAddress, options: SweepOptions): void
  /** One look at the trees of these lives; those unknown are left out. */
  usage(lives: readonly LifeAddress[]): Promise<readonly TreeUsage[]>
  /** The life is over and recorded: forget it. */
  release(life: LifeAddress): void
  /** Lets go: resolves when the launcher has left, or after `timeoutMs`. What still lives is ended by its ladder. */
  close(timeoutMs: number): Promise<void>
}

/** Told to the supervisor beside the answers. */
export interface LauncherEvents {
  answer(answer: LauncherAnswer): void
  /** Something went wrong that no single life has to answer for; the launcher goes on, or was replaced. */
  warning(message: string, cause?: unknown): void
}

/** What a launcher is started with. */
export interface LauncherOptions {
  /** The folder that holds socket and log of the launcher: absolute, existing, 0700. */
  readonly home: string
  /** Names the socket, and is what both sides show each other. One per supervisor: `^[A-Za-z0-9_-]{1,64}$`. */
  readonly launcherId: string
  /** The home is removed by the launcher when its supervisor died without saying good-bye. */
  readonly ephemeral: boolean
  /** `process`: a helper of its own, which outlives the supervisor. `inline`: in this process. */
  readonly mode: 'process' | 'inline'
  /** Node's binary, where `process.execPath` is not it. */
  readonly exec?: string
  /** What every agent inherits; `REEVE_*` is taken out. */
  readonly baseEnv: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly events: LauncherEvents
}

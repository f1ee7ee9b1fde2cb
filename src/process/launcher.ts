/**
 * The port through which a supervisor forks, waits and signals. It never does any of that itself: a fork blocks
 * the caller's loop in proportion to its memory, and children die with their parent's knowledge of them.
 *
 * Two implementations: a process of its own (`launcher-client.ts` here, `launcher-host.ts` there) and the same code
 * in this process (`inline`). Requests return at once; what becomes of them arrives as answers.
 */
import type { AskingRung, Rung } from '../../machines/escalation.ts'
import type {
  ErrorInfo,
  Exit,
  LifeAddress,
  LifeAnswer,
  ProcessIdentity,
  Reason,
} from '../../machines/events.ts'
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
  /**
   * Where an agent that takes requests makes a file, to which they are appended: `REEVE_CONTROL`. One that is left there
   * by an earlier life is removed. `null`: none.
   */
  readonly control: string | null
  /** The ladder that the launcher walks alone when its supervisor is gone. */
  readonly rungs: readonly Rung[]
  readonly killWaitMs: number
  /** Descendants in a session of their own may live on. */
  readonly detachOk: boolean
  /** `end`: down its ladder at once. `adopt`: kept for a successor, where one can come: not in an ephemeral home. */
  readonly onSupervisorDeath: 'end' | 'adopt'
  /** How long it waits for a successor before it is ended all the same. Without meaning for `end`. */
  readonly adoptForMs: number
  /** `null`: there is nothing to clean up. */
  readonly cleanup: CleanupTerms | null
}

/** What is to be done at the end of a life, by a launcher that is left alone as well. */
export interface CleanupTerms {
  /** The commands among the hooks, in their order. */
  readonly commands: readonly CommandWork[]
  /** For each. */
  readonly timeoutMs: number
  /** Its folder, made before the fork (0700) and removed after all hooks; `null`: none. */
  readonly tmp: string | null
  /** How many of the commands were begun: these are not run again. `null`: nothing is to be cleaned up. */
  readonly begun: number | null
}

/** A command that is run for a life, beside it. */
export interface CommandWork {
  readonly kind: 'command'
  readonly command: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | null>>
  /** What it says is appended to it; `null`: the last of it is told when it fails, and the rest is dropped. */
  readonly logFile: string | null
}

export interface CommandOrder extends LifeAddress {
  /** What it starts carries this as `REEVE_LIFE`. */
  readonly marker: string
  readonly what:
    | CommandWork
    /** A folder is removed with all that is in it; no link is followed. */
    | { readonly kind: 'remove'; readonly folder: string }
    /** Whatever carries the marker is ended: its launcher died. */
    | { readonly kind: 'end' }
  /** Then its tree is ended: SIGKILL, for a hook SIGTERM and 1 s before it. */
  readonly timeoutMs: number
  readonly killWaitMs: number
  /** Which of the life's `cleanup.commands` it is: begun once, it is not begun again. `null`: none of them. */
  readonly hook: number | null
}

/** How a command ended; `null`: well, with exit code 0. */
export interface CommandEnd {
  readonly failure: string | null
}

/** The part of an order that outlasts the fork: what it takes to find a tree, to end it, and to rotate its log. */
export type LifeTerms = Omit<LaunchOrder, 'command' | 'cwd' | 'env'>

/**
 * Why somebody had begun to end a life: its supervisor (`asked`), or its launcher alone, because the supervisor was gone
 * or because no successor came within `adoptForMs`.
 */
export type EndCause = 'asked' | 'supervisor_gone' | 'not_adopted'

/** What had become of a life at the moment of a takeover. Times in ISO 8601, UTC. */
export type KeptState =
  /** It is being started: `SPAWNED` or `SPAWN_FAILED` follows. */
  | { readonly kind: 'launching' }
  | { readonly kind: 'failed'; readonly error: ErrorInfo; readonly at: string }
  | { readonly kind: 'running'; readonly process: ProcessIdentity }
  /** It is on its ladder, of which so many rungs were taken. */
  | {
      readonly kind: 'ending'
      readonly process: ProcessIdentity
      readonly why: EndCause
      readonly rungsTaken: number
      readonly at: string
    }
  | {
      readonly kind: 'exited'
      readonly process: ProcessIdentity
      /** Nulls when nobody could wait for it. */
      readonly exit: Exit
      /** `null`: it ended while nobody looked. */
      readonly at: string | null
      /** `null`: it ended by itself. */
      readonly why: EndCause | null
      /** What became of its tree; `null`: that was not looked through yet. */
      readonly swept: { readonly swept: readonly number[]; readonly escaped: readonly number[] } | null
    }

/** A life that a supervisor before left behind. */
export interface KeptLife {
  readonly terms: LifeTerms
  readonly state: KeptState
  /** Its true exit will be known. Else it is watched from afar, and its exit is answered with nulls. */
  readonly isChild: boolean
}

/** What a launcher tells, in the order in which it happened. */
export type LauncherAnswer = Extract<
  LifeAnswer,
  { type: 'SPAWNED' | 'SPAWN_FAILED' | 'EXITED' | 'SIGNALLED' | 'ASKED' | 'SWEPT' }
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

/** What a tree uses, from one pass over all processes of the machine. */
export interface TreeVitals extends TreeUsage {
  /** Resident memory of its live processes; what they share counts in each of them. */
  readonly memoryBytes: number
  /** The same, what is shared counted once. Where it was asked for, and could be read of every process. */
  readonly exactBytes?: number
  /** Since its leader was started, in milliseconds. */
  readonly ageMs: number
}

export interface VitalsOptions {
  /** Tells `exactBytes` too: milliseconds for each large process. */
  readonly exact: boolean
}

export interface Launcher {
  /** The launcher's own process; `process.pid` when inline. */
  readonly pid: number
  /**
   * What supervisors before left in this home, as it was when this one began. Each wants one of `adopt`, `dismiss` or
   * `acknowledge`; until then it goes by its own terms. All but `launch` and `watch` work on it at once.
   */
  readonly kept: readonly KeptLife[]
  /** Takes on a kept life. Its answers come from now on, those that came since the takeover first. */
  adopt(life: LifeAddress): void
  /** Nobody wants this kept life: it is ended by its ladder, its tree after it, and forgotten. Nothing is answered. */
  dismiss(life: LifeAddress): void
  /**
   * The ends of these lives are committed: no successor needs them any more. A life is forgotten when it was both
   * released and acknowledged; with `keepExits: false` when it was released.
   */
  acknowledge(lives: readonly LifeAddress[]): void
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
  /**
   * Asks the leader alone, as this rung says. `cancel` goes to its control file; to an agent that made none, as SIGINT.
   * Answers `ASKED` with the way that it took, or why there was none.
   */
  ask(life: LifeAddress, rung: AskingRung, reason: Reason): void
  /** Ends what is left of the tree once its leader is gone or never came, and verifies it. Answers `SWEPT`. */
  sweep(life: LifeAddress, options: SweepOptions): void
  /** One look at the trees of these lives; those unknown are left out. */
  usage(lives: readonly LifeAddress[]): Promise<readonly TreeUsage[]>
  /** What the trees of these lives use, from one pass for all of them. Those unknown, or gone, are left out. */
  vitals(lives: readonly LifeAddress[], options: VitalsOptions): Promise<readonly TreeVitals[]>
  /**
   * Runs a command for a life, or removes a folder of it: to its end, or until it is aborted. Its tree is over with it.
   * Never rejects. When the launcher dies meanwhile, what is left of it is ended, and it has failed.
   */
  run(order: CommandOrder, over: AbortSignal): Promise<CommandEnd>
  /** What this life leaves stays as it is: no hook is run by a launcher that is left alone, no folder removed. */
  leave(life: LifeAddress): void
  /** The life is over and told: nothing is asked of it any more. */
  release(life: LifeAddress): void
  /** Lets go: resolves when the launcher has left, or after `timeoutMs`. What still lives is ended, whatever its terms. */
  close(timeoutMs: number): Promise<void>
}

/** Told to the supervisor beside the answers. */
export interface LauncherEvents {
  answer(answer: LauncherAnswer): void
  /** Something went wrong that no single life has to answer for; the launcher goes on, or was replaced. */
  warning(message: string, cause?: unknown): void
}

/** `auto`: where a control group can be made. `none`: trees are found by descent, session and marker alone. */
export type ContainmentMode = 'auto' | 'none'

/** What a launcher is started with. */
export interface LauncherOptions {
  /** The folder that holds socket and log of the launcher: absolute, existing, 0700. */
  readonly home: string
  /** Names the socket, and is what both sides show each other. One per supervisor: `^[A-Za-z0-9_-]{1,64}$`. */
  readonly launcherId: string
  /** The home is removed by the launcher when its supervisor died without saying good-bye. */
  readonly ephemeral: boolean
  /**
   * A successor may ask what became of each life: that is kept, in memory and in a file of the home, until it is
   * acknowledged. For a home that stays and a registry that does.
   */
  readonly keepExits: boolean
  /** The folder of ephemeral homes: those whose supervisor and launcher are gone are cleared away. `null`: none is. */
  readonly leftovers: string | null
  /** `process`: a helper of its own, which outlives the supervisor. `inline`: in this process. */
  readonly mode: 'process' | 'inline'
  /** Node's binary, where `process.execPath` is not it. */
  readonly exec?: string
  /** Default: `auto`. */
  readonly containment?: ContainmentMode | undefined
  /** What every agent inherits; `REEVE_*` is taken out. */
  readonly baseEnv: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly events: LauncherEvents
}

/**
 * What supervisor and launcher say to each other: one JSON object a line, over a Unix socket in the home. The
 * supervisor greets with `hello`; anything else, another protocol, or another id is refused. Of `hello` and `refused`,
 * every version keeps what is here.
 */
import type { AskingRung } from '../../machines/escalation.ts'
import type { LifeAddress, Reason } from '../../machines/events.ts'
import type {
  CommandEnd,
  CommandOrder,
  ContainmentMode,
  KeptLife,
  LauncherAnswer,
  LaunchOrder,
  LifeTerms,
  SweepOptions,
  TreeUsage,
  TreeVitals,
  VitalsOptions,
} from './launcher.ts'

/** Raised with every change that an older launcher would misread. */
export const PROTOCOL = 2

export interface Greeting {
  readonly type: 'hello'
  readonly protocol: number
  readonly launcherId: string
  readonly supervisorPid: number
  /** The home is to be removed when the supervisor died without `bye`. */
  readonly ephemeral: boolean
  readonly keepExits: boolean
  readonly leftovers: string | null
  readonly containment?: ContainmentMode | undefined
  readonly baseEnv: Readonly<Record<string, string>>
}

/** What the supervisor asks. */
export type Request =
  | Greeting
  | { readonly type: 'launch'; readonly order: LaunchOrder }
  | { readonly type: 'withdraw'; readonly life: LifeAddress }
  | { readonly type: 'signal'; readonly life: LifeAddress; readonly signal: NodeJS.Signals }
  | { readonly type: 'ask'; readonly life: LifeAddress; readonly rung: AskingRung; readonly reason: Reason }
  | { readonly type: 'sweep'; readonly life: LifeAddress; readonly options: SweepOptions }
  | { readonly type: 'usage'; readonly id: number; readonly lives: readonly LifeAddress[] }
  | {
      readonly type: 'vitals'
      readonly id: number
      readonly lives: readonly LifeAddress[]
      readonly options: VitalsOptions
    }
  | { readonly type: 'run'; readonly id: number; readonly order: CommandOrder }
  /** A command that was asked for is wanted no more. */
  | { readonly type: 'halt'; readonly id: number }
  | { readonly type: 'leave'; readonly life: LifeAddress }
  | { readonly type: 'release'; readonly life: LifeAddress }
  /**
   * A life of a launcher that died, or of another protocol. `claimed`: the supervisor has it in its hands. `rotate`: nobody
   * else looks after its log.
   */
  | { readonly type: 'keep'; readonly life: KeptLife; readonly claimed: boolean; readonly rotate: boolean }
  /** The one who looked after the logs of these lives is gone. */
  | { readonly type: 'rotate'; readonly lives: readonly LifeAddress[] }
  | { readonly type: 'adopt'; readonly life: LifeAddress }
  | { readonly type: 'dismiss'; readonly life: LifeAddress }
  | { readonly type: 'acknowledge'; readonly lives: readonly LifeAddress[] }
  /** Answered when all that came before was taken. */
  | { readonly type: 'ping'; readonly id: number }
  /** Ends what lives, and leaves. */
  | { readonly type: 'bye' }

export type Refusal = 'busy' | 'protocol' | 'wrong'

/** What the launcher says. */
export type Reply =
  /** What is there already: all of it before `welcome`. */
  | { readonly type: 'kept'; readonly life: KeptLife }
  | { readonly type: 'welcome'; readonly protocol: number; readonly pid: number }
  /**
   * `busy`: it serves another supervisor, or is leaving. `protocol`: it speaks another; while that supervisor stays
   * connected nonetheless, it ends nothing that it keeps.
   */
  | { readonly type: 'refused'; readonly reason: Refusal; readonly message: string }
  | { readonly type: 'answer'; readonly answer: LauncherAnswer }
  | { readonly type: 'usage'; readonly id: number; readonly usage: readonly TreeUsage[] }
  | { readonly type: 'ran'; readonly id: number; readonly end: CommandEnd }
  | { readonly type: 'vitals'; readonly id: number; readonly vitals: readonly TreeVitals[] }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'pong'; readonly id: number }
  /** The last word after `bye`: nothing is left, but what is named here. */
  | { readonly type: 'left'; readonly escaped: readonly number[] }

/** The longest line that is read, in characters: an environment past any kernel's limit still fits. */
export const MAX_LINE = 32 * 1024 * 1024

export const lineOf = (message: Request | Reply): string => `${JSON.stringify(message)}\n`

/** A life's address alone, whatever else the object that names it carries. */
export const addressOf = ({ agentId, incarnation }: LifeAddress): LifeAddress => ({ agentId, incarnation })

/** An order without what only the fork needs: no environment is kept for longer. */
export function termsOf(order: LifeTerms): LifeTerms {
  return {
    agentId: order.agentId,
    incarnation: order.incarnation,
    marker: order.marker,
    logFile: order.logFile,
    logLimits: order.logLimits,
    reportFile: order.reportFile,
    fifo: order.fifo,
    control: order.control,
    rungs: order.rungs,
    killWaitMs: order.killWaitMs,
    detachOk: order.detachOk,
    onSupervisorDeath: order.onSupervisorDeath,
    adoptForMs: order.adoptForMs,
    cleanup: order.cleanup,
  }
}

/** Cuts a stream of text into lines. One that is too long is dropped, and told; the next one counts again. */
export class Lines {
  readonly #take: (line: string) => void
  readonly #tooLong: () => void
  readonly #limit: number
  #parts: string[] = []
  #length = 0
  #skipping = false

  constructor(take: (line: string) => void, tooLong: () => void, limit = MAX_LINE) {
    this.#take = take
    this.#tooLong = tooLong
    this.#limit = limit
  }

  push(chunk: string): void {
    let from = 0
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', from)) {
      this.#keep(chunk.slice(from, end))
      from = end + 1
      const line = this.#parts.join('')
      const complete = !this.#skipping
      this.#reset()
      if (complete && line !== '') this.#take(line)
    }
    if (from < chunk.length) this.#keep(chunk.slice(from))
  }

  #keep(part: string): void {
    if (this.#skipping) return
    this.#length += part.length
    if (this.#length <= this.#limit) {
      this.#parts.push(part)
      return
    }
    this.#reset()
    this.#skipping = true
    this.#tooLong()
  }

  #reset(): void {
    this.#parts = []
    this.#length = 0
    this.#skipping = false
  }
}

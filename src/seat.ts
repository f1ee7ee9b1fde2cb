/** What a supervisor holds of one agent, over all its lives. Internal: callers see the `Agent`. */
import { type LifeAddress, lifeKey, type Usage } from '../machines/events.ts'
import type { Agent } from './agent.ts'
import { Deferred } from './deferred.ts'
import { ReeveError } from './errors.ts'
import type { Report } from './health/report.ts'
import type { KillResult } from './kill.ts'
import type { AgentPlan } from './plan.ts'
import type { InputPipe } from './process/input.ts'
import { markerOf, newMarker } from './process/marker.ts'
import type { AgentRecord } from './registry/record.ts'

/** Someone waits for the present life's end. */
export interface EndWaiter {
  readonly action: KillResult['action']
  readonly graceMs: number
  readonly deferred: Deferred<KillResult>
}

export class Seat {
  readonly plan: AgentPlan
  /** Kept with the spec, so that a successor knows the marker of the present life. */
  readonly seed: string
  readonly logFile: string
  agent!: Agent
  /** Provisional until the first entry is told. */
  record: AgentRecord
  /** No further life follows. */
  ended = false
  /** Its turn in its lane has not come: the machines do not know of it. */
  waiting = false
  ready = new Deferred<AgentRecord>()
  end = new Deferred<AgentRecord>()
  readonly endWaiters: EndWaiter[] = []
  restart: { readonly deferred: Deferred<AgentRecord>; readonly beyond: number } | undefined
  /** Its ttl is over: whoever restarts it nevertheless gives it another. */
  expired = false
  /** The last pid it had, in any life; the handle keeps it. */
  lastPid: number | null = null
  /** Shares of its budget whose end it was warned of. */
  warnedOf: readonly (keyof Usage)[] = []
  /** The life that a supervisor before asked for. */
  underway: number | undefined

  // Of the present life.
  lifePid: number | null = null
  logOffset = 0
  /** Its exit is known, and on its way to its machine. */
  exited = false
  kill: { lastSignal: NodeJS.Signals | null; forced: boolean } = { lastSignal: null, forced: false }
  stopReadiness: (() => void) | undefined
  stopLiveness: (() => void) | undefined
  /** Reports that came before the launcher's word that there is a process. */
  early: { readonly report: Report; readonly offset: number }[] = []
  input: InputPipe | undefined
  usage: Usage = { turns: 0, tokens: 0, usd: 0 }
  #life: LifeAddress
  #key: string

  constructor(plan: AgentPlan, record: AgentRecord, seed = newMarker()) {
    this.plan = plan
    this.seed = seed
    this.record = record
    this.logFile = record.logFile
    this.#life = { agentId: plan.id, incarnation: record.incarnation }
    this.#key = lifeKey(this.#life)
  }

  /** The address of the present life: the same object as long as it lasts, for every heartbeat asks for it. */
  get life(): LifeAddress {
    this.#follow()
    return this.#life
  }

  /** The key of the present life. */
  get key(): string {
    this.#follow()
    return this.#key
  }

  #follow(): void {
    const { incarnation } = this.record
    if (this.#life.incarnation === incarnation) return
    this.#life = { agentId: this.plan.id, incarnation }
    this.#key = lifeKey(this.#life)
  }

  /** Adds what a `usage` report says; a sum stays a number that JSON can hold. */
  use({ turns = 0, tokens = 0, usd = 0 }: { [K in keyof Usage]?: number | undefined }): void {
    const sum = (a: number, b: number) => Math.min(a + b, Number.MAX_SAFE_INTEGER)
    const { usage } = this
    this.usage = {
      turns: sum(usage.turns, turns),
      tokens: sum(usage.tokens, tokens),
      usd: sum(usage.usd, usd),
    }
  }

  /** What the tree of a life carries as `REEVE_LIFE`. */
  markerOf({ incarnation }: Pick<LifeAddress, 'incarnation'>): string {
    return markerOf(this.seed, incarnation)
  }

  /** Between two lives, and at the begin of one: nothing of the old one's process may be taken for the new one's. */
  endLife(): void {
    this.lifePid = null
    this.exited = false
    this.early = []
    this.kill = { lastSignal: null, forced: false }
  }

  /** An ended agent starts again: its promises begin anew. */
  reopen(): void {
    this.ended = false
    this.ready = new Deferred()
    this.end = new Deferred()
  }

  /** What prevented it, for those who wait for it to be ready. */
  failure(): ReeveError {
    const { record } = this
    const { id: agentId, name, error } = record
    if (error)
      return new ReeveError(error.code as ReeveError['code'], `${name}: ${error.message}`, {
        agentId,
        record,
        ...(error.errno !== undefined && { errno: error.errno }),
      })
    const how = record.reason
      ? `it was ended (${record.reason.kind}, by ${record.reason.by})`
      : `it exited with ${record.exit?.signal ?? `code ${record.exit?.code ?? 'unknown'}`}`
    return new ReeveError('ended_before_ready', `${name}: ${how} before it was ready`, { agentId, record })
  }
}

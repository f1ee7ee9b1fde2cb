/** The handle of one agent, over all its lives. */
import type { ActorRefFrom } from 'xstate'
import type { agentMachine } from '../machines/agent.ts'
import type { Activity, AgentState } from '../machines/events.ts'
import type { AgentHealth } from './agent-health.ts'
import { handleText } from './handle-text.ts'
import type { CancelOptions, KillOptions, KillResult, StopOptions } from './kill.ts'
import { AGENT_EVENTS, type AgentEvents, checkListening } from './listeners.ts'
import type { AgentHandle, LogOptions } from './reeve.ts'
import type { AgentRecord } from './registry/record.ts'
import type { Seat } from './seat.ts'
import type { Supervisor } from './supervisor.ts'

export class Agent implements AgentHandle {
  readonly #seat: Seat
  readonly #supervisor: Supervisor

  /** @internal Agents come from `supervisor.spawn()`. */
  constructor(seat: Seat, supervisor: Supervisor) {
    this.#seat = seat
    this.#supervisor = supervisor
  }

  get id(): string {
    return this.#seat.plan.id
  }

  get name(): string {
    return this.#seat.plan.name
  }

  get state(): AgentState {
    return this.#seat.record.state
  }

  /** What it says it does; `null` unless `running`. */
  get activity(): Activity | null {
    return this.#seat.record.activity
  }

  /** The pid of its leader, or the last one it had; `null` before the first. */
  get pid(): number | null {
    return this.#seat.lastPid
  }

  get incarnation(): number {
    return this.#seat.record.incarnation
  }

  get record(): AgentRecord {
    return this.#supervisor.recordOf(this.#seat)
  }

  /**
   * Settles once, for the agent and not for a life: at its first `running`, or with what prevented it when it ends for
   * good before. Rejects with `spawn_failed`, `ready_timeout`, `restart_intensity_exceeded`, or `ended_before_ready`.
   * Nobody has to wait for it.
   */
  get ready(): Promise<AgentRecord> {
    return this.#seat.ready.promise
  }

  /** Resolves with the record when no further life follows. */
  get ended(): Promise<AgentRecord> {
    return this.#seat.end.promise
  }

  /** The XState actor of the present life; `undefined` between two lives and after the end. */
  get actor(): ActorRefFrom<typeof agentMachine> | undefined {
    return this.#supervisor.actorOf(this.id)
  }

  /** CPU, memory and processes of its tree, seconds since its last heartbeat, and how it is. */
  health(): Promise<AgentHealth> {
    return this.#supervisor.health(this.id)
  }

  /** A sign of life, or a whole report, from within this process. Says whether it counted: not once it has ended. */
  heartbeat(report?: unknown): boolean {
    return this.#supervisor.heartbeat(this.id, report)
  }

  /**
   * Walks the stop ladder. Resolves when the whole tree is gone and the journal has it; the agent never comes back by
   * itself. A second call can only hasten.
   *
   * @throws ReeveError `process_not_found` when it has ended, `kill_failed` when it survives SIGKILL
   */
  stop(options: StopOptions = {}): Promise<KillResult> {
    return this.#supervisor.stop(this.id, options)
  }

  /**
   * Asks it to finish its present step and to start no other: by its control file when it takes requests (`reeve/agent`
   * does so), else by SIGINT to its leader alone. Past `within`, the stop ladder. In whatever state it is, no further
   * life follows; record and task say `cancelled`. Resolves as {@link stop} does.
   *
   * @throws ReeveError `process_not_found` when it has ended, `kill_failed` when it survives SIGKILL
   */
  cancel(options: CancelOptions = {}): Promise<KillResult> {
    return this.#supervisor.cancel(this.id, options)
  }

  /** SIGKILL to the whole tree at once; otherwise as {@link stop}. */
  kill(options: KillOptions = {}): Promise<KillResult> {
    return this.#supervisor.kill(this.id, options)
  }

  /**
   * Ends the present life by its ladder and begins the next, whatever the policy; waits for no backoff, counts against
   * no intensity. Resolves when the new life is `running`. Concurrent calls share one. An ended agent starts again. One
   * whose place in its lane another takes (`onConflict: 'replace'`) does not: `lane_busy` names that one.
   *
   * @throws ReeveError `name_taken`, `lane_busy`, `budget_exhausted`, or what prevented the new life
   */
  restart(options: StopOptions = {}): Promise<AgentRecord> {
    return this.#supervisor.restart(this.id, options)
  }

  /**
   * Writes to its stdin, which has to be `"open"`. Nothing is added: end a line with `\n`.
   *
   * @throws ReeveError `not_accepting_input`
   */
  send(text: string): Promise<void> {
    return this.#supervisor.send(this.id, text)
  }

  /** Its log, line by line. Older files that rotation left come first. See {@link LogOptions}. */
  logs(options: LogOptions = {}): AsyncIterable<string> {
    return this.#supervisor.logs(this.id, options)
  }

  /** As `supervisor.on`, for this agent alone. */
  on<E extends 'transition' | 'note' | 'stalled'>(
    event: E,
    fn: (payload: AgentEvents[E]) => unknown,
  ): () => void {
    checkListening(AGENT_EVENTS, event, fn)
    return this.#supervisor.on(event, (entry) => {
      if (entry.agentId === this.id) fn(entry as AgentEvents[E])
    })
  }

  /** As a prompt or `console.log` shows it: `Agent coder · running · pid 41500`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return handleText(this)
  }
}

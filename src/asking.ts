/** Asks agents whether they are ready, and whether they are still well. */
import type { LifeAddress } from '../machines/events.ts'
import type { SupervisorEvent } from '../machines/supervisor.ts'
import { ownWords } from './cleaning.ts'
import type { Clock } from './clock.ts'
import { httpProbe, type Probe, portProbe } from './health/probe.ts'
import { probing } from './health/probing.ts'
import type { Home } from './home.ts'
import type { ProbePlan } from './probes.ts'
import type { Launcher } from './process/launcher.ts'
import type { Seat } from './seat.ts'

/** What a command that is out of time takes until its tree is gone and that is told: until then no other is run. */
const COMMAND_SLACK_MS = 5_000

export interface AskingOptions {
  readonly home: Home
  readonly clock: Clock
  readonly launcher: () => Pick<Launcher, 'run'>
  readonly send: (event: SupervisorEvent) => void
}

export class Asking {
  readonly #options: AskingOptions

  constructor(options: AskingOptions) {
    this.#options = options
  }

  /** Until the answer is yes. Returns what stops it. */
  untilReady(seat: Seat, life: LifeAddress, plan: ProbePlan): () => void {
    const { send } = this.#options
    let last = ''
    const stop = this.#ask(seat, life, plan, {
      delayMs: 0,
      succeeded: (ready) => {
        stop()
        send({ type: 'READY', ...life, evidence: { ready } })
      },
      failed: (probe) => {
        if (probe !== last) send({ type: 'PROBED', ...life, evidence: { probe } })
        last = probe
      },
    })
    return stop
  }

  /** Until it has failed as often as it may, in a row; then its ladder. Returns what stops it. */
  whileWell(seat: Seat, life: LifeAddress): (() => void) | undefined {
    const { liveness } = seat.plan
    if (liveness === null) return undefined
    const { probe: plan, failures } = liveness
    const { agentId } = life
    let inARow = 0
    const stop = this.#ask(seat, life, plan, {
      delayMs: plan.everyMs,
      succeeded: () => {
        inARow = 0
      },
      failed: (probe) => {
        inARow += 1
        if (inARow < failures) return
        stop()
        const message = `${inARow} ${inARow === 1 ? 'probe' : 'probes in a row'} failed (liveness); last: ${probe}`
        const reason = { kind: 'liveness', by: 'supervisor', message } as const
        this.#options.send({ type: 'STOP', agentId, reason, evidence: { probe } })
      },
    })
    return stop
  }

  #ask(
    seat: Seat,
    life: LifeAddress,
    plan: ProbePlan,
    told: Pick<Parameters<typeof probing>[0], 'delayMs' | 'succeeded' | 'failed'>,
  ): () => void {
    // The launcher keeps the time of a command, and ends its tree: only then is the next one run.
    const beyondMs = plan.kind === 'exec' ? seat.plan.life.killWaitMs + COMMAND_SLACK_MS : 0
    return probing({
      clock: this.#options.clock,
      probe: this.#probeOf(seat, life, plan),
      everyMs: plan.everyMs,
      timeoutMs: plan.timeoutMs + beyondMs,
      ...told,
    })
  }

  #probeOf(seat: Seat, life: LifeAddress, plan: ProbePlan): Probe {
    switch (plan.kind) {
      case 'port':
        return portProbe(plan.host, plan.port)
      case 'http':
        return httpProbe(plan.url)
      case 'exec':
        return this.#execProbe(seat, life, plan)
      default:
        return plan satisfies never
    }
  }

  /** In the agent's folder and environment. It carries the marker of the agent's tree, and what it leaves ends with that. */
  #execProbe(seat: Seat, life: LifeAddress, plan: Extract<ProbePlan, { kind: 'exec' }>): Probe {
    const { home, launcher } = this.#options
    const { cwd, env, life: policy } = seat.plan
    const marker = seat.markerOf(life)
    const { command, timeoutMs } = plan
    return {
      name: `exec ${command[0]}`,
      ask: async (signal) => {
        const what = {
          kind: 'command',
          command,
          cwd,
          env: { ...env, ...ownWords(home, seat.plan, life) },
          logFile: null,
        } as const
        const order = { ...life, marker, what, timeoutMs, killWaitMs: policy.killWaitMs, hook: null }
        const { failure } = await launcher().run(order, signal)
        if (failure !== null) throw new Error(failure)
        return 'exit code 0'
      },
    }
  }
}

/** A simulated outside for the machines: processes that start late, fail, exit and hang, by a seed, on a stepping clock. */
import { createActor } from 'xstate'
import { agentMachine } from '../../machines/agent.ts'
import { childrenLogic } from '../../machines/children.ts'
import type { LifePolicy } from '../../machines/context.ts'
import { effectActions, type LifeEffects } from '../../machines/effects.ts'
import { askedBy, asks } from '../../machines/escalation.ts'
import { type EntryDraft, type LifeAddress, lifeKey } from '../../machines/events.ts'
import type { GroupTold } from '../../machines/keeping.ts'
import type { ChildSpec } from '../../machines/members.ts'
import { type SupervisorEmitted, type SupervisorEvent, supervisorMachine } from '../../machines/supervisor.ts'
import { SteppingClock } from '../../src/clock.ts'
import { useIndexedScheduler } from '../../src/scheduler.ts'

/** A small generator (Park and Miller), so that a failing run can be had again. */
export function dice(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return (state - 1) / 2_147_483_646
  }
}

interface Life extends LifeAddress {
  forked: boolean
  withdrawn: boolean
  alive: boolean
  readonly stubborn: boolean
}

export const POLICY: LifePolicy = {
  spawnTimeoutMs: 10_000,
  readyAtSpawn: true,
  readyTimeoutMs: 30_000,
  onStall: 'terminate',
  stallGraceMs: 500,
  rungs: [{ signal: 'SIGTERM', waitMs: 1_000 }],
  killWaitMs: 5_000,
  cleanupLimitMs: null,
  exitCodes: [0],
}

export const childSpec = (agentId: string, more: Partial<ChildSpec> = {}): ChildSpec => ({
  agentId,
  name: agentId,
  incarnation: 1,
  from: null,
  life: POLICY,
  restart: {
    type: 'permanent',
    backoff: { initialMs: 100, factor: 2, maxMs: 1_000, jitter: 0.2, resetAfterMs: 60_000 },
    intensity: { restarts: 3, withinMs: 5_000 },
    noRetry: [],
  },
  ...more,
})

type EffectName = keyof ReturnType<typeof effectActions>

export interface WorldOptions {
  readonly seed?: number
  /** Whether all of them ignore what they are asked; by dice when absent. */
  readonly stubborn?: boolean | undefined
  /** Every process starts; else one in ten does not. */
  readonly launchable?: boolean
  /** Throws in the place of this effect, where it returns true. */
  readonly sabotage?: (effect: EffectName, life: LifeAddress) => boolean
}

export class World {
  readonly clock = new SteppingClock()
  readonly random: () => number
  readonly lives = new Map<string, Life>()
  readonly told: { readonly entry: EntryDraft; readonly ended: boolean; readonly atMs: number }[] = []
  readonly faults: unknown[] = []
  readonly abandoned: LifeAddress[] = []
  readonly signals: string[] = []
  readonly groups: GroupTold[] = []
  /** Agents whose next launches fail, with which errno: one launch for each. */
  readonly unlaunchable = new Map<string, string[]>()
  /** Agents that go at SIGKILL alone. */
  readonly unwilling = new Set<string>()
  /** Violations of what must always hold. */
  readonly broken: string[] = []
  readonly root
  readonly #stubborn: boolean | undefined
  readonly #launchable: boolean

  constructor({ seed = 1, stubborn, launchable = false, sabotage = () => false }: WorldOptions = {}) {
    this.random = dice(seed)
    this.#stubborn = stubborn
    this.#launchable = launchable
    const plain = effectActions(this.#effects(), (cause) => this.faults.push(cause))
    // A fault in the logic itself, which `effectActions` would contain: thrown beside the effect.
    const actions = Object.fromEntries(
      Object.entries(plain).map(([name, action]) => [
        name,
        (args: Parameters<typeof action>[0]) => {
          if (sabotage(name as EffectName, args.context)) throw new Error(`sabotaged ${name}`)
          action(args)
        },
      ]),
    ) as typeof plain
    const machine = supervisorMachine.provide({
      actors: { children: childrenLogic(agentMachine.provide({ actions })) },
    })
    const ports = {
      now: () => this.clock.now(),
      random: this.random,
      abandon: (life: LifeAddress) => {
        this.abandoned.push(life)
      },
      fault: (cause: unknown) => {
        this.faults.push(cause)
      },
    }
    this.root = createActor(machine, { clock: this.clock, input: { ports } })
    useIndexedScheduler(this.root, this.clock)
    const tell = (told: Extract<SupervisorEmitted, { entry: unknown }>) =>
      this.told.push({ ...told, atMs: this.clock.now() })
    this.root.on('transition', tell)
    this.root.on('note', tell)
    this.root.on('group', ({ told }) => this.groups.push(told))
    this.root.start()
  }

  send(event: SupervisorEvent): void {
    this.root.send(event)
  }

  /** `agent state state …`: the transitions of one agent, as told. */
  statesOf(agentId: string): string[] {
    return this.told
      .filter(({ entry }) => entry.agentId === agentId && entry.from !== entry.to)
      .map(({ entry }) => entry.to)
  }

  alive(agentId: string): Life[] {
    return [...this.lives.values()].filter((life) => life.agentId === agentId && life.alive)
  }

  /** A process ends by itself. */
  crash(life: LifeAddress, code = 1): void {
    const known = this.lives.get(lifeKey(life))
    if (!known?.alive) return
    known.alive = false
    this.send({
      type: 'EXITED',
      agentId: life.agentId,
      incarnation: life.incarnation,
      exit: { code, signal: null },
    })
  }

  #later(maxMs: number, fn: () => void): void {
    this.clock.setTimeout(fn, this.random() * maxMs)
  }

  #die(life: Life, signal: NodeJS.Signals): void {
    if (!life.alive) return
    life.alive = false
    const { agentId, incarnation } = life
    this.send({ type: 'EXITED', agentId, incarnation, exit: { code: null, signal } })
  }

  #effects(): LifeEffects {
    const known = (life: LifeAddress) => this.lives.get(lifeKey(life))
    return {
      launch: ({ agentId, incarnation }) => {
        const address = { agentId, incarnation }
        if (known(address)) this.broken.push(`${lifeKey(address)} was launched twice`)
        const life: Life = {
          ...address,
          forked: false,
          withdrawn: false,
          alive: false,
          stubborn: this.unwilling.has(agentId) || (this.#stubborn ?? this.random() < 0.3),
        }
        this.lives.set(lifeKey(address), life)
        this.#later(50, () => {
          if (life.withdrawn) return
          life.forked = true
          const errno =
            this.unlaunchable.get(agentId)?.shift() ??
            (!this.#launchable && this.random() < 0.1 ? 'EAGAIN' : undefined)
          if (errno !== undefined) {
            const error = { code: 'spawn_failed', message: 'no room', errno }
            this.send({ type: 'SPAWN_FAILED', ...address, error })
            return
          }
          if (this.alive(agentId).length > 0) this.broken.push(`${agentId} has two lives at a time`)
          life.alive = true
          this.send({ type: 'SPAWNED', ...address, process: { bootId: 'b', pid: incarnation, startTime: 1 } })
        })
      },
      withdrawLaunch: ({ agentId, incarnation }) => {
        const life = known({ agentId, incarnation })
        if (!life || life.forked || life.withdrawn) return
        life.withdrawn = true
        const error = { code: 'spawn_failed', message: 'withdrawn' }
        this.#later(5, () => this.send({ type: 'SPAWN_FAILED', agentId, incarnation, error }))
      },
      takeRung: (address, rung) => {
        const { agentId, incarnation } = address
        const word = asks(rung) ? askedBy(rung) : rung.signal
        const stamp = `${lifeKey(address)} ${word}`
        if (this.signals.includes(stamp)) this.broken.push(`${stamp} was sent twice`)
        this.signals.push(stamp)
        const life = known(address)
        if (asks(rung))
          this.send({ type: 'ASKED', agentId, incarnation, asked: askedBy(rung), through: 'control' })
        else this.send({ type: 'SIGNALLED', agentId, incarnation, signal: rung.signal, signalled: [] })
        if (!life || life.stubborn) return
        if (asks(rung)) this.#later(800, () => this.crash(life, 0))
        else this.#later(800, () => this.#die(life, rung.signal))
      },
      killTree: (address) => {
        const life = known(address)
        if (life) this.#later(20, () => this.#die(life, 'SIGKILL'))
      },
      sweepTree: ({ agentId, incarnation }) => {
        if (known({ agentId, incarnation })?.alive)
          this.broken.push(`${agentId} was swept while its leader lived`)
        this.#later(10, () => this.send({ type: 'SWEPT', agentId, incarnation, swept: [], escaped: [] }))
      },
      cleanUp: ({ agentId, incarnation }) => this.send({ type: 'CLEANED', agentId, incarnation }),
    }
  }
}

/** What is so, whatever anyone knows of it: the lives that were forked, what was done to them, what they said. */
import { lifeKey } from '../../machines/events.ts'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import type { Request } from '../../src/process/protocol.ts'
import type { SimProcess } from './machine/process.ts'
import type { Party } from './party.ts'

/** `said`: what it does; `called`: from within the supervisor's process, and known to it alone. These count always. */
export interface Sign {
  readonly atMs: number
  readonly by: 'said' | 'called' | 'report' | 'output'
}

export interface LifeTruth {
  readonly key: string
  readonly order: LaunchOrder
  readonly name: string
  readonly leader: SimProcess
  /** The launcher that forked it. */
  readonly launcher: Party
  /** The supervisor that asked for it. */
  readonly supervisor: Party | undefined
  readonly forkedAtMs: number
  /** Signals that reached its leader, ours. */
  readonly received: Map<NodeJS.Signals, number>
  /** When the first SIGKILL of ours reached it. */
  killedAtMs: number
  /** How often someone else took over its end: a new launcher, or a launcher that is left alone. */
  handovers: number
  /** When it gave a sign of life, the newest last. */
  readonly signs: Sign[]
  /** What holds its deadline, as it said itself. */
  held: { readonly name: string; readonly sinceMs: number } | null
  /** It was called idle with words of its own unread that may undo that, or may not. Said again, it is idle since then. */
  maybeIdleSinceMs: number | null
  /** When it wrote last that it works. */
  workedAtMs: number
  /** When it said first that it is ready. */
  readyMs: number
  /** The time that it asked for. */
  readonly asks: { readonly atMs: number; readonly untilMs: number }[]
}

const SIGNS_KEPT = 200

export class Truth {
  readonly lives = new Map<string, LifeTruth>()
  /** Lives that nobody keeps: their launcher and their supervisor died. */
  readonly orphaned = new Set<string>()
  /** Launches whose outcome died with their launcher: they failed, and all that came of them is ended. */
  readonly lost = new Set<string>()
  /** Stretches in which the supervisor's loop did not run. */
  readonly blocked: { readonly fromMs: number; readonly toMs: number }[] = []
  /** The last moment at which the launcher was away, stopped or new. `Infinity`: it still is. */
  disturbedMs = 0
  wallStepped = false

  begun(
    order: LaunchOrder,
    leader: SimProcess,
    launcher: Party,
    supervisor: Party | undefined,
    nowMs: number,
  ): void {
    const key = lifeKey(order)
    this.lives.set(key, {
      key,
      order,
      name: order.env.REEVE_AGENT_NAME ?? '',
      leader,
      launcher,
      supervisor,
      forkedAtMs: nowMs,
      received: new Map(),
      killedAtMs: Number.POSITIVE_INFINITY,
      handovers: 0,
      signs: [],
      held: null,
      maybeIdleSinceMs: null,
      workedAtMs: Number.NEGATIVE_INFINITY,
      readyMs: Number.POSITIVE_INFINITY,
      asks: [],
    })
  }

  sign(key: string, by: Sign['by'], nowMs: number): void {
    const signs = this.lives.get(key)?.signs
    signs?.push({ atMs: nowMs, by })
    if (signs && signs.length > SIGNS_KEPT) signs.shift()
  }

  /** It appended a line to its report file. */
  said(key: string, line: string, nowMs: number): void {
    const life = this.lives.get(key)
    if (!life || line.startsWith('half') || line.includes('unheard')) return
    this.sign(key, 'report', nowMs)
    const { agentId } = life.order
    if (line.includes('"usage"')) this.#turns.set(agentId, this.turnsOf(agentId) + 1)
    if (line === 'ready') life.readyMs = Math.min(life.readyMs, nowMs)
    if (line.includes('"extend"')) {
      this.sign(key, 'said', nowMs)
      life.asks.push({ atMs: nowMs, untilMs: nowMs + JSON.parse(line).by })
    }
    const name = line.includes('"waiting"') || line === 'idle' || line === 'working' ? line : undefined
    if (name === undefined) return
    this.sign(key, 'said', nowMs)
    const idleSinceMs = life.maybeIdleSinceMs
    life.maybeIdleSinceMs = null
    if (name === 'working') {
      life.held = null
      life.workedAtMs = nowMs
    } else if (life.held?.name !== name)
      life.held = { name, sinceMs: (name === 'idle' ? idleSinceMs : null) ?? nowMs }
  }

  /** What the supervisor asks of its launcher. */
  asked(request: Request): void {
    switch (request.type) {
      case 'ask':
        if ('cancel' in request.rung) this.#cancelled.add(lifeKey(request.life))
        return this.#endAsked(lifeKey(request.life))
      case 'signal':
      case 'sweep':
      case 'withdraw':
      case 'dismiss':
        return this.#endAsked(lifeKey(request.life))
      case 'keep': {
        const key = lifeKey(request.life.terms)
        const { kind } = request.life.state
        if (kind === 'launching') this.lost.add(key)
        if (kind !== 'running' && kind !== 'ending') return this.#endAsked(key)
        const life = this.lives.get(key)
        if (life) life.handovers += 1
        return
      }
      case 'bye':
        return this.#endAllAsked()
    }
  }

  /** Nobody is left to ask: launchers end what they have, each by its ladder; what is to be adopted they keep. */
  supervisorDied(orders: ReadonlyMap<string, LaunchOrder>): void {
    for (const [key, { onSupervisorDeath }] of orders) if (onSupervisorDeath === 'end') this.#endAsked(key)
    for (const life of this.lives.values()) life.handovers += 1
  }

  #endAllAsked(): void {
    for (const life of this.lives.values()) {
      this.#endAsked(life.key)
      life.handovers += 1
    }
  }

  /** It was removed: whoever is spawned under its id begins anew. */
  forget(agentId: string): void {
    for (const [key, { order }] of this.lives) if (order.agentId === agentId) this.lives.delete(key)
    this.#turns.delete(agentId)
  }

  /** Turns that an agent has said it took, in all its lives. */
  turnsOf(agentId: string): number {
    return this.#turns.get(agentId) ?? 0
  }

  readonly #turns = new Map<string, number>()

  /** How much of the time since then the supervisor could hear nothing, each long stretch but for its first second. */
  deafMs(sinceMs: number, nowMs: number): number {
    return this.blocked.reduce(
      (sum, { fromMs, toMs }) => sum + Math.max(0, Math.min(toMs, nowMs) - Math.max(fromMs, sinceMs) - 1_000),
      0,
    )
  }

  readonly #asked = new Set<string>()
  readonly #cancelled = new Set<string>()

  /** Its leader is to be asked first, whatever its ladder says: by SIGINT, for none of them takes other requests. */
  isCancelled(key: string): boolean {
    return this.#cancelled.has(key)
  }

  isEndAsked(key: string): boolean {
    return this.#asked.has(key)
  }

  #endAsked(key: string): void {
    this.#asked.add(key)
  }
}

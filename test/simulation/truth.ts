/** What is so, whatever anyone knows of it: the lives that were forked, what was done to them, what they said. */
import { lifeKey } from '../../machines/events.ts'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import type { Request } from '../../src/process/protocol.ts'
import type { SimProcess } from './machine/process.ts'

/** `said`: what it does, or from within the supervisor's process: that counts always. */
export interface Sign {
  readonly atMs: number
  readonly by: 'said' | 'report' | 'output'
}

export interface LifeTruth {
  readonly key: string
  readonly order: LaunchOrder
  readonly name: string
  readonly leader: SimProcess
  /** The launcher that forked it, by pid. */
  readonly launcherPid: number
  readonly forkedAtMs: number
  /** Signals that reached its leader, ours. */
  readonly received: Map<NodeJS.Signals, number>
  /** Launchers that took it over since it was forked. */
  handovers: number
  /** When it gave a sign of life, the newest last. */
  readonly signs: Sign[]
  /** What holds its deadline, as it said itself. */
  held: { readonly name: string; readonly sinceMs: number } | null
}

const SIGNS_KEPT = 200

export class Truth {
  readonly lives = new Map<string, LifeTruth>()
  /** All ends are asked for: the supervisor said good-bye, or is gone. */
  everyEndAsked = false
  /** Stretches in which the supervisor's loop did not run. */
  readonly blocked: { readonly fromMs: number; readonly toMs: number }[] = []
  /** The last moment at which the launcher was away, stopped or new. `Infinity`: it still is. */
  disturbedMs = 0
  wallStepped = false

  begun(order: LaunchOrder, leader: SimProcess, launcherPid: number, nowMs: number): void {
    const key = lifeKey(order)
    this.lives.set(key, {
      key,
      order,
      name: order.env.REEVE_AGENT_NAME ?? '',
      leader,
      launcherPid,
      forkedAtMs: nowMs,
      received: new Map(),
      handovers: 0,
      signs: [],
      held: null,
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
    const name = line.includes('"waiting"') || line === 'idle' || line === 'working' ? line : undefined
    if (name === undefined) return
    this.sign(key, 'said', nowMs)
    if (name === 'working') life.held = null
    else if (life.held?.name !== name) life.held = { name, sinceMs: nowMs }
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
        return this.#endAsked(lifeKey(request.life))
      case 'keep': {
        const key = lifeKey(request.life.terms)
        const { kind } = request.life.state
        if (kind !== 'running' && kind !== 'ending') return this.#endAsked(key)
        const life = this.lives.get(key)
        if (life) life.handovers += 1
        return
      }
      case 'bye':
        this.everyEndAsked = true
        return
    }
  }

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
    return this.everyEndAsked || this.#asked.has(key)
  }

  #endAsked(key: string): void {
    this.#asked.add(key)
  }
}

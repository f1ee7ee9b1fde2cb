/** A crew in a simulated world, in the words of OTP's suite: groups are opened, members started, terminated and counted. */
import type { Reason } from '../../machines/events.ts'
import { type ChildSpec, childOf, type GroupSpec, placeOf } from '../../machines/members.ts'
import type { RestartPolicy, RestartType } from '../../machines/restart.ts'
import { childSpec, World, type WorldOptions } from './world.ts'

export const user: Reason = { kind: 'user', by: 'test' }

export type GroupGiven = Partial<Omit<GroupSpec, 'path' | 'restart' | 'intensity'>> & {
  readonly restarts?: number
  readonly withinMs?: number
  readonly restart?: RestartType
}

export interface MemberGiven {
  readonly type?: RestartType
  readonly significant?: boolean
  readonly noRetry?: readonly number[]
  readonly delayMs?: number
}

const NO_DELAY: RestartPolicy['backoff'] = { initialMs: 0, factor: 1, maxMs: 0, jitter: 0, resetAfterMs: 0 }

export class Crew extends World {
  #order = 0
  readonly #specs = new Map<string, ChildSpec>()

  constructor(options: WorldOptions = {}) {
    super({ launchable: true, stubborn: false, ...options })
  }

  /** OTP's suite says 2 restarts in an hour. */
  open(path: string, { restarts = 2, withinMs = 3_600_000, restart, ...more }: GroupGiven = {}): void {
    this.#order += 1
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : undefined
    const group: GroupSpec = {
      path,
      order: this.#order,
      strategy: 'one_for_one',
      intensity: { restarts, withinMs },
      autoShutdown: 'never',
      significant: false,
      restart: policy(restart ?? (parent === undefined ? 'temporary' : 'permanent')),
      ...more,
    }
    this.send({ type: 'OPEN', group, ...(parent !== undefined && { parent }) })
  }

  /** Starts a member, and lets it come up. */
  start(group: string, agentId: string, given: MemberGiven = {}): void {
    this.enlist(group, agentId, given)
    this.settle()
  }

  enlist(
    group: string,
    agentId: string,
    { type = 'permanent', significant = false, noRetry = [], delayMs = 0 }: MemberGiven = {},
  ): void {
    this.#order += 1
    const restart = { ...policy(type, delayMs), noRetry }
    const child = childSpec(agentId, { group, order: this.#order, significant, restart })
    this.#specs.set(agentId, child)
    this.send({ type: 'SPAWN', child })
  }

  /** A user restarts one that has ended. */
  again(agentId: string): void {
    const known = this.#specs.get(agentId)
    const last = this.end(agentId)
    if (!known || !last) throw new Error(`${agentId} has not ended`)
    this.send({ type: 'SPAWN', child: { ...known, incarnation: last.incarnation + 1, from: last.to } })
    this.settle()
  }

  settle(ms = 10_000): void {
    this.clock.advance(ms)
  }

  /** The process of an agent exits by itself. */
  exit(agentId: string, code = 1): void {
    const [life] = this.alive(agentId)
    if (!life) throw new Error(`${agentId} has no process`)
    this.crash(life, code)
  }

  /** As `exit`, and all that follows. */
  fell(agentId: string, code = 1): void {
    this.exit(agentId, code)
    this.settle()
  }

  stop(agentId: string): void {
    this.send({ type: 'STOP', agentId, reason: user })
  }

  stopGroup(path: string): void {
    this.send({ type: 'END_GROUP', path, reason: user, killAfterMs: 60_000 })
  }

  /** The number of the life that is up; 0: none. */
  life(agentId: string): number {
    return this.alive(agentId)[0]?.incarnation ?? 0
  }

  livesOf(...agentIds: string[]): number[] {
    return agentIds.map((agentId) => this.life(agentId))
  }

  state(path: string): string {
    const actor = this.root.getSnapshot().context.children.shared.places.get(placeOf(path))?.group
    const over = this.groups.findLast((told) => told.path === path && told.state !== 'giving_up')
    const value = actor?.getSnapshot().value as unknown
    if (value === undefined) return over?.state ?? 'unknown'
    return typeof value === 'string'
      ? value
      : Object.entries(value as object)
          .flat()
          .join('.')
  }

  isKept(agentId: string): boolean {
    return childOf(this.root.getSnapshot().context.children, agentId) !== undefined
  }

  /** What was told since: `agent state`, of the states given. */
  since(index: number, ...states: string[]): string[] {
    return this.told
      .slice(index)
      .filter(({ entry }) => entry.from !== entry.to && states.includes(entry.to))
      .map(({ entry }) => `${entry.agentId} ${entry.to}`)
  }

  end(agentId: string) {
    return this.told.findLast(({ entry, ended }) => ended && entry.agentId === agentId)?.entry
  }
}

const policy = (type: RestartType, delayMs = 0): RestartPolicy => ({
  type,
  backoff: delayMs === 0 ? NO_DELAY : { ...NO_DELAY, initialMs: delayMs, maxMs: delayMs },
  intensity: { restarts: 5, withinMs: 60_000 },
  noRetry: [],
})

/** The groups of one supervisor, by path: which are open, what they were opened with, and what became of them. */
import type { Reason } from '../machines/events.ts'
import type { GroupTold } from '../machines/keeping.ts'
import { type GroupSpec, placeOf } from '../machines/members.ts'
import { Deferred } from './deferred.ts'
import { ReeveError } from './errors.ts'
import type { Group } from './group.ts'
import type { GroupOptions } from './group-options.ts'
import type { GroupEnd, GroupRecord, GroupState } from './group-record.ts'
import { groupSpecOf } from './group-spec.ts'
import { isWithin } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import type { KeptGroup } from './specs.ts'

/** How many groups that are over are remembered, the newest of them. */
const OVER_KEPT = 1_000

/** What a supervisor holds of one group, over all its openings. */
export interface Standing {
  spec: GroupSpec
  /** As soon as someone has asked for it. */
  handle?: Group
  /** `null` while it is open. */
  over: GroupEnd | null
  /** When it was over, in monotonic milliseconds. */
  overAtMs: number
  ended: Deferred<GroupEnd>
}

const PATH_END = /\/[^/]*$/
/** The path of the group around it. */
export const parentOf = (path: string): string | undefined =>
  path.includes('/') ? path.replace(PATH_END, '') : undefined

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** Nobody has opened it here. */
export const groupNotFound = (path: string): ReeveError =>
  new ReeveError(
    'group_not_found',
    `no group is called ${JSON.stringify(path)}. Open it first: group(${JSON.stringify(path)}), or reeve group open ${path}`,
    { field: 'group' },
  )

export class Groups {
  readonly #runtime: Runtime
  readonly #byPath = new Map<string, Standing>()
  /** Those of them that are over, the oldest end first: an inner one before the one around it. */
  readonly #over = new Set<Standing>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /**
   * Opens a group; one that is open is returned as it is. One that is over is opened anew, without options as it was
   * before.
   *
   * @throws ReeveError `invalid_spec`, `group_not_found`, `group_over`
   */
  open(path: string, options: GroupOptions | undefined, handle: (standing: Standing) => Group): Group {
    const known = this.#byPath.get(path)
    const parent = parentOf(path)
    if (parent !== undefined) this.refuseClosed(parent)
    const around = parent === undefined ? undefined : this.#byPath.get(parent)?.spec
    const order = known?.spec.order ?? this.#runtime.nextOrder()
    const spec = options || !known ? groupSpecOf(path, order, options ?? {}, around) : known.spec
    if (!known?.over && known) {
      if (options && JSON.stringify(spec) !== JSON.stringify(known.spec))
        this.#runtime.listeners.warn({
          code: 'invalid_spec',
          message: `group ${path} is open; the differing options were not used`,
        })
      return handleOf(known, handle)
    }
    return handleOf(this.#stand({ spec }), handle)
  }

  /** Opens it as it was under a supervisor before; one that is known is left as it is. */
  restore(kept: KeptGroup): void {
    const { path, order = 0 } = kept.spec
    if (this.#byPath.has(path)) return
    this.#runtime.placed(order)
    this.#stand(kept)
  }

  /** Its end is asked for: a successor goes on with that. */
  end(path: string, reason: Reason, killAfterMs: number): void {
    const standing = this.#byPath.get(path)
    if (!standing || standing.over) return
    this.#runtime.specs?.keepGroup({ spec: standing.spec, ending: reason })
    this.#runtime.turns.endWithin(path, reason)
    this.#runtime.send({ type: 'END_GROUP', path, reason, killAfterMs })
  }

  #stand(kept: KeptGroup): Standing {
    const { spec } = kept
    const parent = parentOf(spec.path)
    const known = this.#byPath.get(spec.path)
    const standing: Standing = known ?? { spec, over: null, overAtMs: 0, ended: new Deferred() }
    if (standing.over) standing.ended = new Deferred()
    standing.spec = spec
    standing.over = null
    this.#over.delete(standing)
    this.#byPath.set(spec.path, standing)
    this.#runtime.specs?.keepGroup(kept)
    this.#runtime.send({ type: 'OPEN', group: spec, ...(parent !== undefined && { parent }) })
    return standing
  }

  get(path: string): Standing | undefined {
    return this.#byPath.get(path)
  }

  /** One that was opened here, and is not forgotten. Nothing is opened. */
  find(path: string, handle: (standing: Standing) => Group): Group | undefined {
    const known = this.#byPath.get(path)
    return known && handleOf(known, handle)
  }

  record({ spec, over }: Standing): GroupRecord {
    const { path, strategy, intensity, autoShutdown, restart, significant } = spec
    const { roster } = this.#runtime
    return {
      path,
      name: nameOf(path),
      group: parentOf(path) ?? null,
      state: over?.state ?? this.state(path),
      cause: over?.cause ?? null,
      agents: over ? 0 : roster.live().filter(({ plan }) => isWithin(plan.group, path)).length,
      strategy,
      intensity,
      autoShutdown,
      restart: restart.type,
      significant,
    }
  }

  /** A group and those around it, the outermost first: all that a successor needs to open it again. */
  around(path: string): GroupSpec[] {
    const parent = parentOf(path)
    const own = this.#byPath.get(path)?.spec
    return [...(parent === undefined ? [] : this.around(parent)), ...(own ? [own] : [])]
  }

  /** How one stands that is not over. */
  state(path: string): GroupState {
    return stateOf(this.actor(path)?.getSnapshot().value)
  }

  /** The root, then every group, those that are over too; each after the one around it. */
  records(): GroupRecord[] {
    const { root, roster } = this.#runtime
    const rootRecord: GroupRecord = {
      path: '',
      name: '',
      group: null,
      state: stateOf(root.getSnapshot().value),
      cause: null,
      agents: roster.live().length,
      strategy: 'one_for_one',
      intensity: false,
      autoShutdown: 'never',
      restart: 'temporary',
      significant: false,
    }
    return [rootRecord, ...[...this.#byPath.values()].map((standing) => this.record(standing))]
  }

  actor(path: string) {
    return this.#runtime.root.getSnapshot().context.children.shared.places.get(placeOf(path))?.group
  }

  /** @throws ReeveError `group_not_found`, `group_over` */
  refuseClosed(path: string): void {
    if (this.#byPath.has(path)) this.refuseOver(path)
    else throw groupNotFound(path)
  }

  /** @throws ReeveError `group_over` */
  refuseOver(path: string): void {
    const over = this.#byPath.get(path)?.over
    const place = this.#runtime.root.getSnapshot().context.children.shared.places.get(placeOf(path))
    if (!over && place?.children.closing !== 'for_good') return
    const { state, cause } = over ?? { state: this.state(path), cause: '' }
    const why = cause === '' ? '' : ` (${cause})`
    throw new ReeveError(
      'group_over',
      `group ${path} is ${state}${why}: it takes no agents. Open it anew with group(${JSON.stringify(path)})${over ? '' : ', once it is over'}.`,
    )
  }

  /** From the machines. */
  told({ path, state, cause }: GroupTold): void {
    const standing = this.#byPath.get(path)
    if (!standing) return
    if (state === 'giving_up') {
      const message = `group ${path} gives up: ${cause}. All its members are ended.`
      this.#runtime.listeners.warn({ code: 'group_gave_up', message })
      return
    }
    this.#isOver(standing, { state, cause })
    this.#runtime.turns.endWithin(path, {
      kind: 'strategy',
      by: 'supervisor',
      message: `group ${path}: ${cause}`,
    })
  }

  /** The supervisor has stopped: its groups went with it, and not each of them could still tell. */
  close(): void {
    for (const standing of [...this.#byPath.values()].reverse())
      if (!standing.over) this.#isOver(standing, { state: 'stopped', cause: 'shutdown' })
  }

  /** Those that were over so long ago. A handle that somebody holds still tells how its group ended. */
  forgetOver(agoMs: number): void {
    const beforeMs = this.#runtime.clock.now() - agoMs
    for (const standing of this.#over) {
      if (standing.overAtMs > beforeMs) return
      this.#forget(standing)
    }
  }

  #isOver(standing: Standing, end: GroupEnd): void {
    const { clock, specs } = this.#runtime
    standing.over = end
    standing.overAtMs = clock.now()
    this.#over.delete(standing)
    this.#over.add(standing)
    specs?.dropGroup(standing.spec.path)
    for (const oldest of this.#over) {
      if (this.#over.size <= OVER_KEPT) break
      this.#forget(oldest)
    }
    standing.ended.resolve(end)
  }

  #forget(standing: Standing): void {
    this.#over.delete(standing)
    this.#byPath.delete(standing.spec.path)
  }
}

function stateOf(value: unknown): GroupState {
  // Asked for within the root's own turn: it is about to be opened.
  if (value === undefined) return 'running'
  return (typeof value === 'string' ? value : Object.keys(value as object)[0]) as GroupState
}

function handleOf(standing: Standing, handle: (standing: Standing) => Group): Group {
  standing.handle ??= handle(standing)
  return standing.handle
}

/** The handle of one group, over all its openings. */
import type { AnyActorRef } from 'xstate'
import type { Agent } from './agent.ts'
import {
  type GroupOptions,
  groupPathSchema,
  type StopGroupOptions,
  type StopGroupResult,
} from './group-options.ts'
import type { GroupEnd, GroupRecord, GroupState } from './group-record.ts'
import { nameOf, type Standing } from './groups.ts'
import type { GroupHandle } from './reeve.ts'
import type { AgentRecord, RecordFilter } from './registry/record.ts'
import type { Runtime } from './runtime.ts'
import { refuseWhenStopping, spawnAgent } from './spawning.ts'
import type { AgentSpec } from './spec.ts'
import { stopGroup } from './stop-group.ts'
import { parseStrictly } from './strict.ts'
import type { Supervisor } from './supervisor.ts'

/** @throws ReeveError `invalid_spec`, `group_not_found`, `group_over`, `supervisor_stopping` */
export function openGroup(
  runtime: Runtime,
  supervisor: Supervisor,
  around: string | undefined,
  name: string,
  options: GroupOptions | undefined,
): Group {
  parseStrictly(groupPathSchema, name, 'path')
  refuseWhenStopping(supervisor, 'open a group')
  const path = around === undefined ? name : `${around}/${name}`
  return runtime.groups.open(path, options, (standing) => new Group(standing, runtime, supervisor))
}

/** `undefined` for one that was never opened here, or is forgotten. Nothing is opened. */
export function findGroup(runtime: Runtime, supervisor: Supervisor, path: string): Group | undefined {
  parseStrictly(groupPathSchema, path, 'path')
  return runtime.groups.find(path, (standing) => new Group(standing, runtime, supervisor))
}

export class Group implements GroupHandle {
  /** Its name, after those of the groups around it: `crew/inner`. Records and entries of its agents bear it as `group`. */
  readonly path: string
  readonly #runtime: Runtime
  readonly #supervisor: Supervisor
  /** As this handle was got: what it goes by once the group is forgotten. */
  readonly #own: Standing

  /** @internal Groups come from `supervisor.group()`. */
  constructor(standing: Standing, runtime: Runtime, supervisor: Supervisor) {
    this.path = standing.spec.path
    this.#own = standing
    this.#runtime = runtime
    this.#supervisor = supervisor
  }

  get name(): string {
    return nameOf(this.path)
  }

  get state(): GroupState {
    return this.#standing.over?.state ?? this.#runtime.groups.state(this.path)
  }

  /** What it was opened with, how it stands, and how many agents it has. */
  get record(): GroupRecord {
    return this.#runtime.groups.record(this.#standing)
  }

  /** The XState actor of the group; `undefined` when it is over. */
  get actor(): AnyActorRef | undefined {
    return this.#runtime.groups.actor(this.path)
  }

  /** Resolves when it is over: no member lives, and none comes back. Opened anew, it has another such promise. */
  get ended(): Promise<GroupEnd> {
    return this.#standing.ended.promise
  }

  /**
   * As `supervisor.spawn`, for a member of this group. By default it is `permanent`, and the group's intensity counts
   * alone. While the group regroups, a new member begins with the others.
   *
   * @throws ReeveError `group_over`, `invalid_spec`, `name_taken`, `supervisor_stopping`
   */
  spawn(spec: AgentSpec): Agent {
    return spawnAgent(this.#runtime, this.#supervisor, spec, this.path)
  }

  /** A group within this one, under its strategy and intensity; by default it is `permanent`. See `supervisor.group`. */
  group(name: string, options?: GroupOptions): Group {
    return openGroup(this.#runtime, this.#supervisor, this.path, name, options)
  }

  /** The records of its agents that have not ended, and of those in groups within it. */
  list(filter: Omit<RecordFilter, 'group'> = {}): AgentRecord[] {
    return this.#supervisor.list({ ...filter, group: this.path })
  }

  /**
   * Ends all its members, the last spawned first, each after the one behind it is gone (side by side in a
   * `one_for_one` group), and then the group. Nobody starts it again: that is what `group(name)` does. Resolves at the
   * latest after `timeout`; what still lives by then is named, and goes on being ended.
   */
  stop(options: StopGroupOptions = {}): Promise<StopGroupResult> {
    return stopGroup(this.#runtime, this.path, options)
  }

  /** Forgotten and opened anew, it is that one. */
  get #standing(): Standing {
    return this.#runtime.groups.get(this.path) ?? this.#own
  }
}

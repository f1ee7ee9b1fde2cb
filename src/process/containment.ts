/**
 * Gives each life a control group of its own, where this is possible, and takes it away after its end.
 *
 * An agent enters before it executes, by a shell that becomes it: what is moved afterwards has forked by then.
 */
import { realClock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { type ControlGroup, ControlGroups } from './control-groups.ts'
import { sleep } from './deadline.ts'
import { isSurelyExecuted } from './executable.ts'
import type { Execution } from './launch-errors.ts'
import type { ContainmentMode, LauncherEvents, LifeTerms } from './launcher.ts'

/** What has been killed may take a moment to leave its group. */
const REMOVE_WITHIN_MS = 2_000
const FIRST_WAIT_MS = 2
const LAST_WAIT_MS = 100

/** A name that every shell hands on as it is. */
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** Names that some shell sets anew. */
const SHELLS_OWN = new Set(['IFS', 'OPTIND', 'LINENO', 'PPID', 'UID', 'EUID', 'BASHOPTS', 'SHELLOPTS'])

const ENTER = '{ echo 0 >"$0"; } 2>/dev/null || echo "reeve: the control group $0 could not be entered" >&2; '

/** The command that enters this group and becomes the program. A shell sets PWD: it is put back. */
export function entering(group: ControlGroup, { command, env }: Execution): [string, ...string[]] {
  const { PWD } = env
  const script = `${ENTER}${PWD === undefined ? 'unset PWD; ' : 'PWD=$1; shift; '}exec "$@"`
  return ['/bin/sh', '-c', script, group.door, ...(PWD === undefined ? [] : [PWD]), ...command]
}

/** The variables that would not reach the agent through a shell. */
export const lostInShell = (env: Execution['env']): string[] =>
  Object.keys(env).filter((name) => !PLAIN_NAME.test(name) || SHELLS_OWN.has(name))

export class Containment {
  readonly #warning: LauncherEvents['warning']
  readonly #removals = new Set<Promise<void>>()
  readonly #warned = new Set<string>()
  #mode: ContainmentMode = 'auto'
  /** `null`: not looked for yet. */
  #groups: ControlGroups | undefined | null = null

  constructor(warning: LauncherEvents['warning']) {
    this.#warning = warning
  }

  /** How those that are started from now on are contained. */
  use(mode: ContainmentMode): void {
    this.#mode = mode
    if (mode === 'auto') this.#attempt('leftovers', () => this.#open()?.clearLeftovers())
  }

  /** Whether this one can be given a group: to be asked before the fork. */
  async admits({ detachOk }: LifeTerms, execution: Execution): Promise<boolean> {
    // What may live on is what left the leader's session; the rest is found by that session, and cannot leave it.
    if (this.#mode === 'none' || detachOk || this.#open() === undefined) return false
    const lost = lostInShell(execution.env)
    if (lost.length > 0) {
      const what = `an environment with ${lost.join(', ')}`
      this.#warnOnce('names', `Agents with ${what} run without a control group: a shell would change these.`)
      return false
    }
    return isSurelyExecuted(execution)
  }

  make(marker: string): ControlGroup | undefined {
    return this.#attempt('made', () => this.#open()?.make(marker))
  }

  /** The group of a life that another launcher forked. */
  find(marker: string): ControlGroup | undefined {
    return this.#attempt('looked for', () => this.#open()?.find(marker))
  }

  /** Its life is over. What cannot be ended keeps it; a later launcher takes it away. */
  remove(group: ControlGroup): void {
    const removal = this.#remove(group).finally(() => this.#removals.delete(removal))
    this.#removals.add(removal)
  }

  /** Resolves when every removal that was begun has come to its end. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals)
  }

  async #remove(group: ControlGroup): Promise<void> {
    const untilMs = realClock.now() + REMOVE_WITHIN_MS
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LAST_WAIT_MS)) {
      const isOver = this.#attempt('removed', () => group.remove()) ?? true
      if (isOver || realClock.now() >= untilMs) return
      await sleep(realClock, waitMs)
    }
  }

  #open(): ControlGroups | undefined {
    if (this.#groups === null) this.#groups = ControlGroups.open()
    return this.#groups
  }

  #attempt<T>(what: string, act: () => T): T | undefined {
    try {
      return act()
    } catch (error) {
      this.#warnOnce(what, `A control group could not be ${what}: ${messageOf(error)}`, error)
      return undefined
    }
  }

  #warnOnce(about: string, message: string, cause?: unknown): void {
    if (this.#warned.has(about)) return
    this.#warned.add(about)
    this.#warning(message, cause)
  }
}

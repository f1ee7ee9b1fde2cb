/**
 * Commands that are run for a life, beside it: clean-up hooks, probes. Each has a session of its own and a time limit, and
 * is over when its whole tree is. Raw `child_process`, acting on `exit`: whoever still holds the output of a command that
 * has ended delays nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { type LifeAddress, lifeKey } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { errnoOf, messageOf } from '../errors.ts'
import { LATE, within } from './deadline.ts'
import { identify } from './identity.ts'
import { type Environment, environmentFor } from './launch.ts'
import { cwdFailure, type Execution, explain } from './launch-errors.ts'
import type { CommandEnd, CommandOrder, LauncherEvents, LifeTerms } from './launcher.ts'
import { Life } from './life.ts'
import { newMarker } from './marker.ts'
import { Reaper } from './reaper.ts'
import { removeFolder } from './remove-folder.ts'
import type { Spared } from './spared.ts'
import { Watch } from './watch.ts'

export interface CommandsOptions {
  /** What every command inherits. */
  readonly env: () => Environment
  readonly spared: Spared
  readonly clock: Clock
  readonly warning: LauncherEvents['warning']
}

/** How much of its last words is kept, and told. */
const KEPT_BYTES = 2048
const TOLD_CHARACTERS = 300
/** What a command wrote just before it ended may still be on its way. */
const LAST_WORDS_MS = 50

/** A command has neither ladder nor log of its own, and nobody adopts it. */
const BARE = {
  logFile: '',
  logLimits: { maxBytes: 0, keep: 0 },
  reportFile: null,
  control: null,
  fifo: null,
  rungs: [],
  detachOk: false,
  onSupervisorDeath: 'end',
  adoptForMs: 0,
  cleanup: null,
} as const satisfies Partial<LifeTerms>

const FINE: CommandEnd = { failure: null }

export class Commands {
  readonly #options: CommandsOptions
  readonly #reaper: Reaper
  /** Those under way, by the life that they are for. */
  readonly #open = new Map<Promise<CommandEnd>, string>()

  constructor(options: CommandsOptions) {
    const { spared, clock, warning } = options
    this.#options = options
    this.#reaper = new Reaper({ spared, clock, warning, watch: new Watch(clock, () => {}) })
  }

  /** Never rejects: what went wrong is its answer. Aborted, it is ended at once. */
  async run(order: CommandOrder, over: AbortSignal): Promise<CommandEnd> {
    const running = this.#run(order, over).catch((error: unknown) => ({ failure: messageOf(error) }))
    this.#open.set(running, lifeKey(order))
    try {
      return await running
    } finally {
      this.#open.delete(running)
    }
  }

  get busy(): boolean {
    return this.#open.size > 0
  }

  /** Settles when none is under way: none at all, or none of this life. */
  async idle(life?: LifeAddress): Promise<void> {
    const isOf = (key: string) => life === undefined || key === lifeKey(life)
    const open = () => [...this.#open].filter(([, key]) => isOf(key)).map(([running]) => running)
    while (open().length > 0) await Promise.all(open())
  }

  async #run(order: CommandOrder, over: AbortSignal): Promise<CommandEnd> {
    const { what } = order
    switch (what.kind) {
      case 'command':
        return this.#command(order, what, over)
      case 'remove':
        return this.#remove(order, what.folder, over)
      case 'end':
        return this.#end(order)
      default:
        return what satisfies never
    }
  }

  async #command(order: CommandOrder, what: WhatCommand, over: AbortSignal): Promise<CommandEnd> {
    const { clock, env } = this.#options
    const wrong = await cwdFailure(what.cwd)
    if (wrong !== undefined) return { failure: wrong.message }
    if (over.aborted) return { failure: 'it was not started' }
    const execution = { ...what, env: environmentFor(env(), { ...order, env: what.env }) }
    const words = what.logFile === null ? new PipedWords() : new LoggedWords(what.logFile)
    try {
      const child = await startCommand(execution, words)
      if (!('child' in child)) return child
      const life = this.#lifeOf(order)
      life.spawned(child.process, undefined)
      child.child.once('exit', (code, signal) => life.ended({ code, signal }))
      // It may have ended, and been waited for, while its start was being confirmed.
      if (child.child.exitCode !== null || child.child.signalCode !== null) life.ended(undefined)
      const late =
        (await overOrHalted(life, over, (either) => within(clock, either, order.timeoutMs))) === LATE
      const isOver = life.phase === 'over'
      const left = await this.#clear(
        life,
        order,
        isOver && what.logFile === null ? child.process.pid : undefined,
      )
      if (late && !isOver)
        return failure(`it did not end within ${order.timeoutMs} ms`, await words.last(clock), left)
      if (!isOver) return failure('it was halted', '', left)
      const { exitCode, signalCode } = child.child
      if (exitCode === 0 && left.length === 0) return FINE
      const how = signalCode === null ? `it exited with code ${exitCode}` : `it was ended by ${signalCode}`
      return failure(how, await words.last(clock), left)
    } finally {
      words.close()
    }
  }

  /** Ends what is left of it: a hook may have something to put away, a probe has not. A probe that has ended leaves at most its group: one that fled is found with the agent's tree. */
  async #clear(life: Life, order: CommandOrder, onlyGroup: number | undefined): Promise<readonly number[]> {
    if (onlyGroup !== undefined && !isGroup(onlyGroup)) return []
    const options = { gentle: order.hook !== null, killWaitMs: order.killWaitMs }
    const { escaped } = await this.#reaper.sweep(life, options).done
    return escaped
  }

  async #remove(order: CommandOrder, folder: string, over: AbortSignal): Promise<CommandEnd> {
    const late = new AbortController()
    const removing = removeFolder(folder, AbortSignal.any([over, late.signal]))
    try {
      if ((await within(this.#options.clock, removing, order.timeoutMs)) !== LATE) return FINE
      late.abort()
      removing.catch(() => {
        // It was let go of, and that is told.
      })
      return failure(`${folder} was not removed within ${order.timeoutMs} ms`, '', [])
    } catch (error) {
      return failure(`${folder} could not be removed: ${messageOf(error)}`, '', [])
    }
  }

  /** Whatever carries the marker of a command that its launcher did not see end. */
  async #end(order: CommandOrder): Promise<CommandEnd> {
    const life = this.#lifeOf(order)
    life.mayHaveTree = true
    const { escaped } = await this.#reaper.sweep(life, { gentle: true, killWaitMs: order.killWaitMs }).done
    return failure('the launcher died while it ran; what was left of it was ended', '', escaped)
  }

  /** A probe carries the marker of its agent: searched for by that, the agent would be found as well, and ended. */
  #lifeOf({ agentId, incarnation, marker: own, killWaitMs, hook }: CommandOrder): Life {
    const marker = hook === null ? newMarker() : own
    return new Life({ ...BARE, agentId, incarnation, marker, killWaitMs }, this.#options.spared)
  }
}

/** What `wait` makes of its end or the halt, whichever comes first. The signal may outlive a thousand commands: none holds on to it. */
async function overOrHalted<T>(
  life: Life,
  over: AbortSignal,
  wait: (either: Promise<void>) => Promise<T>,
): Promise<T> {
  let halt = (): void => {}
  const halted = new Promise<void>((resolve) => {
    halt = resolve
  })
  if (over.aborted) halt()
  over.addEventListener('abort', halt, { once: true })
  try {
    return await wait(Promise.race([life.over, halted]))
  } finally {
    over.removeEventListener('abort', halt)
  }
}

type WhatCommand = Extract<CommandOrder['what'], { kind: 'command' }>

const failure = (how: string, lastWords: string, left: readonly number[]): CommandEnd => ({
  failure: [how, lastWords, left.length > 0 ? `still there: pid ${left.join(', ')}` : '']
    .filter((part) => part !== '')
    .join(': '),
})

/** Whether anyone is left in the group of a command that has ended. */
function isGroup(id: number): boolean {
  try {
    process.kill(-id, 0)
    return true
  } catch (error) {
    return errnoOf(error) === 'EPERM'
  }
}

async function startCommand(
  execution: Execution,
  words: Words,
): Promise<{ child: ChildProcess; process: NonNullable<ReturnType<typeof identify>> } | CommandEnd> {
  const { command, cwd, env } = execution
  const [program, ...args] = command
  try {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', words.fd, words.fd] })
    const identity = child.pid === undefined ? undefined : identify(child.pid)
    if (identity === undefined) {
      const error = await new Promise((resolve) => child.once('error', resolve))
      return { failure: (await explain(execution, error)).message }
    }
    child.unref()
    words.of(child)
    return { child, process: identity }
  } catch (error) {
    return { failure: (await explain(execution, error)).message }
  }
}

/** What a command says, and the last of it. */
interface Words {
  readonly fd: number | 'pipe'
  of(child: ChildProcess): void
  /** Its last line. */
  last(clock: Clock): Promise<string>
  close(): void
}

/** Kept for the answer alone. */
class PipedWords implements Words {
  readonly fd = 'pipe'
  #child: ChildProcess | undefined
  #kept = Buffer.alloc(0)

  of(child: ChildProcess): void {
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#kept = Buffer.concat([this.#kept, chunk.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES)
      })
  }

  async last(clock: Clock): Promise<string> {
    const { stdout, stderr } = this.#child ?? {}
    const ends = [stdout, stderr].map((stream) =>
      stream && !stream.closed ? new Promise((resolve) => stream.once('close', resolve)) : undefined,
    )
    await within(clock, Promise.all(ends), LAST_WORDS_MS)
    return lastLine(this.#kept)
  }

  close(): void {
    this.#child?.stdout?.destroy()
    this.#child?.stderr?.destroy()
  }
}

/** Appended to the log of the agent. */
class LoggedWords implements Words {
  readonly fd: number
  readonly #startBytes: number

  constructor(file: string) {
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
    this.fd = openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
    this.#startBytes = fstatSync(this.fd).size
  }

  of(): void {}

  async last(): Promise<string> {
    const { size } = fstatSync(this.fd)
    // Shorter than it was: the log was rotated meanwhile.
    const from = Math.max(size < this.#startBytes ? 0 : this.#startBytes, size - KEPT_BYTES)
    const bytes = Buffer.alloc(size - from)
    return lastLine(bytes.subarray(0, readSync(this.fd, bytes, 0, bytes.length, from)))
  }

  close(): void {
    closeSync(this.fd)
  }
}

function lastLine(bytes: Buffer): string {
  const lines = stripVTControlCharacters(bytes.toString('utf8')).split(/\r?\n|\r/)
  const line = lines.map((each) => each.replace(/\p{Cc}/gu, ' ').trim()).findLast((each) => each !== '') ?? ''
  return line.length > TOLD_CHARACTERS ? `${line.slice(0, TOLD_CHARACTERS - 1)}…` : line
}

/**
 * The specs of the agents that have not ended, for a successor: no registry shows an environment, and none knows a stop
 * ladder. Beside them the groups that are open: one without members stands in no spec. One file per supervisor,
 * `specs/<supervisorId>.ndjson` in the home (0600), to which a line is added for each that begins and each that is over:
 * that costs a few microseconds, where making a file costs a millisecond on some disks, and `spawn()` waits for nobody.
 * A torn last line is an agent that was not begun.
 */
import fs from 'node:fs'
import path from 'node:path'
import type { Reason } from '../machines/events.ts'
import type { GroupSpec } from '../machines/members.ts'
import { errnoOf, messageOf } from './errors.ts'

/** What is kept of one agent. */
export interface KeptSpec {
  readonly id: string
  /** From which the marker of each of its lives is derived. */
  readonly seed: string
  /** The spec with every default laid under it, as `spawn` takes it; see `storedSpec`. */
  readonly spec: unknown
  /** The spec as it was given, to tell whether a second one with the same `id` differs. */
  readonly given: string
}

/** What is kept of one group. */
export interface KeptGroup {
  readonly spec: GroupSpec
  /** Its end was asked for, and is under way. */
  readonly ending?: Reason
}

export interface Specs {
  /** What supervisors before left. It is in the file of this one already. */
  readonly left: ReadonlyMap<string, KeptSpec>
  /** The groups that were open then, by path, each after the one around it. */
  readonly leftGroups: ReadonlyMap<string, KeptGroup>
  keep(spec: KeptSpec): void
  /** It has ended, and no further life follows. */
  drop(id: string): void
  keepGroup(group: KeptGroup): void
  /** It is over. */
  dropGroup(path: string): void
  /** Removes the file when nobody is in it any more. */
  close(): void
}

export interface SpecsOptions {
  readonly dir: string
  readonly supervisorId: string
  /** A file cannot be read or written: it goes on as well as it can. */
  readonly trouble: (message: string, cause?: unknown) => void
}

type Line =
  | { readonly add: KeptSpec }
  | { readonly drop: string }
  | { readonly open: KeptGroup }
  | { readonly over: string }

/** A file of more than this, of which less than a quarter is needed, is written anew. */
const ROLL_BYTES = 1024 * 1024
const ROLL_SHARE = 4

export class SpecFile implements Specs {
  readonly left: ReadonlyMap<string, KeptSpec>
  readonly leftGroups: ReadonlyMap<string, KeptGroup>
  readonly #options: SpecsOptions
  readonly #path: string
  /** The line of each agent that has not ended, by id, and of each group that is open, by `/` and its path. */
  readonly #lines = new Map<string, string>()
  #fd: number
  #bytes = 0
  #neededBytes = 0

  /** Takes over what supervisors before left: their files are gone when this returns. Throws what the disk says. */
  constructor(options: SpecsOptions) {
    const { dir, supervisorId } = options
    this.#options = options
    this.#path = path.join(dir, `${supervisorId}.ndjson`)
    const before = fs.readdirSync(dir).sort()
    const { agents, groups } = readAll(dir, before, options.trouble)
    this.left = agents
    this.leftGroups = groups
    for (const group of groups.values()) this.#remember(keyOf(group.spec.path), { open: group })
    for (const spec of agents.values()) this.#remember(spec.id, { add: spec })
    this.#fd = this.#write()
    for (const name of before) if (name !== path.basename(this.#path)) fs.rmSync(path.join(dir, name))
  }

  keep(spec: KeptSpec): void {
    this.drop(spec.id)
    this.#append(this.#remember(spec.id, { add: spec }))
  }

  drop(id: string): void {
    this.#drop(id, { drop: id })
  }

  keepGroup(group: KeptGroup): void {
    const key = keyOf(group.spec.path)
    const before = this.#lines.get(key)
    if (before === textOf({ open: group })) return
    // What is written later counts: nothing has to be dropped first, and it keeps its place.
    if (before !== undefined) this.#neededBytes -= Buffer.byteLength(before)
    this.#append(this.#remember(key, { open: group }))
  }

  dropGroup(path: string): void {
    this.#drop(keyOf(path), { over: path })
  }

  #drop(key: string, dropped: Line): void {
    const line = this.#lines.get(key)
    if (line === undefined) return
    this.#lines.delete(key)
    this.#neededBytes -= Buffer.byteLength(line)
    if (this.#lines.size === 0 && this.#bytes > ROLL_BYTES) this.#roll()
    else {
      this.#append(textOf(dropped))
      if (this.#bytes > ROLL_BYTES && this.#neededBytes * ROLL_SHARE < this.#bytes) this.#roll()
    }
  }

  close(): void {
    fs.closeSync(this.#fd)
    if (this.#lines.size === 0) fs.rmSync(this.#path, { force: true })
  }

  #remember(key: string, kept: Line): string {
    const line = textOf(kept)
    this.#lines.set(key, line)
    this.#neededBytes += Buffer.byteLength(line)
    return line
  }

  #append(line: string): void {
    try {
      const bytes = Buffer.from(line)
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.#fd, bytes, at)
      this.#bytes += bytes.length
    } catch (cause) {
      this.#trouble(cause)
      this.#cut()
    }
  }

  /** A part of a line may stand there now: what follows must not be taken for its end. */
  #cut(): void {
    try {
      fs.ftruncateSync(this.#fd, this.#bytes)
    } catch (cause) {
      this.#trouble(cause)
    }
  }

  #roll(): void {
    try {
      const fd = this.#write()
      fs.closeSync(this.#fd)
      this.#fd = fd
    } catch (cause) {
      this.#trouble(cause)
    }
  }

  /** All that is needed, under another name first: there is a whole file at any moment. */
  #write(): number {
    const { O_CREAT, O_TRUNC, O_APPEND, O_WRONLY, O_NOFOLLOW } = fs.constants
    const next = `${this.#path}.new`
    const fd = fs.openSync(next, O_CREAT | O_TRUNC | O_APPEND | O_WRONLY | O_NOFOLLOW, 0o600)
    try {
      const bytes = Buffer.from([...this.#lines.values()].join(''))
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at)
      fs.renameSync(next, this.#path)
      this.#bytes = bytes.length
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
    return fd
  }

  #trouble(cause: unknown): void {
    const message = `${this.#path} cannot be written: ${messageOf(cause)}. A successor will end agents that it finds no spec of.`
    this.#options.trouble(message, cause)
  }
}

function readAll(
  dir: string,
  names: readonly string[],
  trouble: SpecsOptions['trouble'],
): { agents: Map<string, KeptSpec>; groups: Map<string, KeptGroup> } {
  const agents = new Map<string, KeptSpec>()
  const groups = new Map<string, KeptGroup>()
  for (const name of names) {
    // What a supervisor had not written to its end is in the file that it was to replace.
    if (!name.endsWith('.ndjson')) continue
    const file = path.join(dir, name)
    const lines = readFile(file).split('\n').slice(0, -1)
    for (const [i, text] of lines.entries()) {
      const line = parsed(text)
      if (line === undefined) trouble(`${file} cannot be read in line ${i + 1}`)
      else if ('add' in line) agents.set(line.add.id, line.add)
      else if ('open' in line) groups.set(line.open.spec.path, line.open)
      else if ('over' in line) groups.delete(line.over)
      else agents.delete(line.drop)
    }
  }
  return { agents, groups }
}

/** No agent's id holds a slash. */
const keyOf = (group: string): string => `/${group}`

const textOf = (line: Line): string => `${JSON.stringify(line)}\n`

/** One that is gone meanwhile has nothing to say. */
function readFile(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}

function parsed(text: string): Line | undefined {
  try {
    const line = JSON.parse(text) as Line
    if ('drop' in line || 'over' in line) return line
    const isWhole =
      'open' in line ? typeof line.open.spec.path === 'string' : typeof line.add.seed === 'string'
    return isWhole ? line : undefined
  } catch {
    return undefined // the caller says so
  }
}

/**
 * The specs of the agents that have not ended, for a successor: no registry shows an environment, and none knows a stop
 * ladder. One file per supervisor, `specs/<supervisorId>.ndjson` in the home (0600), to which a line is added for each
 * agent that begins and each that has ended: that costs a few microseconds, where making a file costs a millisecond on
 * some disks, and `spawn()` waits for nobody. A torn last line is an agent that was not begun.
 */
import fs from 'node:fs'
import path from 'node:path'
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

export interface Specs {
  /** What supervisors before left. It is in the file of this one already. */
  readonly left: ReadonlyMap<string, KeptSpec>
  keep(spec: KeptSpec): void
  /** It has ended, and no further life follows. */
  drop(id: string): void
  /** Removes the file when no agent is in it any more. */
  close(): void
}

export interface SpecsOptions {
  readonly dir: string
  readonly supervisorId: string
  /** A file cannot be read or written: it goes on as well as it can. */
  readonly trouble: (message: string, cause?: unknown) => void
}

type Line = { readonly add: KeptSpec } | { readonly drop: string }

/** A file of more than this, of which less than a quarter is needed, is written anew. */
const ROLL_BYTES = 1024 * 1024
const ROLL_SHARE = 4

export class SpecFile implements Specs {
  readonly left: ReadonlyMap<string, KeptSpec>
  readonly #options: SpecsOptions
  readonly #path: string
  /** The line of each agent that has not ended. */
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
    this.left = readAll(dir, before, options.trouble)
    for (const spec of this.left.values()) this.#remember(spec)
    this.#fd = this.#write()
    for (const name of before) if (name !== path.basename(this.#path)) fs.rmSync(path.join(dir, name))
  }

  keep(spec: KeptSpec): void {
    this.drop(spec.id)
    this.#append(this.#remember(spec))
  }

  drop(id: string): void {
    const line = this.#lines.get(id)
    if (line === undefined) return
    this.#lines.delete(id)
    this.#neededBytes -= Buffer.byteLength(line)
    if (this.#lines.size === 0 && this.#bytes > ROLL_BYTES) this.#roll()
    else {
      this.#append(`${JSON.stringify({ drop: id } satisfies Line)}\n`)
      if (this.#bytes > ROLL_BYTES && this.#neededBytes * ROLL_SHARE < this.#bytes) this.#roll()
    }
  }

  close(): void {
    fs.closeSync(this.#fd)
    if (this.#lines.size === 0) fs.rmSync(this.#path, { force: true })
  }

  #remember(spec: KeptSpec): string {
    const line = `${JSON.stringify({ add: spec } satisfies Line)}\n`
    this.#lines.set(spec.id, line)
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
): Map<string, KeptSpec> {
  const specs = new Map<string, KeptSpec>()
  for (const name of names) {
    // What a supervisor had not written to its end is in the file that it was to replace.
    if (!name.endsWith('.ndjson')) continue
    const file = path.join(dir, name)
    const lines = textOf(file).split('\n').slice(0, -1)
    for (const [i, text] of lines.entries()) {
      const line = parsed(text)
      if (line === undefined) trouble(`${file} cannot be read in line ${i + 1}`)
      else if ('add' in line) specs.set(line.add.id, line.add)
      else specs.delete(line.drop)
    }
  }
  return specs
}

/** One that is gone meanwhile has nothing to say. */
function textOf(file: string): string {
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
    return 'drop' in line || typeof line.add?.seed === 'string' ? line : undefined
  } catch {
    return undefined // the caller says so
  }
}

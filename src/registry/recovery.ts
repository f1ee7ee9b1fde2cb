/** What supervisors that are gone had written ahead and not committed: a successor brings it to the registry first. */
import fs from 'node:fs'
import path from 'node:path'
import type { Entry, ProcessIdentity } from '../../machines/events.ts'
import type { Registry } from './registry.ts'
import type { SpillHeader } from './spill.ts'

/** The most entries of one `append`. */
const BATCH = 500

export interface ReplayOptions {
  /** The folder of the spill files. */
  readonly dir: string
  readonly registry: Registry
  readonly isAlive: (owner: ProcessIdentity) => boolean
  /** Appends a batch, within a limit. Throws what the registry says. */
  readonly append: (batch: readonly Entry[]) => Promise<void>
  readonly warn: (message: string) => void
}

/**
 * Replays every spill file of this registry whose owner is gone, in order, and removes it. A torn last line was never
 * told to anyone, and is left out; a file that cannot be read further is set aside, beside the others, under `.corrupt`.
 */
export async function replaySpills(options: ReplayOptions): Promise<void> {
  const { dir, registry, isAlive } = options
  for (const name of fs.readdirSync(dir).sort()) {
    if (!name.endsWith('.ndjson')) continue
    const file = path.join(dir, name)
    const spill = readSpill(file)
    if (spill.header && (isAlive(spill.header.owner) || spill.header.registry !== locationOf(registry)))
      continue
    for (let from = 0; from < spill.entries.length; from += BATCH)
      await options.append(spill.entries.slice(from, from + BATCH))
    if (spill.wrong === undefined) fs.rmSync(file, { force: true })
    else {
      fs.renameSync(file, `${file}.corrupt`)
      options.warn(`${file} cannot be read ${spill.wrong}; it was set aside as ${name}.corrupt`)
    }
  }
}

/** Where a registry is, as it says itself. */
export const locationOf = (registry: Registry): string | null => registry.location ?? null

interface Spill {
  readonly header: SpillHeader | undefined
  readonly entries: readonly Entry[]
  /** From where on it is not what was written. */
  readonly wrong: string | undefined
}

function readSpill(file: string): Spill {
  const text = fs.readFileSync(file, 'utf8')
  // What follows the last newline is torn: its write did not come to an end.
  const [first, ...lines] = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
  const header = first === undefined ? undefined : parsed<SpillHeader>(first)
  if (header?.spill !== 1)
    return { header: undefined, entries: [], wrong: text === '' ? undefined : 'at all' }
  const entries: Entry[] = []
  for (const [i, line] of lines.entries()) {
    const entry = parsed<Entry>(line)
    if (typeof entry?.seq !== 'number') return { header, entries, wrong: `from line ${i + 2} on` }
    entries.push(entry)
  }
  return { header, entries, wrong: undefined }
}

function parsed<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T
  } catch {
    return undefined // what is no JSON was not written by us: the caller says so
  }
}

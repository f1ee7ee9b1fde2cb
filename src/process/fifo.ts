/**
 * A FIFO as an agent's stdin. The launcher holds it open for reading and writing, so that the agent sees no EOF while
 * its supervisor is away, and the agent has a read-only descriptor of its own: with a shared one EOF would never come.
 * Should launcher and supervisor both be gone, the agent reads EOF.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats, unlinkSync } from 'node:fs'
import { errnoOf } from '../errors.ts'

export interface Fifo {
  readonly path: string
  /** Ours, never blocking. */
  readonly held: number
}

const isOurs = (stat: Stats): boolean => stat.isFIFO() && stat.uid === process.geteuid?.()

/** Takes away a FIFO of ours that nobody holds; anything else stays. */
export function removeFifo(path: string): void {
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there !== undefined && isOurs(there)) unlinkSync(path)
}

/** Makes the FIFO (0600). One left by an earlier life is replaced, with whatever it still held. */
export async function makeFifo(path: string): Promise<void> {
  removeFifo(path)
  // Loaded when first used: it costs a tenth of a second, and most agents have no stdin.
  const { execa } = await import('execa')
  await execa('mkfifo', ['-m', '600', path])
}

export function openFifo(path: string): Fifo {
  const held = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  if (isOurs(fstatSync(held))) return { path, held }
  closeSync(held)
  throw new Error(`${path} is not a FIFO of this user`)
}

/** Opens one that is in use by an agent that another launcher forked; `undefined` when it cannot be had any more. */
export function reopenFifo(path: string): Fifo | undefined {
  try {
    return openFifo(path)
  } catch {
    // The agent lives on without; what is written to its stdin finds no FIFO, which the writer is told.
    return undefined
  }
}

/** The agent's end. It does not block, for {@link Fifo.held} is a writer. */
export const openReader = (fifo: Fifo): number =>
  openSync(fifo.path, constants.O_RDONLY | constants.O_NOFOLLOW)

/** Lets go, and takes the FIFO away unless a later life has put its own in that place. */
export function closeFifo({ path, held }: Fifo): void {
  const ours = fstatSync(held)
  closeSync(held)
  try {
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (there?.ino === ours.ino && there.dev === ours.dev) unlinkSync(path)
  } catch (error) {
    // Gone with its folder, or no more ours to remove: nothing depends on it.
    if (errnoOf(error) === undefined) throw error
  }
}

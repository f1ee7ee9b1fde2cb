/**
 * The processes of this machine, as its platform tells of them: Linux in `/proc`, macOS by `ps`. Nothing else in this
 * folder knows which it is.
 *
 * Looks are synchronous. `undefined` means that the process is gone. Any other failure (EMFILE, say) is thrown: it must
 * never be taken for a death.
 */
import { macProcesses, type Processes } from './proc-darwin.ts'
import * as linux from './proc-linux.ts'

const here: Processes = process.platform === 'darwin' ? macProcesses() : linux

export const MS_PER_TICK = 10

/** The look at one process; `undefined` when there is none of this pid. */
export const statOf = here.statOf
/**
 * The environment that a process was started with, in a buffer that the next look overwrites. Empty for kernel threads,
 * for zombies, and for a moment during `exec`. `undefined`: gone, or not for us to read.
 */
export const environOf = here.environOf
/** The argv of a process; `undefined` when it is gone, empty for a zombie. */
export const commandOf = here.commandOf
/** The effective user of a process. */
export const uidOf = here.uidOf
/** The children of a process. */
export const childrenOf = here.childrenOf
/** Every process there is. */
export const allPids = here.allPids
export const glance = here.glance
/** Comparable with a start time, which is at most this. */
export const ticksNow = here.ticksNow
/** The memory of a process in bytes, its share of what it shares counted as a share; `undefined` where it is not told. */
export const proportionalBytes = here.proportionalBytes
export const pageBytes = here.pageBytes
/** The id of this boot of the machine: a start time means something only within one. */
export const bootId = here.bootId
/** The machine, as far as it has a name of its own; `undefined` where it has none. */
export const machineId = here.machineId
/** Where the pids of this process mean something: another container has others. */
export const pidNamespace = here.pidNamespace
/** The descriptors of this process above `above` that a child would inherit. */
export const inheritableDescriptors = here.inheritableDescriptors

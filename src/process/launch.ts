/**
 * Forks one agent, in a session and a group of its own. Raw `child_process`, acting on `exit`: `close` would wait for
 * whoever still holds a descriptor.
 *
 * A script without a `#!` line is run by `/bin/sh`, as POSIX demands of `execvp`; with a libc that does not (musl) it
 * is `ENOEXEC`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import type { ErrorInfo, ProcessIdentity } from '../../machines/events.ts'
import { errnoOf, messageOf } from '../errors.ts'
import { entering } from './containment.ts'
import { removeControl } from './control-file.ts'
import type { ControlGroup } from './control-groups.ts'
import { closeFifo, type Fifo, makeFifo, openFifo, openReader, removeFifo } from './fifo.ts'
import { identify } from './identity.ts'
import { cwdFailure, type Execution, explain, failed } from './launch-errors.ts'
import type { LaunchOrder } from './launcher.ts'
import { removeFolder } from './remove-folder.ts'

export interface Forked {
  readonly child: ChildProcess
  readonly process: ProcessIdentity
  readonly fifo: Fifo | undefined
}

export type Environment = Readonly<Record<string, string>>

/** Reeve's own variables name one life; nothing that Reeve starts may inherit another's. */
export function scrubbed(env: Readonly<Record<string, string | undefined>>): Environment {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => {
      const [name, value] = entry
      return value !== undefined && !name.startsWith('REEVE_')
    }),
  )
}

/** What the agent gets: the base, the order laid over it (`null` takes away), and the marker of this life. */
export function environmentFor(base: Environment, order: Pick<LaunchOrder, 'env' | 'marker'>): Environment {
  const env: Record<string, string | null> = { ...base, ...order.env, REEVE_LIFE: order.marker }
  for (const [name, value] of Object.entries(order.env)) if (value === null) delete env[name]
  return env as Environment
}

/** What has to be waited for before the fork: the working directory is looked at, report file and FIFO are made. */
export async function prepare(order: LaunchOrder): Promise<ErrorInfo | undefined> {
  const wrong = await cwdFailure(order.cwd)
  if (wrong !== undefined) return wrong
  const { reportFile, fifo, control, cleanup } = order
  const tmp = cleanup?.tmp ?? null
  return (
    (reportFile === null ? undefined : await made('report file', reportFile, makeEmpty)) ??
    (fifo === null ? undefined : await made('FIFO for stdin', fifo, makeFifo)) ??
    (control === null ? undefined : await made('place for a control file', control, makeRoom)) ??
    (tmp === null ? undefined : await made('folder for REEVE_TMP', tmp, makeFolder))
  )
}

/** Takes back what was made for an agent that is not forked after all. */
export function unprepare({ reportFile, fifo }: LaunchOrder): void {
  if (reportFile !== null) rmSync(reportFile, { force: true })
  if (fifo !== null) removeFifo(fifo)
}

async function made(
  what: string,
  path: string,
  make: (path: string) => Promise<void>,
): Promise<ErrorInfo | undefined> {
  try {
    await make(path)
  } catch (error) {
    return failed(`The ${what} ${path} could not be made: ${messageOf(error)}`, errnoOf(error))
  }
  return undefined
}

/** What an earlier life was asked is not asked of this one. */
const makeRoom = async (path: string): Promise<void> => removeControl(path)

/** One that was left, or that someone put there, is not taken for it. */
async function makeFolder(path: string): Promise<void> {
  await removeFolder(path, new AbortController().signal)
  await mkdir(path, { recursive: true, mode: 0o700 })
}

async function makeEmpty(path: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  await (await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)).close()
}

/** What is asked of the kernel for this order. */
export const executionOf = (order: LaunchOrder, base: Environment): Execution => ({
  command: order.command,
  cwd: order.cwd,
  env: environmentFor(base, order),
})

/**
 * Forks, into a control group when one is given. The process, when there is one, is there before this returns; why there
 * is none takes a moment to tell.
 */
export function fork(
  order: LaunchOrder,
  execution: Execution,
  group: ControlGroup | undefined,
): Forked | Promise<ErrorInfo> {
  let stdio: Stdio
  try {
    stdio = openStdio(order)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EMFILE' || errno === 'ENFILE') return explain(execution, error)
    return Promise.resolve(failed(`The log or stdin could not be opened: ${messageOf(error)}`, errno))
  }
  try {
    const command = group === undefined ? execution.command : entering(group, execution)
    const child = start({ ...execution, command }, stdio)
    const identity = identifyOrEnd(child)
    if (identity !== undefined) return { child, process: identity, fifo: stdio.fifo }
    closeInput(stdio)
    return new Promise((resolve) => {
      child.once('error', (error) => resolve(explain(execution, error)))
    })
  } catch (error) {
    closeInput(stdio)
    return explain(execution, error)
  }
}

interface Stdio {
  readonly stdin: number
  readonly log: number
  readonly fifo: Fifo | undefined
}

/** Opens what the agent is given; on failure nothing stays open. */
function openStdio({ logFile, fifo: path }: LaunchOrder): Stdio {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const log = openSync(logFile, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  let fifo: Fifo | undefined
  try {
    if (path === null) return { log, fifo, stdin: openSync('/dev/null', 'r') }
    fifo = openFifo(path)
    return { log, fifo, stdin: openReader(fifo) }
  } catch (error) {
    closeSync(log)
    if (fifo !== undefined) closeFifo(fifo)
    throw error
  }
}

function closeInput({ fifo }: Stdio): void {
  if (fifo !== undefined) closeFifo(fifo)
}

/** Starts it, and closes what only the agent needs: before its identity is read, which takes a descriptor. */
function start({ command: [program, ...args], cwd, env }: Execution, { stdin, log }: Stdio): ChildProcess {
  try {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: [stdin, log, log] })
    // Whoever supervises holds the event loop, not each child.
    child.unref()
    return child
  } finally {
    closeSync(stdin)
    closeSync(log)
  }
}

/** A process that cannot be named could never be signalled again: better that it does not start. */
function identifyOrEnd(child: ChildProcess): ProcessIdentity | undefined {
  try {
    return child.pid === undefined ? undefined : identify(child.pid)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

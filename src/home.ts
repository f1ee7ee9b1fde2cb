/** Where logs, reports and sockets lie, and who may look at them: folders 0700, files 0600, ours alone. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { messageOf, ReeveError } from './errors.ts'
import { makeFolders } from './make-folders.ts'

export interface Home {
  readonly dir: string
  /** Made for this supervisor alone, and removed with it. */
  readonly ephemeral: boolean
  readonly logs: string
  readonly reports: string
  readonly inputs: string
  /** Folders of lives, where one was asked for. */
  readonly tmp: string
  /** Where agents that take requests make a file. */
  readonly controls: string
  /** What a successor needs of each agent. */
  readonly specs: string
  /** Write-ahead files, of a registry that does not say where it is. */
  readonly spill: string
  /** Those of one that does: where a successor with the same registry finds them, whatever its own home. */
  readonly sharedSpill: string
}

/**
 * The user's home for Reeve: `$REEVE_HOME`, else `$XDG_STATE_HOME/reeve`, else `~/.local/state/reeve`. The same from any
 * folder: a relative `XDG_STATE_HOME` counts as none (so the XDG specification has it), and so does a relative or empty `HOME`.
 */
export function userHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env.REEVE_HOME) return path.resolve(env.REEVE_HOME)
  const state = env.XDG_STATE_HOME
  if (state !== undefined && path.isAbsolute(state)) return path.join(state, 'reeve')
  const own = os.homedir()
  const home = path.isAbsolute(own) ? own : os.userInfo().homedir
  return path.join(home, '.local', 'state', 'reeve')
}

/** Where homes are made that serve one supervisor each. */
export const runFolder = (): string => path.join(userHome(), 'run')

/** The log of an agent, all its lives in one file. */
export const logFileOf = (home: Home, agentId: string): string => path.join(home.logs, `${agentId}.log`)

/** The FIFO that is the stdin of one life. */
export const inputOf = (home: Home, life: { agentId: string; incarnation: number }): string =>
  path.join(home.inputs, `${life.agentId}.${life.incarnation}.fifo`)

/** Where one life may make a file, to say that it takes requests. */
export const controlOf = (home: Home, life: { agentId: string; incarnation: number }): string =>
  path.join(home.controls, `${life.agentId}.${life.incarnation}`)

/** The folder of one life, gone with it. */
export const tmpOf = (home: Home, life: { agentId: string; incarnation: number }): string =>
  path.join(home.tmp, `${life.agentId}.${life.incarnation}`)

/**
 * Opens the home that was given, or makes a fresh one under the user's.
 *
 * @throws ReeveError `home_unusable`
 */
export function openHome(given: string | undefined, supervisorId: string): Home {
  const dir = given === undefined ? path.join(runFolder(), supervisorId) : path.resolve(given)
  if (given === undefined) {
    ownFolder(userHome())
    ownFolder(path.dirname(dir))
  }
  ownFolder(dir)
  const home: Home = {
    dir,
    ephemeral: given === undefined,
    logs: path.join(dir, 'logs'),
    reports: path.join(dir, 'reports'),
    inputs: path.join(dir, 'inputs'),
    tmp: path.join(dir, 'tmp'),
    controls: path.join(dir, 'controls'),
    specs: path.join(dir, 'specs'),
    spill: path.join(dir, 'spill'),
    sharedSpill: path.join(given === undefined ? userHome() : dir, 'spill'),
  }
  const { logs, reports, inputs, tmp, controls, specs, spill, sharedSpill } = home
  for (const folder of [logs, reports, inputs, tmp, controls, specs, spill, sharedSpill]) ownFolder(folder)
  return home
}

/** Removes a home that was made for one supervisor; one that was given stays. */
export function leaveHome(home: Home): void {
  if (home.ephemeral) fs.rmSync(home.dir, { recursive: true, force: true })
}

/** Makes it when it is missing. Throws `home_unusable`. */
export function ownFolder(dir: string): void {
  try {
    makeFolders(dir)
    fs.accessSync(dir, fs.constants.W_OK | fs.constants.X_OK)
  } catch (cause) {
    throw new ReeveError(
      'home_unusable',
      `${dir} cannot be used: ${messageOf(cause)}. Give another home, or set REEVE_HOME.`,
      { field: 'home', cause },
    )
  }
  checkFolder(dir)
}

/** Whether there is a folder of this name, which is then ours alone. Throws `home_unusable` when it is not. */
export function checkFolder(dir: string): boolean {
  const stat = fs.lstatSync(dir, { throwIfNoEntry: false })
  if (!stat) return false
  const refuse = (why: string) => new ReeveError('home_unusable', `${dir} ${why}`, { field: 'home' })
  if (!stat.isDirectory()) throw refuse('is not a folder. Give another home, or set REEVE_HOME.')
  if (stat.uid !== process.getuid?.())
    throw refuse(`belongs to uid ${stat.uid}. Give another home, or set REEVE_HOME.`)
  const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
  if ((stat.mode & 0o077) !== 0)
    throw refuse(`is open to others (mode ${mode}). Reeve keeps logs and reports there: chmod 700 it.`)
  return true
}

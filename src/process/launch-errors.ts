/** Why an agent could not be started, in words that name what is wrong and the way out. */
import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, resolve } from 'node:path'
import type { ErrorInfo } from '../../machines/events.ts'
import { errnoOf, messageOf } from '../errors.ts'

/** What is asked of the kernel. */
export interface Execution {
  readonly command: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

export const failed = (message: string, errno?: string): ErrorInfo => ({
  code: 'spawn_failed',
  message,
  ...(errno !== undefined && { errno }),
})

/** What is wrong with the working directory; `undefined` when nothing is. To be asked before the fork. */
export async function cwdFailure(cwd: string): Promise<ErrorInfo | undefined> {
  try {
    if ((await stat(cwd)).isDirectory()) return undefined
    return failed(`cwd ${cwd} is not a folder. Set \`cwd\` to one.`, 'ENOTDIR')
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT')
      return failed(`cwd ${cwd} does not exist. Create it, or set \`cwd\` to one that does.`, errno)
    if (errno === 'ENOTDIR') return failed(`cwd ${cwd} runs through something that is not a folder.`, errno)
    return failed(`cwd ${cwd} cannot be entered: ${messageOf(error)}.`, errno)
  }
}

/** What the system had against this execution. */
export async function explain(execution: Execution, error: unknown): Promise<ErrorInfo> {
  const errno = errnoOf(error)
  const [program] = execution.command
  switch (errno) {
    case 'ENOENT':
    case 'EACCES':
    case 'EPERM':
    case 'ENOTDIR':
      return (await cwdFailure(execution.cwd)) ?? failed(await aboutProgram(execution, errno), errno)
    case 'ENOEXEC':
      return failed(
        `${program} is not a program for this machine: another architecture, or a script without a \`#!\` line.`,
        errno,
      )
    case 'E2BIG':
      return failed(
        `The arguments (${bytesOf(execution.command)} bytes) and the environment (${bytesOf(environmentOf(execution))} ` +
          `bytes) of ${program} are more than the kernel takes (128 KiB for one, a quarter of the stack limit ` +
          'for all). Hand them over in a file.',
        errno,
      )
    case 'EAGAIN':
      return failed(
        `No process could be made for ${program}: the limit is reached (\`ulimit -u\`, or the cgroup's pids.max).`,
        errno,
      )
    case 'EMFILE':
    case 'ENFILE':
      return failed(
        `No descriptor is left to start ${program} with: raise \`ulimit -n\`, or run fewer agents.`,
        errno,
      )
    case 'ENOMEM':
      return failed(`There is not memory enough to start ${program}.`, errno)
    case 'ERR_INVALID_ARG_VALUE':
    case 'ERR_INVALID_ARG_TYPE':
      return failed(
        `The command, its arguments, \`cwd\` or \`env\` cannot be handed to the system: ${messageOf(error)}`,
        errno,
      )
    default:
      return failed(`${program} could not be started: ${messageOf(error)}`, errno)
  }
}

const bytesOf = (strings: readonly string[]): number =>
  strings.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0)

const environmentOf = ({ env }: Execution): string[] =>
  Object.entries(env).map(([name, value]) => `${name}=${value}`)

async function aboutProgram({ command: [program], cwd, env }: Execution, errno: string): Promise<string> {
  if (program === '') return '`command` begins with an empty string: name the program.'
  if (program.includes('/')) return aboutPath(program, cwd, errno)
  if (errno === 'ENOENT')
    return `${program} was found in no folder of the agent's PATH (${env.PATH ?? 'unset'}). Install it, or give its path.`
  const refused = await firstOnPath(program, cwd, env.PATH ?? '')
  return refused === undefined
    ? `${program} was found on the agent's PATH, but may not be executed.`
    : aboutPath(refused, cwd, errno)
}

async function firstOnPath(program: string, cwd: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const candidate = resolve(cwd, folder, program)
    if ((await stat(candidate).catch(() => undefined))?.isFile()) return candidate
  }
  return undefined
}

async function aboutPath(program: string, cwd: string, errno: string): Promise<string> {
  const path = resolve(cwd, program)
  const named = isAbsolute(program) ? program : `${program} (${path})`
  try {
    if ((await stat(path)).isDirectory()) return `${named} is a folder, not a program.`
    await access(path, constants.X_OK)
  } catch (error) {
    switch (errnoOf(error)) {
      case 'ENOENT':
        return `${named} does not exist. Check \`command\`.`
      case 'ENOTDIR':
        return `${named} runs through something that is not a folder. Check \`command\`.`
      case 'EACCES':
        return `${named} may not be executed by this user: \`chmod +x\` it, and check the folders that lead there.`
      default:
        return `${named} cannot be reached: ${messageOf(error)}.`
    }
  }
  if (errno !== 'ENOENT')
    return `${named} may not be executed (${errno}): a mount with \`noexec\`, or its interpreter.`
  return `${named} exists, but the interpreter that it names does not: ${await interpreterOf(path)}.`
}

/** What stands on the `#!` line; for a binary its dynamic loader is what is missing. */
async function interpreterOf(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0)
    const line = buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? ''
    return line.startsWith('#!') ? line.slice(2).trim() : 'its dynamic loader'
  } finally {
    await file.close()
  }
}

/** The command as its users run it: a process, from another directory, with a home of its own. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Test } from 'tap'
import { runCli } from '../../src/cli/cli.ts'
import { freshHome } from '../daemon/rig.ts'
import { DIST, soon, temporaryFolder } from '../support.ts'

export const REEVE = join(DIST, 'src', 'cli', 'main.js')

export interface Said {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

export interface Shell {
  readonly home: string
  readonly cwd: string
  /** `reeve ARGS…`; with what stands on its stdin. */
  readonly reeve: (args: readonly string[], stdin?: string) => Promise<Said>
  /** The same, said to what `main.js` calls, in this process: for answers that no process of its own would change. */
  readonly here: (args: readonly string[]) => Promise<Said>
  readonly env: NodeJS.ProcessEnv
}

export function shellIn(t: Test, home = freshHome(t)): Shell {
  const cwd = temporaryFolder(t)
  const env = { PATH: process.env.PATH, HOME: cwd, REEVE_HOME: home }
  const reeve = async (args: readonly string[], stdin = ''): Promise<Said> => {
    const child = spawn(process.execPath, [REEVE, ...args], { cwd, env })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    // Who does not read its stdin may be gone before it is written.
    child.stdin.on('error', () => {})
    child.stdin.end(stdin)
    const status = await soon(
      new Promise<number | null>((resolve) => child.once('close', resolve)),
      `reeve ${args.join(' ')}`,
      60_000,
    )
    return { status, out, err }
  }
  const here = async (args: readonly string[]): Promise<Said> => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    stdin.end()
    const status = await soon(
      runCli(['--home', home, ...args], { stdin, stdout, stderr }),
      `reeve ${args.join(' ')}`,
      60_000,
    )
    const textOf = (stream: PassThrough): string => String(stream.read() ?? '')
    return { status, out: textOf(stdout), err: textOf(stderr) }
  }
  return { home, cwd, env, reeve, here }
}

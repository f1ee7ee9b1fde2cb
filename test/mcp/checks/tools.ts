/** What others wrote to check MCP servers with, installed beside and never into this package. It needs Node 22. */
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const PACKAGES = [
  'node@22.23.3',
  '@modelcontextprotocol/inspector@2.12.0',
  '@modelcontextprotocol/conformance@0.1.16',
] as const

export interface Ran {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

const LIMIT_MS = 120_000

/** Runs a program to its end, or for two minutes. */
export function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<Ran> {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, out, err }))
  })
}

/** Installs what is not there yet; returns the folder of the commands. */
export async function installed(folder: string): Promise<string> {
  const commands = join(folder, 'node_modules', '.bin')
  if (existsSync(join(commands, 'conformance')) && existsSync(join(commands, 'mcp-inspector')))
    return commands
  writeFileSync(join(folder, 'package.json'), '{"private": true}')
  const args = ['install', '--no-audit', '--no-fund', '--force', ...PACKAGES]
  const { status, err } = await run('npm', args, process.env, folder)
  if (status !== 0) throw new Error(`npm install: ${err}`)
  return commands
}

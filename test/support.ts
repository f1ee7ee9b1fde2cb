/** What the scenario tests share: a crew of agents that is always brought home, and a patient eye on the machine. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import {
  type Agent,
  type AgentSpec,
  createSupervisor,
  type Entry,
  ReeveError,
  type Supervisor,
  type SupervisorOptions,
} from '../src/index.ts'
import { until } from './until.ts'

export { until }

/** The built files: this one is `<dist>/test/support.js`. */
export const DIST = dirname(dirname(fileURLToPath(import.meta.url)))
const FIXTURES = join(dirname(DIST), 'test', 'fixtures')

/** The path of a fixture program. */
export const fixture = (name: string): string => join(FIXTURES, name)

/** Awaits a promise, but not for ever. */
export async function soon<T>(promise: Promise<T>, what: string, timeoutMs = 30_000): Promise<T> {
  const over = new AbortController()
  const late = pause(timeoutMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`not within ${timeoutMs} ms: ${what}`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    over.abort()
  }
}

/** Whether a process lives. A zombie is dead, though it answers `kill(pid, 0)`. */
export function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return !['Z', 'X', 'x', ''].includes(state)
  } catch {
    return false
  }
}

/** The pids that a fixture wrote to a file, once they are there. */
export const pidsFrom = (file: string, howMany = 1): Promise<number[]> =>
  until(
    () => {
      const pids = existsSync(file) ? readFileSync(file, 'utf8').split(/\s+/).filter(Boolean).map(Number) : []
      if (pids.length < howMany) return null
      remember(...pids)
      return pids
    },
    { what: `${howMany} pids in ${file}` },
  )

export const untilDead = (pids: readonly number[], timeoutMs = 30_000): Promise<true> =>
  until(() => pids.every((pid) => !alive(pid)) || null, { timeoutMs, what: `${pids.join(', ')} are dead` })

/** A folder of its own, gone in teardown. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'reeve-scenario-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** When a process started, in clock ticks: with its pid, who it is. */
const startOf = (pid: number): number | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return undefined
  }
}

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return 'gone meanwhile'
  }
}

/** Every process that this test file knows of, by pid and start: none is ever taken for another. */
const seen = new Map<string, number>()

let looked = false

/** To be called first in a file: at the end of its process, after whatever is torn down, no process of its agents is left. */
export function nothingIsLeft(t: Test): void {
  // The first teardown is the last to run: of files that share a process, the first one looks for all.
  if (looked) return
  looked = true
  t.teardown(async () => {
    const left = () =>
      [...seen].filter(([key, pid]) => alive(pid) && key === `${pid}.${startOf(pid)}`).map(([, pid]) => pid)
    try {
      await until(() => left().length === 0 || null, { what: 'no process is left' })
    } catch {
      const pids = left()
      const named = pids.map((pid) => `${pid} (${commandOf(pid)})`)
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      throw new Error(`processes were left: ${named.join(', ')}`)
    }
  })
}

/** Remembers descendants and launchers, which no entry names, for the check at the end of the file. */
export function remember(...pids: readonly number[]): void {
  for (const pid of pids) {
    const start = startOf(pid)
    if (start !== undefined) seen.set(`${pid}.${start}`, pid)
  }
}

export interface Crew extends Supervisor {
  /** A folder outside the home, for what fixtures write. */
  readonly folder: string
  readonly entriesSeen: Entry[]
  readonly warnings: string[]
}

/** A supervisor in a temporary home, stopped in teardown. `home` is removed with it. */
export async function crew(t: Test, options: SupervisorOptions = {}): Promise<Crew> {
  const folder = temporaryFolder(t)
  const supervisor = await createSupervisor({ home: join(folder, 'home'), ...options })
  const entriesSeen: Entry[] = []
  const warnings: string[] = []
  const see = (entry: Entry): void => {
    entriesSeen.push(entry)
    if (entry.pid !== undefined) seen.set(`${entry.pid}.${entry.startTime}`, entry.pid)
  }
  supervisor.on('transition', see)
  supervisor.on('note', see)
  supervisor.on('warning', ({ message }) => warnings.push(message))
  t.teardown(async () => {
    await soon(supervisor.stop({ timeout: '3s' }), 'the crew is home', 20_000).catch((error) =>
      t.comment(String(error)),
    )
  })
  return Object.assign(supervisor, { folder, entriesSeen, warnings })
}

/** A crew that this process forks for itself: where the launcher is not the matter, its own process would be half the cost. */
export const inlineCrew = (t: Test, options: SupervisorOptions = {}): Promise<Crew> =>
  crew(t, { launcher: 'inline', ...options })

/** The process that forks for this crew: another one than ours. */
export const launcherOf = (of: Pick<Supervisor, 'home'>): Promise<number> =>
  until(
    () =>
      readdirSync('/proc')
        .map(Number)
        .find((pid) => {
          if (!(pid > 0) || !alive(pid)) return false
          try {
            const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
            return argv.includes('launcher') && argv.includes(of.home)
          } catch {
            return false
          }
        }),
    // Every process of the machine is looked at.
    { what: `a launcher of ${of.home}`, everyMs: 25 },
  )

/** The states that an agent went through, in order. */
export const statesOf = (crewOf: Crew, agent: Agent): string[] =>
  crewOf.entriesSeen
    .filter(({ agentId, from, to }) => agentId === agent.id && from !== to)
    .map(({ to }) => to)

/** The notes told of an agent, by event. */
export const notesOf = (crewOf: Crew, agent: Agent, event?: string): Entry[] =>
  crewOf.entriesSeen.filter(
    (entry) =>
      entry.agentId === agent.id && entry.from === entry.to && (event === undefined || entry.event === event),
  )

/** An agent that does nothing for ever; any signal ends it. */
export const FOREVER: AgentSpec['command'] = [fixture('runs-forever.sh')]

/** What was thrown, which has to be a ReeveError of this code. */
export async function refusal(of: () => unknown, code: string): Promise<ReeveError> {
  try {
    await of()
  } catch (error) {
    if (error instanceof ReeveError && error.code === code) return error
    throw new Error(`expected ${code}, got ${String(error)}`, { cause: error })
  }
  throw new Error(`expected ${code}, nothing was thrown`)
}

export interface Host {
  readonly pid: number
  readonly lines: string[]
  readonly stderr: () => string
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  signal(name: NodeJS.Signals): void
  /** On its terminal. */
  type(text: string): void
}

/**
 * Runs a program that embeds a supervisor: `body` is an ES module, `DIST` and `FIXTURES` stand in its scope. `on`: with a
 * process group of its own, or in the foreground of a terminal, whose pid is the host's then.
 */
export function host(
  t: Test,
  body: string,
  env: NodeJS.ProcessEnv = {},
  { on = 'pipes' }: { readonly on?: 'pipes' | 'group' | 'terminal' } = {},
): Host {
  const prelude = [
    `const DIST = ${JSON.stringify(DIST)}`,
    `const FIXTURES = ${JSON.stringify(FIXTURES)}`,
    "const reeve = await import(DIST + '/lib/index.js')",
    'const say = (...words) => console.log(words.map(String).join(" "))',
  ].join('\n')
  // script(1) is told in one line of shell what to run on its terminal.
  const [command, ...args] =
    on === 'terminal'
      ? ['script', '-qec', 'exec "$NODE" --input-type=module --eval "$PROGRAM"', '/dev/null']
      : [process.execPath, '--input-type=module', '--eval', `${prelude}\n${body}`]
  const words = on === 'terminal' ? { NODE: process.execPath, PROGRAM: `${prelude}\n${body}` } : {}
  const child = spawn(command, args, {
    stdio: [on === 'terminal' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    detached: on === 'group',
    env: { ...process.env, ...env, ...words },
  })
  const lines: string[] = []
  let rest = ''
  let errors = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split(/\r?\n/)
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk
  })
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  })
  return {
    pid: child.pid ?? 0,
    lines,
    stderr: () => errors,
    exited,
    signal: (name) => void child.kill(name),
    type: (text) => void child.stdin?.write(text),
  }
}

/** The rest of the first line that begins with this word, once the host has said it. */
export const said = (from: Host, word: string, timeoutMs = 30_000): Promise<string> =>
  until(
    () => {
      const line = from.lines.find((each) => each === word || each.startsWith(`${word} `))
      return line === undefined ? null : line.slice(word.length + 1)
    },
    { timeoutMs, what: `the host says ${word}; it said ${from.lines.join(' | ')}; ${from.stderr()}` },
  )

/** A supervisor that is killed, and the one that comes after it: on the same home, with the same registry. */
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Entry } from '../../src/index.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import {
  type Crew,
  crew,
  type Host,
  host,
  launcherOf,
  remember,
  said,
  temporaryFolder,
  untilDead,
} from '../support.ts'

/** The folder of one succession: `home`, `agents.db`, and what fixtures write. */
export interface Place {
  readonly folder: string
  readonly home: string
  readonly file: string
}

export function place(t: Test): Place {
  const folder = temporaryFolder(t)
  return { folder, home: join(folder, 'home'), file: join(folder, 'agents.db') }
}

/**
 * A program with a supervisor (`supervisor`) that runs `body`; it says `up` when that is done, and lives on. `run(name,
 * …args)` is a command, `kept` what makes an agent outlive it, `FOLDER` the place.
 */
export async function predecessor(t: Test, { folder, home, file }: Place, body: string): Promise<Host> {
  const h = host(
    t,
    `const { sqliteRegistry } = await import(DIST + '/lib/registry-sqlite.js')
     const FOLDER = ${JSON.stringify(folder)}
     const run = (name, ...args) => [FIXTURES + '/' + name, ...args.map(String)]
     const kept = { onSupervisorDeath: 'adopt', stop: [{ signal: 'SIGTERM', wait: '2s' }] }
     const supervisor = await reeve.createSupervisor({
       home: ${JSON.stringify(home)},
       registry: sqliteRegistry(${JSON.stringify(file)}),
     })
     ${body}
     for (const agent of supervisor.list()) say('agent', agent.name, agent.pid)
     say('up')
     setInterval(() => {}, 1000)`,
  )
  await said(h, 'up')
  return h
}

/** The pids of the agents that it said it has, by name. */
export function pidsOf(h: Host): Map<string, number> {
  const pids = h.lines
    .filter((line) => line.startsWith('agent '))
    .map((line): [string, number] => [line.split(' ')[1] ?? '', Number(line.split(' ')[2])])
  remember(...pids.map(([, pid]) => pid))
  return new Map(pids)
}

export async function killed(h: Host): Promise<void> {
  h.signal('SIGKILL')
  await h.exited
}

/** The launcher of this home too, both at once: stopped, it neither acts alone nor is replaced meanwhile. */
export async function killedWithLauncher(h: Host, { home }: Place): Promise<void> {
  const launcher = await launcherOf({ home })
  remember(launcher)
  process.kill(launcher, 'SIGSTOP')
  await killed(h)
  process.kill(launcher, 'SIGKILL')
  await untilDead([launcher])
}

export const successor = (t: Test, { home, file }: Place): Promise<Crew> =>
  crew(t, { home, registry: sqliteRegistry(file) })

/** What the log has of an agent, as `state event`, without the numbers. */
export const storyOf = (entries: readonly Entry[]): string[] =>
  entries.map(({ to, event }) => `${to} ${event}`)

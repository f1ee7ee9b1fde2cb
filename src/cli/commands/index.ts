/** The commands, in the order in which `--help` lists them. Each is loaded when it is asked for: `reeve ls` waits for no daemon's code. */
import type { Command } from 'commander'
import type { Desk } from '../desk.ts'

export type AddCommand = (program: Command, desk: Desk) => Command

const ending = () => import('./ending.ts')
const daemon = () => import('./daemon.ts')
const completion = () => import('./completion.ts')

const LOADERS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  spawn: async () => (await import('./spawn.ts')).spawn,
  run: async () => (await import('./run.ts')).run,
  ls: async () => (await import('./ls.ts')).ls,
  show: async () => (await import('./show.ts')).show,
  logs: async () => (await import('./logs.ts')).logs,
  history: async () => (await import('./history.ts')).history,
  events: async () => (await import('./events.ts')).events,
  health: async () => (await import('./health.ts')).health,
  send: async () => (await import('./send.ts')).send,
  beat: async () => (await import('./beat.ts')).beat,
  cancel: async () => (await ending()).cancel,
  stop: async () => (await ending()).stop,
  kill: async () => (await ending()).kill,
  restart: async () => (await ending()).restart,
  rm: async () => (await ending()).rm,
  'kill-stalled': async () => (await ending()).killStalled,
  group: async () => (await import('./group.ts')).group,
  up: async () => (await daemon()).up,
  down: async () => (await daemon()).down,
  status: async () => (await daemon()).status,
  doctor: async () => (await daemon()).doctorCommand,
  repl: async () => (await import('./repl.ts')).repl,
  inspect: async () => (await import('./inspect.ts')).inspect,
  mcp: async () => (await import('./mcp.ts')).mcp,
  diagram: async () => (await import('./diagram.ts')).diagram,
  demo: async () => (await import('./demo.ts')).demo,
  completion: async () => (await completion()).completion,
  complete: async () => (await completion()).complete,
}

export const COMMAND_NAMES: readonly string[] = Object.keys(LOADERS)

/** What it answers depends on all the others. */
export const OF_ALL = 'complete'

/** The one that is asked for; all of them where that is none of these, for whoever asks what there is or mistyped it. */
export function commandsFor(asked: string | undefined): Promise<readonly AddCommand[]> {
  const isOne = asked !== undefined && asked !== OF_ALL && Object.hasOwn(LOADERS, asked)
  const loaders = isOne ? [LOADERS[asked]] : Object.values(LOADERS)
  return Promise.all(loaders.flatMap((load) => load?.() ?? []))
}

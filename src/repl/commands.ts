/** The dot-commands: what is asked for most, in few letters. Everything else is JavaScript. */
import { diagram, formatOf, MACHINES, SYSTEM } from '../diagram/index.ts'
import { keepDiagram } from '../diagram/keep.ts'
import { ReeveError } from '../errors.ts'
import type { AgentHandle, Reeve } from '../reeve.ts'
import { account } from '../terminal/account.ts'
import { entryLine } from '../terminal/entry-line.ts'
import { listing } from '../terminal/listing.ts'
import { nearest } from '../terminal/nearest.ts'
import { plain, plainLine } from '../terminal/plain.ts'
import type { Screen } from '../terminal/screen.ts'
import { type Inspecting, OFF, PAGES } from './inspecting.ts'

/** Which entries are shown as they come: the changes that matter, every one, or none. */
export type Watching = 'on' | 'all' | 'off'

export interface Desk {
  readonly reeve: Reeve
  readonly screen: Screen
  readonly print: (text: string) => void
  readonly now: () => number
  /** Names that can be completed and guessed. */
  readonly known: () => readonly string[]
  /** Settles when the user wants no more of what follows. */
  interrupted: Promise<void>
  watching: Watching
  readonly inspecting: Inspecting
}

export interface Command {
  readonly usage: string
  readonly help: string
  /** What can stand behind it beside the names of agents. */
  readonly words?: readonly string[]
  readonly run: (args: readonly string[], desk: Desk) => Promise<void>
}

const LAST_LINES = 20

/** @throws ReeveError `agent_not_found`, with the name that was probably meant */
async function agentOf(name: string | undefined, { reeve, known }: Desk): Promise<AgentHandle> {
  if (name === undefined)
    throw new ReeveError('invalid_spec', 'name an agent, as in: .show coder', { field: 'name' })
  const handle = await reeve.get(name)
  if (handle) return handle
  throw unknown(name, known())
}

function unknown(name: string, known: readonly string[]): ReeveError {
  const near = nearest(name, known)
  return new ReeveError(
    'agent_not_found',
    `no agent is called ${JSON.stringify(name)}.${near ? ` Did you mean ${JSON.stringify(near)}?` : ' .ls --all lists those that are known.'}`,
  )
}

/** The words behind `--` are a command, those before it a name. */
async function spawn(args: readonly string[], { reeve, print }: Desk): Promise<void> {
  const dashes = args.indexOf('--')
  const [name, ...command] = dashes === -1 ? args : [args[0], ...args.slice(dashes + 1)]
  if (name === undefined || dashes === 0 || dashes > 1 || command[0] === undefined)
    throw new ReeveError('invalid_spec', 'a name and a command, as in: .spawn coder -- sleep 60', {
      field: 'command',
    })
  const agent = await reeve.spawn({ name, command: command as [string, ...string[]] })
  await agent.ready
  print(`${plain(agent.name)} ${agent.state} · pid ${agent.pid}`)
}

async function logs(args: readonly string[], desk: Desk): Promise<void> {
  const follow = args.includes('-f')
  const [name, wanted] = args.filter((each) => each !== '-f')
  const agent = await agentOf(name, desk)
  const limit = wanted === undefined ? LAST_LINES : Number(wanted)
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new ReeveError('invalid_spec', `lines: must be a whole number from 1 (given: ${wanted})`, {
      field: 'lines',
    })
  const last: string[] = []
  for await (const line of agent.logs()) {
    last.push(plainLine(line))
    if (last.length > limit) last.shift()
  }
  for (const line of last) desk.print(line)
  if (follow) await followed(agent, desk)
}

async function followed(agent: AgentHandle, { print, interrupted }: Desk): Promise<void> {
  const lines = agent.logs({ since: 'end', follow: true })[Symbol.asyncIterator]()
  const enough = interrupted.then(() => ({ done: true as const, value: undefined }))
  for (;;) {
    const next = await Promise.race([lines.next(), enough])
    if (next.done) break
    print(plainLine(next.value))
  }
  await lines.return?.()
}

/** Without a file as Mermaid, which is text that a person can read. */
async function picture(args: readonly string[], { reeve, print, known }: Desk): Promise<void> {
  const [what = SYSTEM, file] = args
  const format = file === undefined ? 'mermaid' : formatOf(file)
  if (format === undefined)
    throw new ReeveError('invalid_spec', `file: must end in .svg, .dot or .mmd (given: ${file})`, {
      field: 'file',
    })
  const text = await diagram(what, { reeve, format }).catch((error: unknown) => {
    throw error instanceof ReeveError && error.code === 'agent_not_found' ? unknown(what, known()) : error
  })
  if (file === undefined) print(text.trimEnd())
  else await keepDiagram(file, text)
}

export const COMMANDS: Readonly<Record<string, Command>> = {
  ls: {
    usage: '[--all]',
    help: 'the agents that have not ended; with --all every one that is known',
    run: async (args, { reeve, print, screen, now }) => {
      const records = args.includes('--all') ? await reeve.records() : await reeve.list()
      print(
        records.length === 0
          ? 'No agents. Start one: .spawn NAME -- COMMAND'
          : listing(records, { screen, now: now() }),
      )
    },
  },
  spawn: { usage: 'NAME -- COMMAND', help: 'start an agent, and wait until it runs', run: spawn },
  show: {
    usage: 'NAME',
    help: 'all that is known of one agent',
    run: async ([name], desk) => desk.print(account((await agentOf(name, desk)).record, desk.screen)),
  },
  stop: {
    usage: 'NAME [GRACE]',
    help: 'end it by its stop ladder, within GRACE if given: .stop coder 5s',
    run: async ([name, grace], desk) => {
      const { message } = await (await agentOf(name, desk)).stop(grace === undefined ? {} : { grace })
      desk.print(message)
    },
  },
  cancel: {
    usage: 'NAME [WITHIN]',
    help: 'let it finish its present step and begin no other, within 30s if not said otherwise',
    run: async ([name, within], desk) => {
      const { message } = await (await agentOf(name, desk)).cancel(within === undefined ? {} : { within })
      desk.print(message)
    },
  },
  kill: {
    usage: 'NAME',
    help: 'SIGKILL to its whole tree, at once',
    run: async ([name], desk) => desk.print((await (await agentOf(name, desk)).kill()).message),
  },
  restart: {
    usage: 'NAME',
    help: 'end this life and begin the next; wait until it runs',
    run: async ([name], desk) => {
      const { incarnation, pid } = await (await agentOf(name, desk)).restart()
      desk.print(`running · pid ${pid} · life ${incarnation}`)
    },
  },
  send: {
    usage: 'NAME TEXT',
    help: 'a line to its stdin',
    run: async ([name, ...text], desk) => (await agentOf(name, desk)).send(`${text.join(' ')}\n`),
  },
  logs: {
    usage: '[-f] NAME [LINES]',
    help: 'the end of its log, 20 lines if not said otherwise; -f goes on until Ctrl-C',
    run: logs,
  },
  history: {
    usage: 'NAME',
    help: 'every entry of one agent, oldest first',
    run: async ([name], desk) => {
      const { id } = await agentOf(name, desk)
      for (const entry of await desk.reeve.history(id))
        desk.print(`${entry.at}  ${entryLine(entry, desk.screen)}`)
    },
  },
  rm: {
    usage: 'NAME',
    help: 'take an ended agent out of the registry; its history stays',
    run: async ([name], desk) => desk.reeve.remove((await agentOf(name, desk)).id),
  },
  diagram: {
    usage: '[NAME|system|supervisor] [FILE]',
    words: [...MACHINES, SYSTEM],
    help: 'its machine with its state lit; system, if not said otherwise: all that runs. FILE ends in .svg, .dot or .mmd',
    run: picture,
  },
  inspect: {
    usage: '[local|stately|off]',
    words: [...PAGES, OFF],
    help: "the machines at work, in a browser: Reeve's own page if not said otherwise, or Stately's; off closes both",
    run: async ([page], { inspecting, print }) => {
      if (page === OFF) await inspecting.close()
      else print(await inspecting.url(page))
    },
  },
  events: {
    usage: '[on|all|off]',
    words: ['on', 'all', 'off'],
    help: 'which entries are shown as they come; alone: says which',
    run: async ([wanted], desk) => {
      if (wanted === 'on' || wanted === 'all' || wanted === 'off') desk.watching = wanted
      else if (wanted !== undefined)
        throw new ReeveError('invalid_spec', `events: on, all, or off (given: ${wanted})`, {
          field: 'events',
        })
      desk.print(`events ${desk.watching}`)
    },
  },
}

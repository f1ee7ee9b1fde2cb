import { type REPLServer, start as startServer } from 'node:repl'
import { inspect } from 'node:util'
import { type Entry, isNote } from '../../machines/events.ts'
import { realClock } from '../clock.ts'
import { messageOf, ReeveError } from '../errors.ts'
import type { AgentHandle, Reeve } from '../reeve.ts'
import type { AgentRecord } from '../registry/record.ts'
import type { AgentSpec } from '../spec.ts'
import { entryLine } from '../terminal/entry-line.ts'
import { listing } from '../terminal/listing.ts'
import { plain } from '../terminal/plain.ts'
import { paint, screenOf } from '../terminal/screen.ts'
import { COMMANDS, type Command, type Desk, type Watching } from './commands.ts'
import { completeWith, define, followEach, unknownCommand } from './habits.ts'
import { Inspecting } from './inspecting.ts'
import { Live } from './live.ts'
import { Names } from './names.ts'
import { Script } from './script.ts'
import { words } from './words.ts'

export interface ReplOptions {
  readonly input?: NodeJS.ReadableStream
  readonly output?: NodeJS.WritableStream
  /** A file that keeps what was typed, for the next time; absent: nothing is kept. */
  readonly history?: string
  /** Said first, on a terminal. */
  readonly greeting?: string
  /** Further dot-commands, by name without the dot. */
  readonly commands?: Readonly<Record<string, Command>>
}

export interface Repl {
  readonly server: REPLServer
  /** When it was left (`.exit`, Ctrl-D, the end of the pipe): whether a line of a script had failed. */
  readonly ended: Promise<{ readonly failed: boolean }>
  close(): void
}

/** Notes that a person at the prompt wants to see; the rest with `.events all`. */
const TELLING: readonly Entry['event'][] = ['kill_failed', 'cleanup_failed', 'budget_warning', 'adopted']
/** Between these one waits anyway. */
const PASSING: readonly Entry['to'][] = ['spawning', 'pre_starting', 'reaping']

/**
 * On a terminal: history, completion, preview, entries above the prompt. Through a pipe: line after line, each when the
 * one before is done, up to the first that fails. The `Reeve` is neither stopped nor closed at the end.
 */
export async function startRepl(reeve: Reeve, options: ReplOptions = {}): Promise<Repl> {
  const { input = process.stdin, output = process.stdout } = options
  const terminal = Boolean((output as NodeJS.WriteStream).isTTY && (input as NodeJS.ReadStream).isTTY)
  const screen = screenOf(output)
  const script = terminal ? undefined : new Script()
  if (terminal && options.greeting) output.write(`${options.greeting}\n`)
  const server = startServer({
    prompt: terminal ? 'reeve> ' : '',
    input: script?.input ?? input,
    output,
    terminal,
    useColors: screen.colour,
    ignoreUndefined: true,
    breakEvalOnSigint: terminal,
    writer: (value: unknown) => {
      if (isRecords(value)) return listing(value, { screen, now: realClock.wallNow() })
      return value instanceof ReeveError ? failureText(value) : inspect(value, { colors: screen.colour })
    },
  })
  // A script has no prompt, nor the dots of a line that goes on.
  if (script) server.displayPrompt = () => {}
  const reserved = Object.getOwnPropertyNames(server.context)
  Object.assign(server.context, vocabulary(reeve))
  const names = new Names(reeve, server, [...reserved, ...Object.keys(vocabulary(reeve)), 'agents'])
  const live = new Live(server)
  const desk: Desk = {
    reeve,
    screen,
    now: () => realClock.wallNow(),
    print: (text) => output.write(`${text}\n`),
    known: () => names.known(),
    interrupted: new Promise(() => {}),
    watching: terminal ? 'on' : 'off',
    inspecting: new Inspecting(reeve),
  }

  let learning: Promise<void> = names.learnAll()
  const told = (entry: Entry): void => {
    if (entry.from === null)
      learning = learning
        .then(() => names.learn(entry.name))
        .catch((error: unknown) => live.line(messageOf(error)))
    if (isShown(entry, desk.watching)) live.line(entryLine(entry, screen))
  }
  const unlisten = [
    reeve.on('transition', told),
    reeve.on('note', told),
    reeve.on('warning', ({ message }) => {
      if (desk.watching !== 'off') live.line(paint(screen, 'yellow', plain(message)))
    }),
  ]
  /** What happened meanwhile stands above the next prompt, and its agents have their names. */
  const finished = async (failed: boolean, within = false): Promise<void> => {
    await learning
    live.flush()
    live.busy = false
    script?.settle(failed, within)
  }

  const commands = { ...COMMANDS, ...options.commands }
  let interrupt = (): void => {}
  server.on('SIGINT', () => interrupt())
  const perform = async ({ run }: Command, line: string): Promise<void> => {
    live.busy = true
    desk.interrupted = new Promise((resolve) => {
      interrupt = resolve
    })
    let failed = false
    try {
      await run(words(line), desk)
    } catch (error) {
      failed = true
      desk.print(paint(screen, 'red', failureText(error)))
    }
    await finished(failed)
    if (terminal) server.displayPrompt()
  }
  define(server, commands, perform, script)
  followEach(server, live, finished)
  completeWith(server, commands, names)

  const ended = new Promise<{ failed: boolean }>((resolve) =>
    server.once('exit', () => {
      for (const stop of unlisten) stop()
      live.flush()
      void desk.inspecting.close().then(() => resolve({ failed: script?.failed ?? false }))
    }),
  )
  await learning
  if (options.history !== undefined && terminal) await keepHistory(server, options.history)
  if (script)
    void script
      .feed(input, (line) => unknownCommand(line, server))
      .catch((error: unknown) => {
        desk.print(failureText(error))
        script.settle(true)
        server.close()
      })
  return { server, ended, close: () => server.close() }
}

/** What can be called by its bare name. `spawn` waits until the agent runs; `reeve.spawn` does not. */
function vocabulary(reeve: Reeve): Record<string, unknown> {
  return {
    reeve,
    spawn: async (spec: AgentSpec): Promise<AgentHandle> => {
      const agent = await reeve.spawn(spec)
      await agent.ready
      return agent
    },
    get: reeve.get.bind(reeve),
    list: reeve.list.bind(reeve),
    records: reeve.records.bind(reeve),
    history: reeve.history.bind(reeve),
    heartbeat: reeve.heartbeat.bind(reeve),
    send: reeve.send.bind(reeve),
    cancel: reeve.cancel.bind(reeve),
    stop: reeve.stop.bind(reeve),
    kill: reeve.kill.bind(reeve),
    restart: reeve.restart.bind(reeve),
    killStalled: reeve.killStalled.bind(reeve),
    remove: reeve.remove.bind(reeve),
    logs: reeve.logs.bind(reeve),
  }
}

const isRecords = (value: unknown): value is AgentRecord[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every(
    (each) => typeof each === 'object' && each !== null && 'incarnation' in each && 'logFile' in each,
  )

function isShown(entry: Entry, watching: Watching): boolean {
  if (watching !== 'on') return watching === 'all'
  if (isNote(entry)) return TELLING.includes(entry.event) || entry.activity?.kind === 'waiting'
  return !PASSING.includes(entry.to)
}

const failureText = (error: unknown): string =>
  plain(error instanceof ReeveError ? `${error.code}: ${error.message}` : messageOf(error))

const keepHistory = (server: REPLServer, file: string): Promise<void> =>
  new Promise((resolve) => {
    // A history that cannot be kept is told by the REPL itself, and harms nothing.
    server.setupHistory(file, () => resolve())
  })

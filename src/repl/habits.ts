/** What is taught to Node's own REPL: our commands beside its own, where each line ends, and names to complete. */
import type { EventEmitter } from 'node:events'
import type { AsyncCompleter } from 'node:readline'
import { type REPLServer, Recoverable } from 'node:repl'
import { nearest } from '../terminal/nearest.ts'
import type { Command } from './commands.ts'
import type { Live } from './live.ts'
import type { Names } from './names.ts'
import type { Script } from './script.ts'

type Perform = (command: Command, line: string) => Promise<void>

/** Ours, and Node's own (`.exit`, `.load` …), after which a script goes on as well. */
export function define(
  server: REPLServer,
  commands: Readonly<Record<string, Command>>,
  perform: Perform,
  script: Script | undefined,
): void {
  for (const [name, own] of Object.entries(server.commands)) {
    if (!own) continue
    const { help, action } = own
    server.defineCommand(name, {
      ...(help !== undefined && { help }),
      action(line) {
        action.call(this, line)
        script?.settle(false)
      },
    })
  }
  for (const [name, command] of Object.entries(commands))
    server.defineCommand(name, {
      help: `${command.usage}${command.usage && ': '}${command.help}`,
      action: (line) => {
        server.clearBufferedCommand()
        void perform(command, line)
      },
    })
}

/**
 * Follows each line to its end. What is thrown, at once or after an `await`, reaches the server's error domain and not
 * the callback of its `eval`.
 *
 * @see https://nodejs.org/api/repl.html#global-uncaught-exceptions
 */
export function followEach(
  server: REPLServer & { readonly _domain?: EventEmitter },
  live: Live,
  finished: (failed: boolean, within?: boolean) => Promise<void>,
): void {
  const evaluate = server.eval
  const followed: REPLServer['eval'] = (code, context, file, done) => {
    live.busy = true
    evaluate.call(server, code, context, file, (error, value) => {
      done(error, value)
      if (error === null || error instanceof Recoverable) void finished(false, error !== null)
    })
  }
  Object.assign(server, { eval: followed })
  server._domain?.on('error', () => void finished(true))
}

export function completeWith(
  server: REPLServer,
  commands: Readonly<Record<string, Command>>,
  names: Names,
): void {
  const builtIn = server.completer as AsyncCompleter
  const completer: AsyncCompleter = (line, done) => {
    const asked = /^\s*\.([\w-]+)\s+(?:-\S+\s+)*(\S*)$/.exec(line)
    if (!asked || !Object.hasOwn(commands, asked[1] ?? '')) {
      builtIn.call(server, line, done)
      return
    }
    const begun = asked[2] ?? ''
    const words = [...(commands[asked[1] ?? '']?.words ?? []), ...names.known()]
    done(null, [words.filter((word) => word.startsWith(begun)), begun])
  }
  Object.assign(server, { completer })
}

/** What is wrong with a line that looks like a dot-command and is none. */
export function unknownCommand(line: string, server: REPLServer): string | undefined {
  const name = /^\s*\.([A-Za-z][\w-]*)/.exec(line)?.[1]
  if (name === undefined || Object.hasOwn(server.commands, name)) return undefined
  const near = nearest(name, Object.keys(server.commands))
  return `no command is called .${name}.${near ? ` Did you mean .${near}?` : ''} .help lists them.`
}

/** From an argv to an exit status. */
import { type Argument, Command, CommanderError } from 'commander'
import { ReeveError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { COMMANDS } from './commands/index.ts'
import { Desk, type Streams } from './desk.ts'
import { EXIT_CODES, RUN_STATUSES } from './exit-codes.ts'

const INTRODUCTION = `Reeve supervises AI agents and other long-running processes: nothing orphaned, nothing twice, nothing hidden.`

const EXAMPLES = `
Begin here:
  reeve spawn coder -- claude -p "fix the failing test"   start an agent (and the daemon, if none runs)
  reeve ls                                                what runs, and why it is as it is
  reeve logs -f coder                                     what it writes
  reeve stop coder                                        end it and everything it started
  reeve history coder                                     what happened to it, and who asked

  reeve help COMMAND tells more of one command, reeve help exit-codes what a script can go by.`

/** Global options may stand behind the command too: `reeve ls --json`. */
export function globally(command: Command): Command {
  return command
    .option('--home <folder>', "the daemon's home (default: $REEVE_HOME, else ~/.local/state/reeve)")
    .option('--url <url>', 'a daemon on loopback in place of the socket, like http://127.0.0.1:7410')
    .option('--token <token>', 'for --url; default: the file "token" in the home')
    .option('--json', 'answers and errors as JSON, in the names of every wire')
}

function programFor(desk: Desk): Command {
  const program = new Command('reeve')
  program
    .description(INTRODUCTION)
    .version(VERSION)
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(reeve --help lists the commands)')
    .helpCommand('help [command]', 'tell more of a command, or of exit-codes')
    .enablePositionalOptions()
    .configureHelp({
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' '),
    })
  globally(program)
  for (const add of COMMANDS) for (const each of withInner(add(program, desk))) globally(each)
  globally(program.command('exit-codes', { hidden: true }))
    .description('what a script can go by')
    .action(() => desk.answer(EXIT_CODES, exitCodes()))
  program.hook('preAction', (_, action) => {
    desk.options = action.optsWithGlobals()
  })
  for (const each of withInner(program))
    each.exitOverride().configureOutput({
      writeOut: (text) => desk.streams.stdout.write(text),
      writeErr: () => {}, // said once, by `failed`, in the shape that was asked for
      outputError: () => {},
      getOutHelpWidth: () => desk.screen.width ?? 100,
      getOutHasColors: () => desk.screen.colour,
    })
  return program
}

/** The words that are neither options nor what belongs to one; what stands behind `--` is the agent's. */
function wordsOf(argv: readonly string[]): string[] {
  const valued = globally(new Command()).options.filter(({ required }) => required)
  const isValued = (word: string | undefined) => valued.some(({ long }) => long === word)
  return ownPart(argv).filter((word, i, all) => !word.startsWith('-') && !isValued(all[i - 1]))
}

const ownPart = (argv: readonly string[]): readonly string[] =>
  argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv

const withInner = (command: Command): Command[] => [command, ...command.commands.flatMap(withInner)]

const argumentTerm = (argument: Argument): string => {
  const name = `${argument.name().toUpperCase()}${argument.variadic ? '...' : ''}`
  return argument.required ? name : `[${name}]`
}

const exitCodes = (): string =>
  [
    ...EXIT_CODES.map(
      ({ status, meaning, codes }) =>
        `${String(status).padStart(3)}  ${meaning}${codes.length > 0 ? ` (${codes.join(', ')})` : ''}`,
    ),
    `130  interrupted by Ctrl-C`,
    `     ${RUN_STATUSES}`,
  ].join('\n')

/** Help that was asked for is no failure; everything else that commander throws is a wrong command line. */
const isWrong = (error: CommanderError): boolean => error.exitCode !== 0

export async function runCli(argv: readonly string[], streams: Streams): Promise<number> {
  const desk = new Desk(streams)
  const asked = helpAsked(argv)
  const [word] = wordsOf(asked)
  const wantsJson = ownPart(asked).includes('--json')
  try {
    const program = programFor(desk)
    const named = program.commands.find((each) => each.name() === word)
    try {
      // Of a command that there is not, there is no help either.
      const given = word === undefined || named ? asked : asked.filter((each) => each !== HELP)
      await program.parseAsync([...given], { from: 'user' })
    } catch (thrown) {
      if (!lacksCommand(thrown)) throw thrown
      if (wantsJson) throw new CommanderError(2, thrown.code, 'a command is missing')
      // One that only holds others, like `reeve group`, tells which.
      const asking = named ?? program
      asking.outputHelp()
    }
  } catch (thrown) {
    if (thrown instanceof CommanderError && !isWrong(thrown)) return 0
    desk.options = { ...desk.options, ...(wantsJson && { json: true }) }
    await desk.failed(thrown instanceof CommanderError ? misuse(thrown) : thrown)
  } finally {
    desk.close()
  }
  return desk.status
}

/** Nothing was asked that could be done, as in `reeve` or `reeve group`; help is what commander would say then. */
const lacksCommand = (thrown: unknown): thrown is CommanderError =>
  thrown instanceof CommanderError && thrown.code === 'commander.help' && isWrong(thrown)

const HELP = '--help'

/** `help exit-codes` is a command of its own; any other help is an option of what it is about. */
function helpAsked(argv: readonly string[]): readonly string[] {
  const [first, topic] = wordsOf(argv)
  if (first !== 'help') return argv
  const about = argv.filter((_, i) => i !== argv.indexOf(first))
  return topic === 'exit-codes' ? about : [...about, HELP]
}

/** `error: unknown command 'spwan'\\n(Did you mean spawn?)` → in one line, without the word before it. */
function misuse({ message }: CommanderError): ReeveError {
  const said = message.replace(/^error: /, '').replaceAll('\n', ' ')
  return new ReeveError(
    'invalid_spec',
    `${said}${/[.?)]$/.test(said) ? '' : '.'} reeve --help lists the commands.`,
    {
      field: 'command',
    },
  )
}

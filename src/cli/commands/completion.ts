/** Completion for the shells: what can stand next is asked of `reeve` itself, names of agents included. */
import { Argument, type Command } from 'commander'
import { connect, type ReeveClient } from '../../client/index.ts'
import type { Desk } from '../desk.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  // No compgen -W: it expands its words, and a name may be `$(anything)`.
  bash: `_reeve() {
  local found typed=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r found; do
    printf -v found %q "$found"
    COMPREPLY+=("$found")
  done < <(reeve complete -- "\${typed[@]//\\\\/}" 2>/dev/null)
}
complete -o default -F _reeve reeve`,
  zsh: `#compdef reeve
_reeve() {
  local -a found
  found=("\${(@f)$(reeve complete -- "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
  compadd -a found
}
compdef _reeve reeve`,
  fish: `complete -c reeve -f -a '(reeve complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
}

export const completion = (program: Command, desk: Desk): Command =>
  program
    .command('completion')
    .summary('complete commands, options and names in your shell')
    .description('Prints a script for your shell.')
    .addArgument(new Argument('<shell>', 'which').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  eval "$(reeve completion bash)"     in ~/.bashrc\n  eval "$(reeve completion zsh)"      in ~/.zshrc\n  reeve completion fish | source      in ~/.config/fish/config.fish',
    )
    .action((shell: (typeof SHELLS)[number]) => desk.line(SCRIPTS[shell]))

export const complete = (program: Command, desk: Desk): Command =>
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      for (const each of await candidates(program, words, desk)) desk.line(each)
    })

/** What can stand in the place of the last word. */
async function candidates(program: Command, words: readonly string[], desk: Desk): Promise<string[]> {
  const begun = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  if (before.includes('--')) return []
  const command = before.reduce(within, program)
  if (command.commands.length > 0) {
    const visible = command.createHelp().visibleCommands(command)
    const next = begun.startsWith('-') ? optionsOf(command) : visible.map((each) => each.name())
    return next.filter((each) => each.startsWith(begun))
  }
  if (begun.startsWith('-')) return optionsOf(command).filter((each) => each.startsWith(begun))
  const [argument] = command.registeredArguments
  if (argument?.argChoices) return argument.argChoices.filter((each) => each.startsWith(begun))
  if (before.at(-1) === '--group' || (command.parent?.name() === 'group' && argument?.name() === 'path'))
    return (await paths(desk)).filter((each) => each.startsWith(begun))
  if (argument?.name() !== 'agent') return []
  return (await names(desk, command.name() === 'rm' || command.name() === 'restart')).filter((each) =>
    each.startsWith(begun),
  )
}

/** The command that a word leads to; a word that is none leads nowhere else. */
const within = (command: Command, word: string): Command =>
  command.commands.find((each) => word === each.name() || each.aliases().includes(word)) ?? command

const optionsOf = (command: Command): string[] =>
  command.options.filter(({ hidden }) => !hidden).map(({ long, short, flags }) => long ?? short ?? flags)

const names = (desk: Desk, ended: boolean): Promise<string[]> =>
  asked(desk, async (client) => {
    const records = ended ? await client.records() : await client.list()
    return [...new Set(records.map(({ name }) => name))]
  })

const paths = (desk: Desk): Promise<string[]> =>
  asked(desk, async (client) => (await client.groups()).map(({ path }) => path).filter((path) => path !== ''))

/** Nothing is started for a completion, and nothing is said: without an answer there are no names. */
async function asked(desk: Desk, ask: (client: ReeveClient) => Promise<string[]>): Promise<string[]> {
  const { home } = desk.options
  try {
    const client = await connect({ ...(home !== undefined && { home }), onVersion: () => {} })
    try {
      return await ask(client)
    } finally {
      client.close()
    }
  } catch {
    return []
  }
}

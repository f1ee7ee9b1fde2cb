import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { messageOf, ReeveError } from '../../errors.ts'
import type { AgentSpec } from '../../spec.ts'
import { entryLine } from '../../terminal/entry-line.ts'
import { plain } from '../../terminal/plain.ts'
import type { Desk } from '../desk.ts'
import { optionOf, SPEC_OPTIONS, specFrom } from '../spec-options.ts'

/** Every field of a specification, and `--spec` for the whole of one. */
export function specified(command: Command): Command {
  command.addOption(
    new Option(
      '--spec <file>',
      'a whole specification as YAML or JSON, in snake_case; "-" reads stdin. Options are laid over it.',
    ),
  )
  for (const each of SPEC_OPTIONS) command.addOption(optionOf(each))
  return command
}

async function fileSpec(file: string | undefined): Promise<Partial<AgentSpec>> {
  if (file === undefined) return {}
  const [{ parse }, { agentSpecSchema }, { readWire }] = await Promise.all([
    import('yaml'),
    import('../../spec.ts'),
    import('../../read-wire.ts'),
  ])
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    throw new ReeveError('invalid_spec', `--spec: ${file} cannot be read: ${messageOf(cause)}`, {
      field: '--spec',
      cause,
    })
  }
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw new ReeveError('invalid_spec', `--spec: ${file} is neither YAML nor JSON: ${messageOf(cause)}`, {
      field: '--spec',
      cause,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ReeveError(
      'invalid_spec',
      `--spec: ${file} holds no fields. Write one a line, like "ttl: 1h".`,
      { field: '--spec' },
    )
  return readWire(agentSpecSchema.partial(), value, 'the specification') as Partial<AgentSpec>
}

/** What is asked for: the file, the options over it, the words behind `--`, and the folder in which it was asked. */
export async function askedSpec(
  given: Readonly<Record<string, unknown>>,
  name: string | undefined,
  argv: readonly string[],
): Promise<AgentSpec> {
  const spec = specFrom(given, await fileSpec(given.spec as string | undefined))
  const command = argv.length > 0 ? argv : spec.command
  if (!command)
    throw new ReeveError(
      'invalid_spec',
      'command: what shall it run? Write it behind --, as in: reeve spawn coder -- sleep 60',
      {
        field: 'command',
      },
    )
  return {
    ...spec,
    ...(name !== undefined && { name }),
    command: command as AgentSpec['command'],
    cwd: spec.cwd ?? process.cwd(),
  }
}

const EXAMPLES = `
Examples:
  reeve spawn coder -- claude -p "fix the failing test"
  reeve spawn web --ready-port 3000 --restart permanent -- node server.js
  reeve spawn tester --heartbeat-timeout 2m --on-stall terminate --ttl 1h -- npm test
  reeve spawn coder --spec coder.yaml`

export const spawn = (program: Command, desk: Desk): Command =>
  specified(
    program
      .command('spawn [name]')
      .summary('start an agent, and wait until it runs')
      .description(
        'Starts an agent in the daemon, which is started when none runs, and waits until the agent is ready. The command stands behind --; no shell is involved.',
      )
      .usage('[options] NAME -- COMMAND [ARGUMENTS...]')
      .argument('[command...]')
      .option('--no-wait', 'return at once; reeve ls tells what becomes of it'),
  )
    .addHelpText('after', EXAMPLES)
    .action(async (name: string | undefined, argv: string[], given: Record<string, unknown>) => {
      const spec = await askedSpec(given, name, argv)
      const reeve = await desk.reeveStarted()
      const agent = await reeve.spawn(spec)
      const quiet = desk.watched
        ? agent.on('transition', (entry) => desk.remark(entryLine(entry, desk.errorScreen)))
        : undefined
      if (given.wait !== false) await agent.ready
      quiet?.()
      const { record } = agent
      desk.answer(
        record,
        `${plain(record.name)} ${record.state}${record.pid === null ? '' : ` · pid ${record.pid}`} · id ${record.id}`,
      )
    })

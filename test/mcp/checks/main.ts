/**
 * `npm run mcp-checks`: the MCP Inspector's command line against `reeve mcp`, and the conformance suite against `/mcp`.
 * What they need is installed into a temporary folder; `--tools FOLDER` keeps it there for the next time. Exits with 1
 * when something that applies does not hold.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { connect } from '../../../src/client/index.ts'
import { startDaemon } from '../../../src/daemon/index.ts'
import { DIST } from '../../support.ts'
import { frontOf } from './front.ts'
import { SCENARIOS } from './scenarios.ts'
import { installed, type Ran, run } from './tools.ts'

interface Row {
  readonly by: 'inspector' | 'conformance'
  readonly what: string
  readonly how: 'passed' | 'FAILED' | 'does not apply'
  readonly note: string
}

const { values } = parseArgs({ options: { tools: { type: 'string' } } })
const folder = mkdtempSync(join(tmpdir(), 'reeve-mcp-checks-'))
const tools = values.tools === undefined ? join(folder, 'tools') : resolve(values.tools)
mkdirSync(tools, { recursive: true })
const home = join(folder, 'home')
const rows: Row[] = []
const note = (text: string): string => text.trim().replaceAll(/\s+/g, ' ').slice(0, 160)

try {
  const commands = await installed(tools)
  const { daemon } = await startDaemon({ home, port: 0 })
  const reeve = await connect({ home })
  const front = await frontOf(daemon.url ?? '', readFileSync(join(home, 'token'), 'utf8').trim())
  try {
    await reeve.spawn({ name: 'checked', command: ['sh', '-c', 'echo hello; exec sleep 600'] })
    await inspect(commands)
    await conform(commands, front.url)
  } finally {
    front.close()
    await reeve.shutdown({ timeout: '5s' })
    reeve.close()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const widths = (['by', 'what', 'how'] as const).map((key) => Math.max(...rows.map((row) => row[key].length)))
for (const { by, what, how, note } of rows)
  console.log(
    [by, what, how].map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '),
    note ? `  ${note}` : '',
  )
const failed = rows.filter(({ how }) => how === 'FAILED').length
const count = (how: Row['how']) => rows.filter((row) => row.how === how).length
console.log(`\n${count('passed')} passed, ${failed} failed, ${count('does not apply')} do not apply`)
process.exitCode = failed === 0 ? 0 : 1

/** Each asks through a `reeve mcp` of its own. */
async function inspect(commands: string): Promise<void> {
  const cli = [join(commands, 'mcp-inspector'), '--cli', '-e', `REEVE_HOME=${home}`]
  const server = [process.execPath, join(DIST, 'src', 'cli', 'main.js'), 'mcp']
  const env = { ...process.env, HOME: folder, MCP_CATALOG_PATH: join(folder, 'catalog.json') }
  const asked = async (
    what: string,
    args: readonly string[],
    holds: (ran: Ran) => boolean,
  ): Promise<void> => {
    const ran = await run(join(commands, 'node'), [...cli, ...server, ...args], env, folder)
    const held = ran.status === 0 && holds(ran)
    const said = held ? '' : note(`status ${ran.status}: ${ran.err || ran.out}`)
    rows.push({ by: 'inspector', what, how: held ? 'passed' : 'FAILED', note: said })
  }
  const answer = (out: string): Record<string, unknown> => JSON.parse(out.slice(out.indexOf('{')))
  const call = (tool: string, args: Readonly<Record<string, string>>): string[] => [
    ...['--method', 'tools/call', '--tool-name', tool],
    ...Object.entries(args).flatMap(([key, value]) => ['--tool-arg', `${key}=${value}`]),
  ]
  const structured = ({ out }: Ran) => answer(out).structuredContent as Record<string, unknown>
  await asked('tools/list --strict', ['--method', 'tools/list', '--strict'], ({ out }) => {
    const { tools } = answer(out) as { tools: readonly unknown[] }
    return tools.length === 14
  })
  await asked('spawn_agent', call('spawn_agent', { name: 'coder', command: '["sleep","600"]' }), (ran) => {
    const { state, name } = structured(ran)
    return state === 'running' && name === 'coder'
  })
  await asked('get_agent', call('get_agent', { agent: 'coder' }), (ran) => structured(ran).alive === true)
  await asked('agent_logs', call('agent_logs', { agent: 'checked' }), ({ out }) => out.includes('hello'))
  await asked('stop_agent', call('stop_agent', { agent: 'coder', grace: '5s' }), (ran) => {
    const { success, killed_gracefully } = structured(ran)
    return success === true && killed_gracefully === true
  })
  await asked('agent_history', call('agent_history', { agent: 'coder' }), ({ out }) => out.includes('killed'))
  await asked('resources/list', ['--method', 'resources/list'], ({ out }) => out.includes('reeve://agents/'))
  await asked('resources/templates/list', ['--method', 'resources/templates/list'], ({ out }) =>
    out.includes('reeve://agents/{id}'),
  )
  await asked(
    'resources/read',
    ['--method', 'resources/read', '--uri', 'reeve://agents/checked/log'],
    ({ out }) => out.includes('hello'),
  )
}

/** A scenario that is not known yet fails: somebody has to say whether it applies. */
async function conform(commands: string, url: string): Promise<void> {
  const conformance = (args: readonly string[]) =>
    run(join(commands, 'node'), [join(commands, 'conformance'), ...args], process.env, folder)
  const { out } = await conformance(['list', '--server'])
  const listed = [...out.matchAll(/^ {2}- (\S+)/gm)].map(([, name = '']) => name)
  if (listed.length === 0) throw new Error(`the conformance suite lists no scenario: ${out}`)
  for (const what of new Set([...listed, ...Object.keys(SCENARIOS)])) {
    const applies = SCENARIOS[what]
    if (typeof applies === 'string') {
      rows.push({ by: 'conformance', what, how: 'does not apply', note: applies })
      continue
    }
    const ran = await conformance(['server', '--url', url, '--scenario', what])
    const held = applies === true && ran.status === 0 && /^Passed: [1-9]/m.test(ran.out)
    const why = applies === undefined ? 'unknown here: does it apply?' : note(ran.out.slice(-160))
    rows.push({ by: 'conformance', what, how: held ? 'passed' : 'FAILED', note: held ? '' : why })
  }
}

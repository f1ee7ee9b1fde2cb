import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { words } from '../../src/repl/words.ts'
import { nearest } from '../../src/terminal/nearest.ts'
import { DIST, fixture, soon, until } from '../support.ts'
import { TinyTerminal } from './tiny-terminal.ts'

const folder = mkdtempSync(join(tmpdir(), 'reeve-repl-'))
t.teardown(() => rmSync(folder, { recursive: true }))
/** Not the home of whoever runs this. */
const ENV = { ...process.env, REEVE_HOME: folder }

const ended = (child: ChildProcessWithoutNullStreams): Promise<number | null> =>
  new Promise((resolve) => child.once('close', resolve))

/** What a script through a pipe writes, and its exit status. */
async function piped(...lines: string[]): Promise<{ out: string; status: number | null }> {
  const child = spawn(process.execPath, [fixture('prompts.js'), DIST], { env: ENV })
  let out = ''
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    out += data
  })
  child.stdin.end(lines.map((line) => `${line}\n`).join(''))
  return { status: await soon(ended(child), 'the end of the script', 60_000), out }
}

/** Somebody at a pseudo-terminal of 60 columns. */
class Typist {
  readonly screen = new TinyTerminal(60)
  readonly #child: ChildProcessWithoutNullStreams
  readonly left: Promise<number | null>

  constructor(...args: readonly string[]) {
    const command = `stty cols 60 rows 24; exec ${process.execPath} ${args.join(' ')}`
    this.#child = spawn('script', ['-qfec', command, '/dev/null'], {
      env: { ...ENV, TERM: 'xterm', NO_COLOR: '1', SHELL: '/bin/sh' },
    })
    this.#child.stdout.setEncoding('utf8').on('data', (data: string) => this.screen.write(data))
    this.left = ended(this.#child)
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  sees(what: RegExp): Promise<string> {
    return until(() => this.screen.lines.find((line) => what.test(line)), {
      what: `${what} on\n${this.screen.lines.join('\n')}`,
      timeoutMs: 30_000,
    })
  }
}

t.test('a script runs line after line, and what it says is plain', { timeout: 90_000 }, async (t) => {
  const { out, status } = await piped(
    '.ls',
    "await spawn({ name: 'coder', command: ['sleep', '60'], ttl: '1h' })",
    'const twice = (n) => {',
    '  return 2 * n',
    '}',
    'twice(21)',
    '',
    '// nothing',
    'coder.state',
    '.spawn my-agent -- sh -c "exec sleep 60"',
    "agents['my-agent'].name",
    'await list()',
    '.diagram coder',
    `.diagram system ${join(folder, 'system.svg')}`,
    '.stop coder 5s',
    'coder.record.reason',
    '.history coder',
    '.restart my-agent',
    '.logs my-agent 5',
    '.cancel my-agent 30s',
    '.spawn third -- sleep 60',
    '.kill third',
    '.rm third',
    '.inspect',
    '.inspect off',
    '.events all',
  )
  t.equal(status, 0, out)
  const lines = out.split('\n')
  t.equal(lines[0], 'No agents. Start one: .spawn NAME -- COMMAND')
  t.match(lines[1], /^Agent coder · running · pid \d+$/)
  t.strictSame(lines.slice(2, 4), ['42', "'running'"], 'no prompt, no dots')
  t.match(lines[4], /^my-agent running · pid \d+$/)
  t.equal(lines[5], "'my-agent'")
  t.match(lines[6], /^NAME\tSTATE/)
  t.match(lines[7], /^coder\trunning/)
  t.match(lines[10], /^title: "coder · running · pid \d+"$/)
  t.match(readFileSync(join(folder, 'system.svg'), 'utf8'), />my-agent<|>my&#45;agent</)
  const after = lines.slice(lines.indexOf('Agent terminated gracefully'))
  t.equal(after[1], "{ kind: 'user', by: 'user' }")
  t.match(after[2], /^\d{4}-.*Z {2}coder +spawning$/)
  const rest = lines.slice(
    lines.findIndex((line) => / coder +killed +user, by user · SIGTERM/.test(line)) + 1,
  )
  t.match(rest[0], /^running · pid \d+ · life 2$/)
  t.match(rest.slice(1, -1), [
    'Agent cancelled',
    /^third running · pid \d+$/,
    'Agent killed',
    /^http:\/\/127\.0\.0\.1:\d+\/#token=/,
    'events all',
  ])
})

t.test('a script ends at the first line that fails, with status 1', { timeout: 90_000 }, async (t) => {
  const failing: readonly (readonly [string, RegExp])[] = [
    ['await stop("codr")', /^Uncaught agent_not_found: no agent has the id or name "codr"$/m],
    ['throw new Error("mine")', /^Uncaught Error: mine/m],
    ['.stp coder', /no command is called \.stp\. Did you mean \.stop\?/],
    ['.show nobody', /^agent_not_found: no agent is called "nobody"/m],
    ['.spawn coder', /a name and a command, as in: \.spawn coder -- sleep 60/],
    ['.spawn ghost -- /does/not/exist', /^spawn_failed: .*does not exist/m],
    ['.diagram nobody', /^agent_not_found: no agent is called "nobody"/m],
    ['.diagram system picture.png', /must end in \.svg, \.dot or \.mmd/],
    ['.inspect everything', /^invalid_spec: inspect: local, stately, off \(given: everything\)/m],
    ['.logs "coder', /a quote is not closed/],
    ['const half = (', /the script ends in the middle of a statement/],
  ]
  for (const [line, said] of failing)
    t.test(line, async (t) => {
      const { out, status } = await piped(line, ...(line.endsWith('(') ? [] : ['"not reached"']))
      t.equal(status, 1)
      t.match(out, said)
      t.notMatch(out, /not reached/)
    })
})

t.test(
  'entries go above the prompt and leave what is being typed untouched',
  { timeout: 90_000 },
  async (t) => {
    const history = join(folder, 'history')
    const typist = new Typist(fixture('prompts.js'), DIST, history)
    await typist.sees(/^reeve>$/)
    t.equal(typist.screen.lines[0], 'hello')
    typist.type('.spawn coder -- sh -c "sleep 2; exit 3"\r')
    await typist.sees(/^coder running · pid \d+$/)
    // Longer than a line of the terminal, and not yet sent.
    typist.type(`"${'x'.repeat(80)}`)
    await typist.sees(/^ *┊ coder +crashed +exit 3$/)
    await typist.sees(/^x{20,}$/)
    typist.type('".length\r')
    await typist.sees(/^80$/)
    const { lines } = typist.screen
    const crashed = lines.findIndex((line) => line.includes('crashed'))
    t.match(lines[crashed + 1], /^reeve> "x+$/, 'the prompt stands whole below it')
    t.equal(lines.filter((line) => line.includes('"xxx')).length, 1, 'and once')

    typist.type('coder\r')
    await typist.sees(/^Agent coder · crashed · last pid \d+$/)
    typist.type('.sho')
    await typist.sees(/^reeve> \.sho/)
    typist.type('\t')
    await typist.sees(/^reeve> \.show ?$/)
    typist.type(' cod')
    await typist.sees(/^reeve> \.show +cod/)
    typist.type('\t')
    await typist.sees(/^reeve> \.show +coder ?$/)
    typist.type('\r')
    await typist.sees(/^coder {2}crashed$/)
    await typist.sees(/^ +exit +3$/)
    typist.type('.exit\r')
    t.equal(await soon(typist.left, 'the end of the prompt', 30_000), 0)
    t.match(readFileSync(history, 'utf8'), /\.show +coder/, 'what was typed is kept')
    t.equal(statSync(history).mode & 0o777, 0o600)
  },
)

t.test(
  'the demo: on a terminal a prompt over its crew, through a pipe to its end',
  { timeout: 90_000 },
  async (t) => {
    const demo = join(dirname(DIST), 'examples', 'crew.js')
    const piped = spawn(process.execPath, [demo], { env: ENV })
    const over = ended(piped)
    const chunks: string[] = []
    piped.stdout.setEncoding('utf8').on('data', (text: string) => chunks.push(text))
    const typist = new Typist(demo)
    await typist.sees(/^reeve>$/)
    typist.type('.ls\r')
    await typist.sees(/^steady +● running/)
    typist.type('dozer.incarnation\r')
    await typist.sees(/^1$/)
    typist.type('.stop dozer\r')
    await typist.sees(/^Agent terminated gracefully$/)
    typist.type('.exit\r')
    t.equal(await soon(typist.left, 'the end of the show', 30_000), 0)
    await typist.sees(/^ {2}dozer +killed +user, by user/)
    await typist.sees(/^ {2}0 of \d+ processes left/)

    t.equal(await soon(over, 'the end of the demo', 60_000), 0)
    t.match(chunks.join(''), /\n {2}0 of \d+ processes left · \d+ entries in the database\n$/)
    t.notMatch(chunks.join(''), /reeve>/)
  },
)

t.test('the arguments of a dot-command: quotes hold words together, nothing is expanded', async (t) => {
  t.strictSame(words(`coder -- sh -c "echo \\"hi\\" $HOME" 'a b' *`), [
    'coder',
    '--',
    'sh',
    '-c',
    'echo "hi" $HOME',
    'a b',
    '*',
  ])
  t.strictSame(words('  '), [])
  t.throws(() => words('say "hello'), { code: 'invalid_spec' })
})

t.test('what was probably meant: by its beginning, or with few letters changed', async (t) => {
  const known = ['coder', 'reviewer', 'planner']
  t.equal(nearest('cod', known), 'coder')
  t.equal(nearest('codr', known), 'coder')
  t.equal(nearest('ocder', known), 'coder')
  t.equal(nearest('Reveiwer', known), 'reviewer')
  t.equal(nearest('tester', known), undefined)
  t.equal(nearest('', known), undefined)
})

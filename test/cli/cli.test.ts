import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { EXIT_CODES, statusOf } from '../../src/cli/exit-codes.ts'
import { SPEC_OPTIONS, specFrom } from '../../src/cli/spec-options.ts'
import { ERRORS } from '../../src/errors.ts'
import { agentSpecSchema } from '../../src/spec.ts'
import { alive, soon, until } from '../support.ts'
import { REEVE, shellIn } from './rig.ts'

t.setTimeout(300_000)

t.test('from no home at all to nothing left, from another directory', { timeout: 120_000 }, async (t) => {
  const { reeve, home, cwd } = shellIn(t)
  const none = await reeve(['ls'])
  t.equal(none.status, 5)
  t.equal(none.err, `reeve: no daemon runs in ${home}. Start one: reeve up -d\n`)

  const spawned = await reeve([
    'spawn',
    'coder',
    '--task',
    'T-1',
    '--label',
    'kind=test',
    '--',
    'sh',
    '-c',
    'echo "hello  $0"; exec sleep 60',
  ])
  t.equal(spawned.status, 0, spawned.err)
  t.match(spawned.err, /^started a daemon: pid \d+, home /)
  t.match(spawned.out, /^coder running · pid \d+ · id \S+\n$/)
  const pid = Number(/pid (\d+)/.exec(spawned.out)?.[1])

  const table = (await reeve(['ls'])).out.split('\n')
  t.match(table[0], /^NAME\tSTATE\tFOR\tPID\tBEAT\tCPU\tMEM/)
  t.match(table[1], new RegExp(`^coder\\trunning\\t.*\\t${pid}\\t.*\\tT-1\\t`))
  const [record] = JSON.parse((await reeve(['ls', '--json'])).out)
  t.match(record, {
    name: 'coder',
    state: 'running',
    alive: true,
    pid,
    task: 'T-1',
    labels: { kind: 'test' },
    last_heartbeat_at: String,
  })
  t.match(JSON.parse((await reeve(['show', 'coder', '--json'])).out), { id: record.id, incarnation: 1 })
  t.match((await reeve(['show', 'coder'])).out, /^coder {2}running\n.* task +T-1\n/s)
  t.equal((await reeve(['logs', 'coder'])).out, 'hello  sh\n')
  t.match(JSON.parse((await reeve(['health', 'coder', '--json'])).out), { health: 'healthy', pid })
  t.equal((await reeve(['beat', 'coder'])).status, 0)

  const taken = await reeve(['spawn', 'coder', '--', 'sleep', '1'])
  t.equal(taken.status, 4)
  t.match(taken.err, /coder/)
  const again = JSON.parse((await reeve(['restart', 'coder', '--json'])).out)
  t.match(again, { id: record.id, incarnation: 2, state: 'running' })
  t.notOk(alive(pid))

  const stopped = JSON.parse(
    (await reeve(['stop', 'coder', '--grace', '5s', '--reason', 'enough', '--by', 'me', '--json'])).out,
  )
  t.match(stopped, {
    success: true,
    agent_id: record.id,
    action: 'graceful_kill',
    task_id: 'T-1',
    killed_gracefully: true,
    escaped: [],
  })
  t.notOk(alive(again.pid))
  t.match((await reeve(['history', 'coder'])).out, /coder +killed +user, by me: enough/)
  t.match(
    (await reeve(['diagram', 'coder'])).out,
    /title: "coder · killed · life 2"\n.*reaping --> killed: ▸/s,
  )
  const picture = join(cwd, 'system.svg')
  const drawn = await reeve(['diagram', 'system', '-o', 'system.svg'])
  t.strictSame([drawn.status, drawn.out], [0, ''], drawn.err)
  t.match(readFileSync(picture, 'utf8'), /^<\?xml.*<svg .*>root<.*>running · one_for_one</s)
  t.equal((await reeve(['ls'])).out, 'No agents. Start one: reeve spawn NAME -- COMMAND\n')
  t.match((await reeve(['ls', '--all'])).out, /coder\tkilled/)
  t.match((await reeve(['events'])).out, /coder +spawning\n.*coder +killed/s)
  const gone = await reeve(['stop', 'coder'])
  t.equal(gone.status, 3)
  t.equal((await reeve(['rm', 'coder', '--history'])).status, 0)
  t.equal((await reeve(['ls', '--all', '--json'])).out, '[]\n')

  const { pid: daemon } = JSON.parse((await reeve(['status', '--json'])).out)
  const well = await reeve(['doctor'])
  t.equal(well.status, 0, well.out)
  t.match(well.out, /^ok home: /m)
  t.match((await reeve(['up', '-d'])).out, new RegExp(`^runs already: pid ${daemon}`))
  t.match((await reeve(['down'])).out, /^0 agents ended/)
  t.notOk(alive(daemon))
  t.equal((await reeve(['status'])).status, 5)

  t.equal((await reeve(['up', '-d', '--admission-memory-free', '1000tb'])).status, 0)
  const full = await reeve(['spawn', 'coder', '--json', '--', 'sleep', '60'])
  t.equal(full.status, 4)
  t.match(JSON.parse(full.out), {
    success: false,
    error: 'resource_exhausted',
    field: 'admission.memoryFree',
    message: /1000 TB have to be/,
  })
})

/** One daemon for those that mind their own agents. */
const shell = shellIn(t)

t.test(
  'what is wrong is told with the way out, and each kind has its status',
  { timeout: 120_000 },
  async (t) => {
    const { reeve, here, cwd } = shell
    await reeve(['spawn', 'coder', '--', 'sleep', '60'])
    const cases: readonly (readonly [string[], number, RegExp])[] = [
      [['spwan'], 2, /unknown command 'spwan' \(Did you mean spawn\?\)/],
      [['help', 'lgos'], 2, /unknown command 'lgos' \(Did you mean logs\?\)/],
      [['spawn', 'y', '--', '/does/not/exist', '--json'], 6, /does not exist/],
      [['ls', '--al'], 2, /unknown option '--al' \(Did you mean --all\?\)/],
      [['show', 'codr'], 3, /no agent is called "codr"\. Did you mean "coder"\?/],
      [['show', 'zzz'], 3, /no agent is called "zzz"\. reeve ls --all lists/],
      [['spawn', 'x', '--ttl', 'soon', '--', 'sleep', '1'], 2, /ttl: "soon" is not a duration/],
      [['spawn', 'x', '--stop', 'SIGFOO', '--', 'sleep', '1'], 2, /--stop: "SIGFOO" is not a rung/],
      [['spawn', 'x', '--env', 'A', '--', 'sleep', '1'], 2, /--env: "A" is not KEY=VALUE/],
      [['spawn', 'x'], 2, /command: what shall it run\? Write it behind --/],
      [['spawn', 'x', '--', '/does/not/exist'], 6, /does not exist/],
      [
        ['spawn', 'x', '--spec', '/does/not/exist', '--', 'a'],
        2,
        /--spec: \/does\/not\/exist cannot be read/,
      ],
      [['stop'], 2, /agent: name one, or write --task TASK, --lane LANE or --all/],
      [['stop', 'coder', '--all'], 2, /one of them/],
      [['stop', '--task', 'none'], 3, /none/],
      [['diagram', 'codr'], 3, /Did you mean "coder"\?/],
      [['diagram', 'agent', '--format', 'png'], 2, /mermaid, svg, dot/],
      [['diagram', '-o', '/does/not/exist.svg'], 2, /output: \/does\/not\/exist\.svg cannot be written/],
      [['completion', 'tcsh'], 2, /bash, zsh, fish/],
      [['events', '--since', 'x'], 2, /is no place in the log/],
    ]
    await Promise.all(
      cases.map(async ([args, status, said]) => {
        const plain = await here(args)
        t.equal(plain.status, status, `reeve ${args.join(' ')}: ${plain.err}`)
        t.equal(plain.out, '', 'nothing on stdout')
        t.match(plain.err, said)
        t.match(plain.err, /^reeve: [^\n]+\n$/, 'one line')
      }),
    )
    for (const args of [['--json'], ['group', '--json'], ['--home', cwd, '--json']]) {
      const { status, out, err } = await here(args)
      t.strictSame([status, err], [2, ''], args.join(' '))
      t.match(JSON.parse(out), {
        success: false,
        error: 'invalid_spec',
        field: 'command',
        message: 'a command is missing. reeve --help lists the commands.',
      })
    }
    for (const args of [[], ['--home', cwd], ['help', '--json']])
      t.match(await here(args), { status: 0, out: /^Usage: reeve \[options\] \[command\]\n/, err: '' })
    t.match(JSON.parse((await here(['help', 'exit-codes', '--json'])).out), [{ status: 0, meaning: 'done' }])
    const alone = await reeve(['spwan'])
    t.strictSame([alone.status, alone.out], [2, ''], 'as a process too')
    t.match(alone.err, /^reeve: unknown command 'spwan' .*\n$/)
    const json = await reeve(['show', 'codr', '--json'])
    t.match(JSON.parse(json.out), {
      success: false,
      error: 'agent_not_found',
      message: /Did you mean "coder"/,
    })
    t.equal(json.err, '')
  },
)

t.test('run passes exit codes and signals through, and leaves nothing', { timeout: 120_000 }, async (t) => {
  const { reeve, env, cwd } = shell
  const three = await reeve(['run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'])
  t.equal(three.status, 3)
  t.equal(three.out, 'out\nerr\n')
  t.equal((await reeve(['run', '--', 'sh', '-c', 'kill -TERM $$'])).status, 143)
  const absent = await reeve(['run', '--', '/does/not/exist'])
  t.equal(absent.status, 127)
  t.match(absent.err, /does not exist/)

  const child = spawn(
    process.execPath,
    [REEVE, 'run', '--name', 'long', '--', 'sh', '-c', 'echo $$; exec sleep 60'],
    { cwd, env },
  )
  const pid = await new Promise<number>((resolve) =>
    child.stdout.once('data', (text) => resolve(Number(text))),
  )
  t.ok(alive(pid))
  child.kill('SIGTERM')
  const status = await soon(new Promise((resolve) => child.once('close', resolve)), 'the end of run', 60_000)
  t.equal(status, 143)
  t.notOk(alive(pid))

  // A pipe that nobody reads any more ends it, as it would end the command itself; others just leave.
  const piped = async (line: string) => {
    const sh = spawn('bash', ['-c', `set -o pipefail; ${line}`], {
      cwd,
      env: { ...env, REEVE: `${process.execPath} ${REEVE}` },
    })
    let [out, err] = ['', '']
    sh.stdout.on('data', (text) => (out += text))
    sh.stderr.on('data', (text) => (err += text))
    const end = await soon(new Promise((resolve) => sh.once('close', resolve)), line, 60_000)
    return { end, out, err }
  }
  t.match(await piped(`$REEVE run --name yes -- sh -c "while echo y; do sleep 0.1; done" | head -1`), {
    end: 141,
    out: 'y\n',
    err: '',
  })
  t.match(JSON.parse((await reeve(['show', 'yes', '--json'])).out), {
    state: 'killed',
    reason: { by: 'run, SIGPIPE' },
  })
  // Its reader is gone before it begins.
  const closed = `until [ -e closed ]; do sleep 0.02; done; exec $REEVE events --since start`
  t.match(await piped(`(${closed}) | { exec <&-; : >closed; }`), { end: 141, err: '' })
})

t.test('a whole specification from a file, options over it', { timeout: 120_000 }, async (t) => {
  const { reeve, cwd } = shell
  writeFileSync(
    join(cwd, 'writer.yaml'),
    'command: [sleep, "60"]\nttl: 1h\nheartbeat:\n  on_stall: terminate\nlabels: {from: file}\n',
  )
  const record = JSON.parse(
    (await reeve(['spawn', 'writer', '--spec', 'writer.yaml', '--label', 'by=option', '--json'])).out,
  )
  t.match(record, { name: 'writer', state: 'running', command: ['sleep', '60'], labels: { by: 'option' } })
  writeFileSync(join(cwd, 'wrong.yaml'), 'command: [sleep, "60"]\nheartbeat:\n  onStall: terminate\n')
  const wrong = await reeve(['spawn', 'other', '--spec', 'wrong.yaml'])
  t.equal(wrong.status, 2)
  t.match(wrong.err, /heartbeat\.onStall: .*snake_case: on_stall/)
  const piped = await reeve(
    ['spawn', 'piped', '--spec', '-', '--json'],
    '{"command": ["sleep", "60"], "task": "T"}',
  )
  t.match(JSON.parse(piped.out), { name: 'piped', task: 'T' })
})

t.test('entries and logs are followed until what is followed ends', { timeout: 120_000 }, async (t) => {
  const { reeve, env, cwd } = shell
  const watcher = spawn(process.execPath, [REEVE, 'events', '-f', '--json'], { cwd, env })
  let seen = ''
  watcher.stdout.on('data', (text) => {
    seen += text
  })
  let n = 0
  await until(
    async () => {
      n += 1
      await reeve(['run', '--name', `short-${n}`, '--', 'true'])
      return seen.includes('"completed"')
    },
    { what: 'an entry that is followed', timeoutMs: 60_000 },
  )
  const entries = seen
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(entries[0], { place: /^\S+:\d+$/, agent_id: String, seq: Number })
  watcher.kill('SIGINT')
  await soon(new Promise((resolve) => watcher.once('close', resolve)), 'the end of events -f')
  const followed = await reeve(['logs', '-f', 'short-1'])
  t.equal(followed.status, 0)
})

t.test('a prompt on the daemon, through a pipe', { timeout: 120_000 }, async (t) => {
  const { reeve } = shell
  const { out, status } = await reeve(
    ['repl'],
    "await spawn({ name: 'painter', command: ['sleep', '60'] })\n.stop painter\n",
  )
  t.equal(status, 0)
  t.match(out, /^Agent painter · running · pid \d+\nAgent terminated gracefully\n$/)
  t.equal((await reeve(['repl'], '.stop nobody\n')).status, 1)
})

t.test(
  'completion asks the command itself: commands, options, names, choices',
  { timeout: 120_000 },
  async (t) => {
    const { reeve, env, cwd } = shell
    const complete = async (...words: string[]) =>
      (await reeve(['complete', '--', ...words])).out.trim().split('\n')
    t.strictSame(await complete('sta'), ['status'])
    t.strictSame(await complete('stop', 'co'), ['coder'])
    t.strictSame(await complete('ls', '--al'), ['--all'])
    t.strictSame(await complete('completion', ''), ['bash', 'zsh', 'fish'])
    t.strictSame(await complete('spawn', 'x', '--', 's'), [''])
    const bin = join(cwd, 'reeve')
    writeFileSync(bin, `#!/bin/sh\nexec ${process.execPath} ${REEVE} "$@"\n`, { mode: 0o755 })
    // What an agent is called is only ever a name, and comes as it has to be typed.
    const names = ['$(touch pwned)', 'two words', 'back\\slash', "it's"]
    for (const name of names)
      t.equal((await shell.here(['spawn', name, '--', 'sleep', '60'])).status, 0, name)
    const script = `eval "$(reeve completion bash)"
      try() { COMP_WORDS=(reeve stop "$1"); COMP_CWORD=2; _reeve; printf '%s\\n' "\${COMPREPLY[@]}"; }
      try co; try '$('; try 'two\\ w'; try back; eval "printf '%s\\n' \${COMPREPLY[0]}"; try it`
    const bash = spawn('bash', ['-c', script], { cwd, env: { ...env, PATH: `${cwd}:${env.PATH}` } })
    let out = ''
    bash.stdout.on('data', (text) => {
      out += text
    })
    await soon(new Promise((resolve) => bash.once('close', resolve)), 'bash', 30_000)
    t.equal(
      out,
      ['coder', '\\$\\(touch\\ pwned\\)', 'two\\ words', 'back\\\\slash', 'back\\slash', "it\\'s", ''].join(
        '\n',
      ),
    )
    t.notOk(existsSync(join(cwd, 'pwned')), 'and nothing was run')
    for (const name of names) await shell.here(['kill', name])
  },
)

t.test('every field of a specification has its option', async (t) => {
  const covered = new Set(SPEC_OPTIONS.map(({ path }) => path.split('.')[0]))
  // The command and the name stand for themselves.
  const others = ['command', 'name']
  const fields = Object.keys(agentSpecSchema.shape)
  t.strictSame(
    fields.filter((field) => !covered.has(field) && !others.includes(field)),
    [],
  )
  t.ok(fields.length > 20)
})

t.test('options are read into the specification that they mean', async (t) => {
  t.strictSame(
    specFrom(
      {
        stop: ['SIGINT:5s,cancel:30s', 'input=q\\n:2s'],
        intensity: '5/1m',
        restart: 'transient',
        heartbeat: false,
        noRetry: '2,4',
        readyPort: '127.0.0.1:3000',
        env: ['A=1', 'B=x=y'],
      },
      { restart: 'permanent', ttl: '1h' },
    ),
    {
      ttl: '1h',
      stop: [
        { signal: 'SIGINT', wait: '5s' },
        { cancel: true, wait: '30s' },
        { input: 'q\n', wait: '2s' },
      ],
      restart: { policy: 'transient', intensity: { restarts: 5, within: '1m' } },
      heartbeat: false,
      noRetry: [2, 4],
      ready: { port: { port: 3000, host: '127.0.0.1' } },
      env: { A: '1', B: 'x=y' },
    },
  )
})

t.test('an exit status belongs to one line of the table, and every code has one', async (t) => {
  const codes = EXIT_CODES.flatMap(({ codes }) => codes)
  t.equal(new Set(codes).size, codes.length)
  for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[])
    t.ok(statusOf(code) >= 1 && statusOf(code) <= 7, code)
})

/** Every command line of the README, typed as it stands there, in a home that did not exist; none may be left out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../architecture/sources.ts'
import { endDaemon } from '../daemon/rig.ts'
import { nothingIsLeft, soon, temporaryFolder, until } from '../support.ts'
import { REEVE, type Said } from './rig.ts'

nothingIsLeft(t)
t.setTimeout(300_000)

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
/** What stands behind a command is for the reader. */
const commandOf = (line: string): string => line.replace(/ {2,}# .*$/, '').trim()
const written = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block = '']) => block.split('\n').map(commandOf))
  .filter((line) => line !== '')
const typed = new Set<string>()

/** The line of the README that is meant, as it stands there. */
function line(what: RegExp): string {
  const [found = '', ...others] = written.filter((each) => what.test(each) && !typed.has(each))
  if (found === '' || others.length > 0)
    throw new Error(`not one line of the README is ${what}: ${[found, ...others]}`)
  typed.add(found)
  return found
}

const home = temporaryFolder(t)
const bin = temporaryFolder(t)
const program = (name: string, text: string) =>
  writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
program('reeve', `exec ${process.execPath} ${REEVE} "$@"`)
program('claude', 'echo "claude $*"; exec sleep 600')
program('npm', 'echo "npm $*"; exit 3')
const env = { PATH: `${bin}:${process.env.PATH}`, HOME: home }
const state = join(home, '.local', 'state', 'reeve')
t.teardown(() => endDaemon(state))

function begin(command: string): {
  readonly child: ChildProcess
  readonly done: Promise<Said>
  said: () => string
} {
  const child = spawn('bash', ['-c', command], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const done = new Promise<Said>((resolve) => child.once('close', (status) => resolve({ status, out, err })))
  return { child, done, said: () => out }
}
const run = (command: string): Promise<Said> => soon(begin(command).done, command, 30_000)

t.test('from a shell', async (t) => {
  const spawned = await run(line(/^reeve spawn coder /))
  t.match(spawned, { status: 0, out: /^coder running · pid \d+/, err: /^started a daemon/ })
  t.match(await run(line(/^reeve ls$/)), { status: 0, out: /^coder\trunning\t/m })
  const following = begin(line(/^reeve logs -f coder$/))
  await until(() => following.said() !== '', { what: 'the log comes' })

  t.equal((await run(line(/^reeve diagram system /))).status, 0)
  t.match(readFileSync(join(home, 'crew.svg'), 'utf8'), /<svg[\s\S]*coder/)
  t.match(await run(line(/^reeve diagram coder /)), { status: 0, out: /<svg[\s\S]*running/ })
  t.match(await run(line(/^reeve diagram supervisor$/)), { status: 0, out: /stateDiagram/ })

  t.equal((await run(line(/^reeve stop coder/))).status, 0)
  const followed = await soon(following.done, 'following ends with the agent', 20_000)
  t.match(followed, { status: 0, out: 'claude -p fix the failing test\n' })
  t.match(await run(line(/^reeve history coder$/)), { status: 0, out: /coder +killed +user/ })
  t.match(await run(line(/^reeve group open crew /)), {
    status: 0,
    out: /^group crew opened · one_for_all · intensity 3\/1m/,
  })
  t.match(
    await run(line(/^reeve run -- npm test$/)),
    { status: 3, out: 'npm test\n' },
    'the exit code of the command',
  )
})

t.test('with curl, in the home that is found by user', async (t) => {
  const reeve = line(/^reeve\(\) \{ curl/)
  const curl = (command: string) => run(`${reeve}\n${command}`)
  const asked = await curl(line(/^reeve agents -d /))
  t.match(JSON.parse(asked.out), { name: 'coder', state: 'spawning', task: 'T-1', command: ['sleep', '600'] })
  const following = begin(`${reeve}\n${line(/^reeve agents\/coder\/logs\?follow/)}`)
  const stopped = JSON.parse((await curl(line(/^reeve agents\/coder\/stop /))).out)
  t.match(stopped, {
    success: true,
    action: 'graceful_kill',
    grace_period_seconds: 5,
    task_id: 'T-1',
    escaped: [],
  })
  t.match(await soon(following.done, 'the log is over', 20_000), { status: 0, out: '' })

  t.match(JSON.parse((await curl(line(/^reeve groups -d /))).out), { path: 'crew', state: 'running' })

  const place = `${JSON.parse((await run('reeve status --json')).out).supervisor_id}:1`
  const entries = begin(
    `${reeve}\n${line(/^reeve entries -H/).replace(/k3f9…:41/, place)}`.replace('curl', 'exec curl -N'),
  )
  await until(() => entries.said().includes('"to":"killed"'), { what: 'the entries after that place' })
  t.match(entries.said(), `id: ${place}\nevent: hello\n`)
  entries.child.kill('SIGKILL')
  await entries.done
  t.match(await run(line(/^reeve down$/)), { status: 0, out: /^0 agents ended/ })
})

t.test('what an agent writes, in its own shell', async (t) => {
  const reports = written.filter((each) => each.includes('$REEVE_REPORT'))
  const requests = written.filter((each) => each.includes('$REEVE_CONTROL'))
  for (const each of [...reports, ...requests]) typed.add(each)
  t.ok(reports.length > 4 && requests.length > 1)
  const [takes, ...steps] = requests
  const script = [takes, ...reports, `while :; do ${steps.join('; ')}; sleep 0.02; done`].join('\n')
  writeFileSync(join(home, 'agent.sh'), script)
  const spawned = await run('reeve spawn reporter --ready-report -- sh agent.sh')
  t.equal(spawned.status, 0, spawned.err)
  const record = async () => JSON.parse((await run('reeve show reporter --json')).out)
  await until(async () => (await record()).usage !== null, { what: 'its usage is read' })
  t.match(await record(), { usage: { turns: 1, tokens: 1800, usd: 0.02 } })
  const cancelled = await run('reeve cancel reporter --json')
  t.match(JSON.parse(cancelled.out), { action: 'cancel', killed_gracefully: true, escaped: [] })
  t.match(await record(), { exit: { code: 0 }, reason: { kind: 'cancelled' } }, 'it heard of it, and left')
  const history = JSON.parse((await run('reeve history reporter --json')).out) as {
    event: string
    activity?: object
  }[]
  t.match(
    history.filter(({ event }) => event === 'activity').map(({ activity }) => activity),
    [{ kind: 'idle' }, { kind: 'waiting', on: 'permission' }],
  )
  await run('reeve down')
})

t.test('from the repository: each is a script of the package', async (t) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  for (const each of written.filter((command) => command.startsWith('npm '))) {
    typed.add(each)
    for (const [, name = ''] of each.matchAll(/npm (?:run )?([\w-]+)/g))
      t.ok(name === 'ci' || name in scripts, each)
  }
  const fault = /--break (\S+)/.exec(written.join('\n'))?.[1] ?? ''
  t.match(readFileSync(join(ROOT, 'test/simulation/faults.ts'), 'utf8'), `'${fault}':`)
})

t.test('none is left out', async (t) => {
  t.strictSame(
    written.filter((each) => !typed.has(each)),
    [],
  )
})

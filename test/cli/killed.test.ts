/** The daemon killed under each command that waits for something: each says so, or goes on with the next one. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { startDaemon } from '../../src/daemon/index.ts'
import { killDaemon, serving } from '../daemon/rig.ts'
import { nothingIsLeft, remember, soon, until } from '../support.ts'
import { REEVE, type Said, shellIn } from './rig.ts'

nothingIsLeft(t)
t.setTimeout(300_000)

/** Ends when it may: there is a file with its name. */
const STUBBORN = ['sh', '-c', 'trap "" INT TERM; until [ -e "$REEVE_AGENT_NAME" ]; do sleep 0.05; done']

t.test('the daemon is killed under commands, and another one comes', async (t) => {
  const { client, daemon, home } = await serving(t)
  const { cwd, env } = shellIn(t, home)
  const begin = (...args: string[]) => {
    const child = spawn(process.execPath, [REEVE, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const said = { status: null as number | null, out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.err += text
    })
    const done = new Promise<Said>((resolve) =>
      child.once('close', (status) => resolve(Object.assign(said, { status }))),
    )
    return { child, said, done: () => soon(done, args.join(' '), 30_000) }
  }
  const stateOf = async (name: string) => (await client.get(name))?.state
  const may = (name: string) => writeFileSync(join(cwd, name), '')

  for (const name of ['stopped', 'cancelled', 'restarted', 'silent']) {
    const agent = await client.spawn({
      name,
      command: STUBBORN,
      cwd,
      stop: [{ signal: 'SIGTERM', wait: '5m' }],
    })
    await agent.ready
    remember(agent.pid ?? 0)
  }
  const asked = [
    begin('stop', 'stopped'),
    begin('cancel', 'cancelled', '--within', '5m'),
    begin('restart', 'restarted'),
  ]
  const following = [begin('logs', '-f', 'silent'), begin('events', '-f')] as const
  // Events are followed from the moment at which the daemon is asked.
  await until(
    async () => {
      if (following[1].said.out !== '') return true
      await (await client.spawn({ command: ['true'] })).ended
      await pause(100)
      return null
    },
    { what: 'events come', timeoutMs: 30_000 },
  )
  const waiting = begin(
    'spawn',
    'late',
    '--ready-report',
    '--',
    'sh',
    '-c',
    'until [ -e go ]; do sleep 0.05; done; echo ready >> "$REEVE_REPORT"; exec sleep 600',
  )
  const foreground = begin(
    'run',
    '--name',
    'foreground',
    '--',
    ...STUBBORN.slice(0, 2),
    `echo begun; ${STUBBORN[2]}; echo over; exit 7`,
  )
  for (const name of ['stopped', 'cancelled', 'restarted'])
    await until(async () => (await stateOf(name)) === 'terminating', {
      what: `${name} is being ended`,
      timeoutMs: 30_000,
    })
  // Its answer has come: what is written is shown after it.
  await until(() => foreground.said.out === 'begun\n', { what: 'run runs', timeoutMs: 30_000 })
  await until(async () => (await stateOf('late')) === 'pre_starting', {
    what: 'spawn waits',
    timeoutMs: 30_000,
  })
  for (const { pid } of await client.list()) remember(pid ?? 0)

  await killDaemon(daemon)
  const next = await startDaemon({ home })
  remember(next.daemon.pid)

  for (const each of asked) {
    const { status, err } = await each.done()
    t.equal(status, 5)
    t.match(err, /went away before it answered .*; what was asked may have been done\n$/)
  }
  may('go')
  t.match(await waiting.done(), { status: 0, out: /^late running · pid/ }, 'spawn goes on waiting')
  may('foreground')
  t.match(
    await foreground.done(),
    { status: 7, out: 'begun\nover\n' },
    'run has the exit code of the adopted one',
  )
  for (const name of ['stopped', 'cancelled', 'restarted', 'silent']) may(name)
  t.match(await following[0].done(), { status: 0, out: '', err: '' }, 'the log is followed to its end')
  await until(
    async () => (await stateOf('stopped')) === 'killed' && (await stateOf('cancelled')) === 'killed',
    {
      what: 'what was asked goes on',
      timeoutMs: 30_000,
    },
  )
  t.match((await client.get('cancelled'))?.record.reason, { kind: 'cancelled' })
  await client.shutdown({ timeout: '5s' })
  await until(() => following[1].said.out.includes('shutdown'), {
    what: 'events go on with the next',
    timeoutMs: 30_000,
  })
  // It would wait for a third daemon for a while.
  following[1].child.kill('SIGINT')
  t.equal((await following[1].done()).err, '')
})

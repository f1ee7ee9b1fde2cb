import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { ProcessIdentity } from '../../machines/events.ts'
import { realClock } from '../../src/clock.ts'
import type { ReeveError } from '../../src/errors.ts'
import { isAlive } from '../../src/process/identity.ts'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import { Lines } from '../../src/process/protocol.ts'
import { startLauncher } from '../../src/process/start-launcher.ts'
import { DIST, fixture, mustIdentify, pidsIn, Rig, temporaryFolder, until, untilDead } from './rig.ts'
import { Supervised } from './supervised.ts'

const sockets = (home: string) => readdirSync(home).filter((name) => name.endsWith('.sock'))

t.test('a supervisor is killed: its agents go down their ladders, and nothing is left', async (t) => {
  const home = join(temporaryFolder(t), 'home')
  const elsewhere = temporaryFolder(t)
  mkdirSync(home, { mode: 0o700 })
  writeFileSync(join(elsewhere, 'precious'), 'kept')
  symlinkSync(elsewhere, join(home, 'link'))
  const rig = new Rig(home)
  const file = join(elsewhere, 'stray')
  const rungs = [{ signal: 'SIGTERM', waitMs: 6000 }] as const
  const orders = [
    rig.order([fixture('runs-forever.sh')], { rungs }),
    rig.order([fixture('ignores-sigterm.sh')], { rungs }),
    rig.order([fixture('double-forks.sh'), file, 'stay'], { rungs }),
  ]
  const supervisor = new Supervised(t, { home }, orders)
  const launcher = await supervisor.launcher()
  const agents = await supervisor.agents(...orders)
  const stray = mustIdentify((await pidsIn(file))[0] as number)
  await until('its trap is set', () => rig.log(orders[1] as LaunchOrder).includes('ready'))
  supervisor.child.kill('SIGKILL')
  await untilDead(agents[0] as ProcessIdentity, 5900)
  t.ok(isAlive(agents[1] as ProcessIdentity), 'one that ignores SIGTERM has its time')
  for (const process of [...agents, stray, launcher]) await untilDead(process)
  t.notOk(existsSync(home), 'an ephemeral home is removed')
  t.equal(readFileSync(join(elsewhere, 'precious'), 'utf8'), 'kept', 'and no link followed')
})

t.test('only SIGKILL ends a launcher, and a new one goes on', async (t) => {
  const rig = await Rig.start(t, 'process')
  const first = mustIdentify(rig.launcher.pid)
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT'] as const) process.kill(first.pid, signal)
  const rungs = [{ signal: 'SIGTERM', waitMs: 300 }] as const
  const file = join(temporaryFolder(t), 'stray')
  const dies = rig.order([fixture('runs-forever.sh')], { rungs })
  const obeys = rig.order([fixture('starts-setsid-child.sh'), file], { rungs })
  const stubborn = rig.order([fixture('ignores-sigterm.sh')], { rungs })
  const over = rig.order([fixture('double-forks.sh'), `${file}2`, 'exit'], { rungs })
  const identities = []
  for (const order of [dies, obeys, stubborn, over]) identities.push(await rig.spawn(order))
  const [diesProcess] = identities as [ProcessIdentity]
  await rig.answer('EXITED', over)
  const strays = [...(await pidsIn(file)), ...(await pidsIn(`${file}2`))].map(mustIdentify)
  await until('ready', () => rig.log(stubborn).includes('ready'))
  t.ok(isAlive(first))

  process.kill(first.pid, 'SIGKILL')
  await untilDead(first)
  const meanwhile = rig.order([fixture('exits-with.sh'), '5'])
  rig.launcher.launch(meanwhile)
  rig.launcher.signal(obeys, 'SIGTERM')
  rig.launcher.sweep(over, { gentle: false, killWaitMs: 2000 })

  t.match(await rig.answer('SIGNALLED', obeys), {
    signalled: [{ where: 'leader' }, { where: 'own_session' }],
  })
  t.same((await rig.answer('EXITED', obeys)).exit, { code: null, signal: null }, 'nobody could wait for it')
  t.match(await rig.answer('SWEPT', over), { escaped: [], swept: [strays[1]?.pid] })
  t.ok(rig.warnings.some((text) => /is gone; a new one takes over/.test(text)))
  t.not(rig.launcher.pid, first.pid)
  await until('it is answered', () => rig.of(meanwhile).some(({ type }) => /^SPAWN(ED|_FAILED)$/.test(type)))

  process.kill(diesProcess.pid, 'SIGKILL')
  const start = realClock.now()
  t.same((await rig.answer('EXITED', dies)).exit, { code: null, signal: null })
  t.ok(realClock.now() - start < 20_000, `noticed after ${(realClock.now() - start).toFixed(0)} ms`)
  t.match(await rig.launcher.usage([stubborn]), [{ processes: 2 }])
  rig.launcher.signal(stubborn, 'SIGKILL')
  await rig.answer('EXITED', stubborn)

  const later = rig.order([fixture('exits-with.sh'), '6'])
  await rig.spawn(later)
  t.same((await rig.answer('EXITED', later)).exit, { code: 6, signal: null })
  t.same(await rig.end(), [])
  for (const process of strays) t.notOk(isAlive(process))
  t.same(sockets(rig.home), [])
  for (const order of [dies, obeys, stubborn, over, later])
    t.equal(rig.of(order).filter(({ type }) => type === 'EXITED').length, 1, 'one EXITED each')
})

t.test('a launcher is killed amidst launches: each is answered, and none runs unknown', async (t) => {
  const rig = await Rig.start(t, 'process')
  const first = rig.launcher.pid
  const orders = Array.from({ length: 40 }, () => rig.order([fixture('runs-forever.sh')]))
  for (const [i, order] of orders.entries()) {
    rig.launcher.launch(order)
    if (i === 5) await rig.answer('SPAWNED', orders[0] as LaunchOrder)
    if (i === 20) process.kill(first, 'SIGKILL')
  }
  for (const order of orders) {
    const { type } = await until('an answer', () => rig.of(order)[0])
    t.ok(type === 'SPAWNED' || type === 'SPAWN_FAILED', type)
  }
  t.same(await rig.end(), [])
  for (const order of orders) {
    const types = rig.of(order).map(({ type }) => type)
    t.ok(types.join() === 'SPAWN_FAILED' || types.join() === 'SPAWNED,EXITED', types.join())
  }
})

t.test('a launcher is killed while it closes: another ends what lives', async (t) => {
  const rig = await Rig.start(t, 'process')
  const order = rig.order([fixture('ignores-sigterm.sh')], { rungs: [{ signal: 'SIGTERM', waitMs: 600 }] })
  const leader = await rig.spawn(order)
  const first = rig.launcher.pid
  const closing = rig.launcher.close(8000)
  process.kill(first, 'SIGKILL')
  await closing
  t.notOk(isAlive(leader))
  t.equal(rig.of(order).filter(({ type }) => type === 'EXITED').length, 1)
})

t.test('descriptors that leaked into a supervisor do not live on in its launcher', async (t) => {
  const home = temporaryFolder(t)
  const order = new Rig(home).order([fixture('ignores-sigterm.sh')], {
    rungs: [{ signal: 'SIGTERM', waitMs: 60_000 }],
  })
  // Node itself closes what it inherits, up to the first gap above 15.
  const gap = Array.from({ length: 20 }, () => 'ignore' as const)
  const pipes = Array.from({ length: 200 }, () => 'pipe' as const)
  const supervisor = new Supervised(t, { home }, [order], { extra: [...gap, ...pipes] })
  const launcher = await supervisor.launcher()
  const [agent] = (await supervisor.agents(order)) as [ProcessIdentity]
  await until('its trap is set', () => new Rig(home).log(order).includes('ready'))
  const readers = supervisor.child.stdio.slice(3).filter((pipe) => pipe !== null) as NodeJS.ReadableStream[]
  let open = readers.length
  for (const reader of readers) reader.once('close', () => open--).resume()
  t.equal(open, 200)
  supervisor.child.kill('SIGKILL')
  await until('every pipe has ended', () => open === 0)
  t.ok(isAlive(launcher) && isAlive(agent), 'while launcher and agent live')
  process.kill(agent.pid, 'SIGKILL')
  for (const process of [agent, launcher]) await untilDead(process)
})

t.test('a home deeper than a socket path can be long', async (t) => {
  const home = join(temporaryFolder(t), ...Array.from({ length: 8 }, (_, i) => `${i}`.repeat(40)))
  mkdirSync(home, { recursive: true })
  const rig = await Rig.start(t, 'process', { home })
  t.equal(sockets(home).length, 1)
  t.equal(statSync(join(home, sockets(home)[0] as string)).mode & 0o777, 0o600)
  const order = rig.order([fixture('exits-with.sh'), '9'])
  await rig.spawn(order)
  t.same((await rig.answer('EXITED', order)).exit, { code: 9, signal: null })
  t.same(await rig.end(), [])
  t.same(sockets(home), [], 'its socket is taken away')
})

t.test('a launcher serves nobody but its supervisor', async (t) => {
  const rig = await Rig.start(t, 'process')
  const hello = {
    type: 'hello',
    protocol: 2,
    launcherId: 'test-1',
    supervisorPid: 1,
    ephemeral: true,
    keepExits: false,
    leftovers: null,
    baseEnv: {},
  }
  const ask = (line: string) =>
    new Promise<string>((done) => {
      let reply = ''
      const socket = connect(join(rig.home, 'launcher-v2-test-1.sock'), () => socket.write(`${line}\n`))
      socket.on('data', (data) => {
        reply += data
        socket.end()
      })
      socket.on('close', () => done(reply))
    })
  t.match(await ask('{"type":"bye"}'), /refused.*hello/)
  t.match(await ask(JSON.stringify({ ...hello, launcherId: 'other' })), /refused.*another supervisor/)
  t.match(await ask(JSON.stringify({ ...hello, protocol: 99 })), /refused.*protocol/)
  t.match(await ask(JSON.stringify(hello)), /refused.*has its supervisor/)
  const order = rig.order([fixture('exits-with.sh'), '0'])
  await rig.spawn(order)
  t.same(await rig.end(), [])
})

t.test('a launcher that cannot be started says what was run, and why', async (t) => {
  const home = temporaryFolder(t)
  const events = { answer: () => {}, warning: () => {} }
  const options = {
    home,
    launcherId: 'x',
    ephemeral: false,
    keepExits: false,
    leftovers: null,
    mode: 'process',
    baseEnv: {},
    clock: realClock,
    events,
  } as const
  const failure = (more: object) =>
    startLauncher({ ...options, ...more }).then(
      () => t.fail('it started'),
      (error: ReeveError) => error,
    )
  t.match(await failure({ exec: '/no/such/node' }), { code: 'launcher_failed', message: /\/no\/such\/node/ })
  t.match(await failure({ exec: '/bin/false' }), {
    code: 'launcher_failed',
    message: /ended at once \(exit code 1\)/,
  })
  t.match(
    await failure({ exec: '/bin/cat' }),
    { code: 'launcher_failed', message: /v8-pool-size/ },
    "the log's tail",
  )
  t.match(await failure({ home: '/no/such/home' }), { code: 'launcher_failed', errno: 'ENOENT' })
})

t.test('its command line says what it is', async (t) => {
  const { NODE_EXTRA_CA_CERTS: certificates } = process.env
  process.env.NODE_EXTRA_CA_CERTS = '/etc/hostname'
  const rig = await Rig.start(t, 'process').finally(() => {
    if (certificates === undefined) delete process.env.NODE_EXTRA_CA_CERTS
    else process.env.NODE_EXTRA_CA_CERTS = certificates
  })
  const args = readFileSync(`/proc/${rig.launcher.pid}/cmdline`, 'utf8').split('\0')
  t.match(args.slice(1, 6), ['--v8-pool-size=0', /launcher-host\.cjs$/, 'launcher', rig.home, 'test-1'])
  const environ = readFileSync(`/proc/${rig.launcher.pid}/environ`, 'utf8')
  t.notMatch(environ, /NODE_OPTIONS=|NODE_EXTRA_CA_CERTS=|REEVE_/)
  t.same(await rig.end(), [])
})

t.test('a process that only waits for its launcher to be idle may end', async (t) => {
  const home = temporaryFolder(t)
  const script = `
    const { startLauncher } = await import('${DIST}/src/process/start-launcher.js')
    const { realClock } = await import('${DIST}/src/clock.js')
    const events = { answer() {}, warning: console.error }
    await startLauncher({ home: '${home}', launcherId: 'idle', ephemeral: false, keepExits: false, leftovers: null, mode: 'process', baseEnv: {}, clock: realClock, events })
    console.log('started')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (data) => {
    output += data
  })
  const code = await new Promise((done) => child.once('close', done))
  t.equal(output, 'started\n')
  t.equal(code, 0)
  await until('its launcher has left', () => sockets(home).length === 0)
})

t.test('lines are cut, and one that is too long is dropped alone', async (t) => {
  const seen: string[] = []
  const lines = new Lines(
    (line) => seen.push(line),
    () => seen.push('too long'),
    10,
  )
  for (const chunk of ['on', 'e\ntwo\n', '\n', '0123456789ab', 'cd', '\nthree', '\n0123456789\n', 'half'])
    lines.push(chunk)
  t.same(seen, ['one', 'two', 'too long', 'three', '0123456789'])
})

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { ErrorInfo } from '../../machines/events.ts'
import { makeFifo } from '../../src/process/fifo.ts'
import { isAlive } from '../../src/process/identity.ts'
import { explain } from '../../src/process/launch-errors.ts'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import { both, fixture, mustIdentify, pidsIn, type Rig, temporaryFolder, until } from './rig.ts'

const openDescriptors = () => readdirSync('/proc/self/fd').length

async function failureOf(rig: Rig, order: LaunchOrder): Promise<ErrorInfo> {
  rig.launcher.launch(order)
  return (await rig.answer('SPAWN_FAILED', order)).error
}

both(t, 'what cannot be started says why, and what to do', async (t, rig, mode) => {
  const folder = temporaryFolder(t)
  const file = (name: string, text: string, mode: number) => {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), mode)
    return join(folder, name)
  }
  const plain = file('plain.txt', 'text', 0o644)
  const big = 'x'.repeat(3 * 1024 * 1024)
  // What makes a FIFO is loaded with the first one, and opens this process's stdin for good.
  await makeFifo(join(folder, 'first'))
  const before = openDescriptors()
  const cases: [string, LaunchOrder, string | undefined, RegExp][] = [
    ['a path to nothing', rig.order(['/does/not/exist']), 'ENOENT', /\/does\/not\/exist does not exist/],
    ['a name on no PATH', rig.order(['no-such-program-here']), 'ENOENT', /no folder of the agent's PATH/],
    ['no run bit', rig.order([plain]), 'EACCES', /plain\.txt may not be executed.*chmod \+x/],
    ['a folder', rig.order([folder]), 'EACCES', /is a folder, not a program/],
    ['through a file', rig.order([`${plain}/x`]), 'ENOTDIR', /runs through something that is not a folder/],
    [
      'no interpreter',
      rig.order([file('s', '#!/no/such/shell\n', 0o755)]),
      'ENOENT',
      /interpreter.*\/no\/such\/shell/,
    ],
    [
      'a cwd that is gone',
      rig.order(['true'], { cwd: join(folder, 'gone') }),
      'ENOENT',
      /^cwd .*gone does not exist/,
    ],
    [
      'a cwd that is a file',
      rig.order(['true'], { cwd: plain }),
      'ENOTDIR',
      /^cwd .*plain\.txt is not a folder/,
    ],
    [
      'too large an environment',
      rig.order(['true'], { env: { BIG: big } }),
      'E2BIG',
      /more than the kernel takes/,
    ],
    [
      'a NUL in an argument',
      rig.order(['true', 'a\0b']),
      'ERR_INVALID_ARG_VALUE',
      /cannot be handed to the system/,
    ],
    ['an empty command', rig.order(['']), undefined, /./],
    ['a log that is a link', rig.order(['true'], { logFile: join(folder, 'link') }), 'ELOOP', /log or stdin/],
    ['a FIFO in no folder', rig.order(['true'], { fifo: join(folder, 'no', 'fifo') }), undefined, /FIFO/],
  ]
  symlinkSync(plain, join(folder, 'link'))
  for (const [title, order, errno, message] of cases) {
    const error = await failureOf(rig, order)
    t.equal(error.code, 'spawn_failed', title)
    if (errno !== undefined) t.equal(error.errno, errno, title)
    t.match(error.message, message, title)
    rig.launcher.sweep(order, { gentle: true, killWaitMs: 100 })
    t.match(await rig.answer('SWEPT', order), { swept: [], escaped: [] })
    rig.launcher.release(order)
  }
  if (mode === 'inline') await until('every descriptor is closed', () => openDescriptors() <= before)
  t.same(rig.warnings, [])
})

t.test('errors that are hard to bring about have their words too', async (t) => {
  const execution = { command: ['agent'] as [string], cwd: '/', env: {} }
  for (const [errno, message] of [
    ['EAGAIN', /ulimit -u/],
    ['EMFILE', /ulimit -n/],
    ['ENFILE', /ulimit -n/],
    ['ENOEXEC', /not a program for this machine/],
    ['ENOMEM', /memory/],
    ['EIO', /could not be started/],
  ] as const) {
    const error = await explain(execution, Object.assign(new Error(`spawn ${errno}`), { code: errno }))
    t.match(error, { code: 'spawn_failed', errno, message })
  }
})

/** A few of each kind; a scenario has them all. */
const EXIT_CODES = [0, 1, 2, 3, 63, 64, 65, 126, 127, 128, 129, 130, 137, 143, 192, 254, 255]

both(t, 'an exit code is told as it is', async (t, rig) => {
  const orders = new Map(EXIT_CODES.map((code) => [code, rig.order([fixture('exits-with.sh'), `${code}`])]))
  for (const order of orders.values()) rig.launcher.launch(order)
  const wrong: unknown[] = []
  for (const [code, order] of orders) {
    const { exit } = await rig.answer('EXITED', order)
    if (exit.code !== code || exit.signal !== null) wrong.push([code, exit])
    const types = rig.of(order).map(({ type }) => type)
    if (types.join() !== 'SPAWNED,EXITED') wrong.push([code, types])
  }
  t.same(wrong, [])
})

both(t, 'every signal that ends a process is told by its name', async (t, rig) => {
  const harmless = ['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU']
  const aliases = ['SIGIOT', 'SIGPOLL', 'SIGUNUSED']
  const signals = Object.entries(constants.signals).filter(
    ([name]) => !harmless.includes(name) && !aliases.includes(name),
  )
  for (const [name, number] of signals) {
    const order = rig.order([fixture('dies-of.sh'), String(number)])
    await rig.spawn(order)
    t.same((await rig.answer('EXITED', order)).exit, { code: null, signal: name }, name)
  }
})

both(t, 'its environment: the base without REEVE_*, the order laid over, the marker', async (t, parent) => {
  await parent.end()
  const home = temporaryFolder(t)
  const { Rig } = await import('./rig.js')
  const baseEnv = {
    PATH: process.env.PATH,
    BASE: 'b',
    GONE: 'g',
    REEVE_LIFE: 'outer',
    REEVE_TOKEN: 's',
    NO: undefined,
  }
  const rig = await Rig.start(t, parent.launcher.pid === process.pid ? 'inline' : 'process', {
    home,
    baseEnv,
  })
  const marker = randomBytes(16).toString('hex')
  const order = rig.order([fixture('prints-environment.sh')], {
    marker,
    cwd: '/usr',
    env: { GONE: null, MORE: 'm\nn', REEVE_AGENT_ID: 'id' },
  })
  await rig.spawn(order)
  await rig.answer('EXITED', order)
  const lines = rig.log(order).trim().split('\n')
  const ours = lines.filter((line) => /^(BASE|GONE|MORE|REEVE_|NODE_CHANNEL|\/)/.test(line))
  t.same(ours, ['BASE=b', 'MORE=m', 'REEVE_AGENT_ID=id', `REEVE_LIFE=${marker}`, '/usr'])
  t.equal(statSync(order.logFile).mode & 0o777, 0o600)
  t.same(await rig.end(), [])
})

both(t, "the command is looked up on the agent's own PATH", async (t, rig) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'bin'))
  symlinkSync(fixture('exits-with.sh'), join(folder, 'bin', 'my-agent'))
  const order = rig.order(['my-agent', '7'], { env: { PATH: `${join(folder, 'bin')}:/bin:/usr/bin` } })
  await rig.spawn(order)
  t.same((await rig.answer('EXITED', order)).exit, { code: 7, signal: null })
})

both(t, 'withdrawn and asked for anew at once, a life has its files in the same places', async (t, rig) => {
  const folder = temporaryFolder(t)
  const orders = Array.from({ length: 20 }, (_, i) =>
    rig.order([fixture('runs-forever.sh')], { reportFile: join(folder, `${i}`) }),
  )
  for (const order of orders) {
    rig.launcher.launch(order)
    rig.launcher.withdraw(order)
  }
  for (const order of orders) {
    await rig.answer('SPAWN_FAILED', order)
    rig.launcher.release(order)
    rig.launcher.launch(order)
  }
  for (const order of orders) {
    await rig.answer('SPAWNED', order)
    t.ok(existsSync(order.reportFile ?? ''), 'the file of this one')
  }
})

both(t, 'a launch that is withdrawn is never forked, and answered once', async (t, rig) => {
  const orders = Array.from({ length: 20 }, () => rig.order([fixture('runs-forever.sh')]))
  for (const order of orders) {
    rig.launcher.launch(order)
    rig.launcher.withdraw(order)
  }
  for (const order of orders) {
    const { error } = await rig.answer('SPAWN_FAILED', order)
    t.match(error, { code: 'spawn_failed', message: /withdrawn before it was forked/ })
    t.equal(error.errno, undefined)
  }
  const after = rig.order([fixture('exits-with.sh'), '0'])
  await rig.spawn(after)
  await rig.answer('EXITED', after)
  t.ok(orders.every((order) => rig.of(order).length === 1))
})

both(t, 'a life is not started twice', async (t, rig) => {
  const order = rig.order([fixture('runs-forever.sh')])
  await rig.spawn(order)
  rig.launcher.launch(order)
  await until('a warning', () => rig.warnings.some((text) => text.includes('not started twice')))
  t.equal(rig.of(order).length, 1)
})

both(t, 'stdin: a FIFO reaches the agent, and is gone with it', async (t, rig) => {
  const { closeSync, constants: c, existsSync, openSync, writeSync } = await import('node:fs')
  const fifo = join(rig.home, 'stdin')
  const order = rig.order([fixture('repeats-stdin.sh')], { fifo })
  await rig.spawn(order)
  t.equal(statSync(fifo).mode & 0o777, 0o600)
  const end = openSync(fifo, c.O_RDWR | c.O_NONBLOCK)
  writeSync(end, 'one\n')
  await until('the first line', () => rig.log(order).includes('got one'))
  closeSync(end)
  const again = openSync(fifo, c.O_RDWR | c.O_NONBLOCK)
  writeSync(again, 'two\n')
  closeSync(again)
  await until('no end of input when a writer goes', () => rig.log(order).includes('got two'))
  t.notMatch(rig.log(order), /end of input/)
  rig.launcher.signal(order, 'SIGTERM')
  await rig.answer('EXITED', order)
  t.notOk(existsSync(fifo))
})

both(t, 'closed stdin is /dev/null', async (t, rig) => {
  const order = rig.order([fixture('repeats-stdin.sh')])
  await rig.spawn(order)
  t.same((await rig.answer('EXITED', order)).exit, { code: 0, signal: null })
  t.match(rig.log(order), /end of input/)
})

both(t, 'an exit is told at once while another still holds its output', async (t, rig) => {
  const file = join(temporaryFolder(t), 'pid')
  const order = rig.order([fixture('leaves-stdout-open.sh'), file])
  await rig.spawn(order)
  const writer = mustIdentify((await pidsIn(file))[0] as number)
  t.same((await rig.answer('EXITED', order)).exit, { code: 0, signal: null })
  t.ok(isAlive(writer))
  t.match(rig.log(order), /last words/)
  rig.launcher.sweep(order, { gentle: false, killWaitMs: 3000 })
  t.match(await rig.answer('SWEPT', order), { swept: [writer.pid], escaped: [] })
})

both(
  t,
  'the report file is made before the fork: empty, 0600, and never over something else',
  async (t, rig) => {
    const folder = temporaryFolder(t)
    const reportFile = join(folder, 'report')
    const order = rig.order(['sh', '-c', 'test -f "$R" && exit 7'], { reportFile, env: { R: reportFile } })
    rig.launcher.launch(order)
    t.same((await rig.answer('EXITED', order)).exit, { code: 7, signal: null })
    t.match(statSync(reportFile), { size: 0 })
    t.equal(statSync(reportFile).mode & 0o7777, 0o600)
    t.match(await failureOf(rig, rig.order(['true'], { reportFile })), {
      errno: 'EEXIST',
      message: /report file .* could not be made/,
    })
  },
)

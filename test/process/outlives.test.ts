/** What a launcher survives, and what it goes on with while nobody is there. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ProcessIdentity } from '../../machines/events.ts'
import { realClock } from '../../src/clock.ts'
import { Book, type BookStore } from '../../src/process/book.ts'
import type { BookOwner } from '../../src/process/chapters.ts'
import { isAlive } from '../../src/process/identity.ts'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import { readBook } from '../../src/process/read-book.ts'
import { DIST, fixture, mustIdentify, pidsIn, Rig, temporaryFolder, until, untilDead } from './rig.ts'
import { Supervised, type SupervisedOptions } from './supervised.ts'

t.jobs = 4

const ADOPT = { onSupervisorDeath: 'adopt', adoptForMs: 60_000 } as const

function homeIn(folder: string, name = 'home'): string {
  const home = join(folder, name)
  mkdirSync(home, { mode: 0o700 })
  return home
}

const given = (home: string) => ({ home, ephemeral: false, keepExits: true })

const WAYS: Record<string, [SupervisedOptions, (supervisor: Supervised) => void]> = {
  'its host is killed with its whole process group': [
    { detached: true },
    ({ child }) => process.kill(-(child.pid as number), 'SIGKILL'),
  ],
  'Ctrl-C on its terminal': [{ onTerminal: true }, ({ child }) => void child.stdin?.write('\x03')],
  'its terminal hangs up': [{ onTerminal: true }, ({ child }) => void child.kill('SIGKILL')],
}

for (const [title, [options, end]] of Object.entries(WAYS))
  t.test(`a launcher and its agents survive: ${title}`, async (t) => {
    const rig = new Rig(homeIn(temporaryFolder(t)))
    const order = rig.order([fixture('exits-with.sh'), '0'], ADOPT)
    const stays = rig.order([fixture('counts-sigterms.sh'), '6'], ADOPT)
    const supervisor = new Supervised(t, given(rig.home), [order, stays], options)
    const launcher = await supervisor.launcher()
    const host = await supervisor.host()
    const [agent] = (await supervisor.agents(stays)) as [ProcessIdentity]
    await until('ready', () => rig.log(stays).includes('ready'))
    end(supervisor)
    await untilDead(host)
    await rig.serve(t, 'process', { keepExits: true })
    t.equal(rig.launcher.pid, launcher.pid)
    t.ok(isAlive(agent))
    rig.launcher.adopt(stays)
    rig.launcher.acknowledge([order])
    process.kill(agent.pid, 'SIGUSR1')
    t.same((await rig.answer('EXITED', stays)).exit, { code: 6, signal: null })
    t.equal(rig.log(stays), 'ready\n', 'no signal reached it')
    t.same(await rig.end(), [])
  })

t.test('logs rotate while no supervisor is there', async (t) => {
  const rig = new Rig(homeIn(temporaryFolder(t)))
  const flood = [process.execPath, fixture('floods-numbered-lines.js'), '100000', '100', '1'] as const
  const order = rig.order(flood, { ...ADOPT, logLimits: { maxBytes: 64 * 1024, keep: 1 } })
  const supervisor = new Supervised(t, given(rig.home), [order])
  await supervisor.agents(order)
  await supervisor.kill()
  const sizeOf = (name: string) => statSync(name, { throwIfNoEntry: false })?.size ?? 0
  const before = sizeOf(order.logFile)
  await until('it is rotated', () => existsSync(`${order.logFile}.1`))
  const first = statSync(`${order.logFile}.1`).ino
  await until('it has grown', () => sizeOf(order.logFile) > before)
  await until(
    'it is rotated again',
    () => statSync(`${order.logFile}.1`, { throwIfNoEntry: false })?.ino !== first,
  )
  t.ok(statSync(order.logFile).blocks * 512 < 4 * 1024 * 1024, 'what it takes on the disk is bounded')
  await rig.serve(t, 'process', { keepExits: true })
  rig.launcher.dismiss(order)
  t.same(await rig.end(), [])
})

const SAID = /PROTOCOL = \d+/

/** The built files with another protocol: those of an earlier release. */
function earlier(t: Test): string {
  const dist = temporaryFolder(t)
  for (const name of ['src', 'machines']) cpSync(join(DIST, name), join(dist, name), { recursive: true })
  writeFileSync(join(dist, 'package.json'), '{"type":"module"}')
  // The module, and the program into which it was built.
  for (const name of ['protocol.js', 'launcher-host.cjs']) {
    const file = join(dist, 'src/process', name)
    const text = readFileSync(file, 'utf8')
    if (!SAID.test(text)) throw new Error(`${name} no longer says which protocol it speaks`)
    writeFileSync(file, text.replace(SAID, 'PROTOCOL = 1'))
  }
  return dist
}

t.test('a launcher of another protocol keeps its agents; a new one stands beside it', async (t) => {
  const rig = new Rig(homeIn(temporaryFolder(t)))
  const stays = rig.order([fixture('runs-forever.sh')], { ...ADOPT, adoptForMs: 300 })
  const goes = rig.order([fixture('counts-sigterms.sh'), '5'], ADOPT)
  const supervisor = new Supervised(t, { ...given(rig.home), launcherId: 'old' }, [stays, goes], {
    dist: earlier(t),
  })
  const old = await supervisor.launcher()
  const [staying, going] = (await supervisor.agents(stays, goes)) as [ProcessIdentity, ProcessIdentity]
  await until('ready', () => rig.log(goes).includes('ready'))
  // Until its successor is there, whatever time that takes.
  process.kill(old.pid, 'SIGSTOP')
  await supervisor.kill()

  const next = new Supervised(t, { ...given(rig.home), launcherId: 'new' })
  const launcher = await next.launcher()
  t.not(launcher.pid, old.pid)
  process.kill(old.pid, 'SIGCONT')
  const log = () => readFileSync(join(rig.home, 'launcher-v1-old-1.log'), 'utf8')
  await until('it is told', () => /of another protocol looks after/.test(log()))
  next.tell('adopt', stays)
  next.tell('adopt', goes)
  process.kill(going.pid, 'SIGUSR1')
  await until('its exit', () => next.of(goes).some(({ type }) => type === 'EXITED'))
  const adoptForIsOver = realClock.now() + 500
  await until('adoptFor is over', () => realClock.now() > adoptForIsOver)
  t.ok(isAlive(staying) && isAlive(old), 'what a successor has is not ended by the one that forked it')
  await next.kill()
  await untilDead(staying)
  for (const each of [old, launcher]) await untilDead(each)

  await rig.serve(t, 'process', { keepExits: true })
  t.match(
    rig.launcher.kept.find(({ terms }) => terms.agentId === stays.agentId),
    { state: { kind: 'exited', why: 'not_adopted' } },
  )
  rig.launcher.acknowledge([stays, goes])
  t.same(await rig.end(), [])
  t.same(
    readdirSync(rig.home).filter((name) => /sock|book/.test(name)),
    [],
  )
})

t.test('homes whose supervisor and launcher are gone are cleared away, and no others', async (t) => {
  const run = temporaryFolder(t)
  const ephemeral = (name: string, orders: LaunchOrder[]) =>
    new Supervised(t, { home: homeIn(run, name), leftovers: run }, orders)
  const dead = new Rig(join(run, 'dead'))
  const pids = join(temporaryFolder(t), 'pids')
  const order = dead.order([fixture('starts-setsid-child.sh'), pids])
  const supervisor = ephemeral('dead', [order])
  const live = ephemeral('live', [])
  const elsewhere = ephemeral('elsewhere', [])
  await elsewhere.launcher()
  const [agent] = (await supervisor.agents(order)) as [ProcessIdentity]
  const stray = mustIdentify((await pidsIn(pids))[0] as number)
  await live.launcher()
  await Promise.all([supervisor.killWithLauncher(), elsewhere.killWithLauncher()])
  const book = join(run, 'elsewhere', 'launcher-v2-fixture-1.book')
  writeFileSync(book, readFileSync(book, 'utf8').replaceAll('"host":"', '"host":"other-'))
  const old = new Date(realClock.wallNow() - 7_200_000)
  for (const name of ['never', 'fresh', 'strange']) mkdirSync(join(homeIn(run, name), 'logs'))
  writeFileSync(join(run, 'strange', 'notes.txt'), 'mine')
  for (const name of ['never', 'strange']) utimesSync(join(run, name), old, old)
  t.ok(isAlive(agent) && isAlive(stray))

  const rig = new Rig(homeIn(run, 'own'))
  await rig.serve(t, 'process', { ephemeral: true, leftovers: run })
  const gone = ['dead', 'never'].map((name) => join(run, name))
  await until(`${gone} are gone`, () => !gone.some(existsSync))
  t.notOk(isAlive(agent) || isAlive(stray), 'its agents were ended first')
  t.same(readdirSync(run).sort(), ['elsewhere', 'fresh', 'live', 'own', 'strange'])
  t.ok(existsSync(join(run, 'strange', 'notes.txt')))
  t.same(await rig.end(), [])
})

t.test('a book that cannot be written heals itself, and says so once', (t) => {
  let now = 0
  let full = false
  let text = ''
  const written = (more: string) => {
    if (full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    text = more
  }
  const file: BookStore = {
    path: '/home/launcher.book',
    append: (more) => written(text + more),
    replace: written,
    remove: () => {},
  }
  const process = mustIdentify(globalThis.process.pid)
  const owner: BookOwner = {
    type: 'launcher',
    launcherId: 'x',
    protocol: 2,
    process,
    host: 'here',
    pidNamespace: 'pid:[1]',
    supervisor: null,
  }
  const warnings: string[] = []
  const clock = { ...realClock, now: () => now }
  const book = new Book({ file, owner, clock, warning: (message) => warnings.push(message) })
  const terms = new Rig('/').order(['true'])
  book.begins(terms, true)
  full = true
  book.spawned(terms, process)
  book.exited(terms, { code: 0, signal: null })
  t.match(warnings, [/launcher\.book could not be written: no space/])
  full = false
  now += 2000
  book.swept(terms, { swept: [], escaped: [] })
  const chapter = [...(readBook(text)?.chapters.values() ?? [])][0]
  t.match(chapter, { process, exited: { exit: { code: 0 } }, swept: { escaped: [] } }, 'nothing is missing')
  for (let i = 0; i < 5000; i++) {
    const passing = { ...terms, agentId: `a${i}` }
    book.begins(passing, true)
    book.forget(passing)
  }
  t.ok(text.split('\n').length < 2500, 'it does not grow without bound')
  t.equal(readBook(text)?.chapters.size, 1)
  t.equal(warnings.length, 1)
  t.end()
})

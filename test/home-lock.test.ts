/** Two supervisors on one home: the second is refused; a crash of the first locks nobody out. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { lockHome } from '../src/home-lock.ts'
import { createSupervisor } from '../src/index.ts'
import { lockByOpening } from '../src/lock-by-opening.ts'
import { DIST, fixture, refusal, temporaryFolder } from './support.ts'

/** A process that takes the lock when it is told to. */
interface Racer {
  readonly child: ChildProcessWithoutNullStreams
  readonly pid: number
  ask(what: 'take' | 'free'): Promise<string>
}

async function racer(home: string, ...programs: string[]): Promise<Racer> {
  const child = spawn(process.execPath, [fixture('locks-home.js'), DIST, home, ...programs])
  child.stderr.pipe(process.stderr)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async (): Promise<string> => String((await lines.next()).value)
  await next()
  return {
    child,
    pid: child.pid ?? 0,
    ask(what) {
      child.stdin.write(`${what}\n`)
      return next()
    },
  }
}

async function ended({ child }: Racer): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** Exactly one of them wins, and everyone else is told its pid. */
async function winnerOf(t: Test, racers: readonly Racer[], round: string): Promise<Racer> {
  const answers = await Promise.all(racers.map((each) => each.ask('take')))
  const winner = racers[answers.indexOf('won')]
  if (!winner) throw new Error(`${round}: nobody won: ${answers.join(' | ')}`)
  const others = answers.filter((answer) => answer !== 'won')
  t.equal(others.length, racers.length - 1, `${round}: one wins`)
  for (const answer of others)
    t.match(answer, new RegExp(`^home_locked: .* in pid ${winner.pid}\\.`), `${round}: its pid is named`)
  return winner
}

t.test(
  '31. 15 rounds of 8 that race for one home: one wins; the winner is killed, and the next wins at once',
  async (t) => {
    const home = t.testdir()
    const racers = await Promise.all(Array.from({ length: 8 }, () => racer(home)))
    t.teardown(() => Promise.all(racers.map(ended)))
    for (let round = 1; round <= 15; round += 1) {
      const first = await winnerOf(t, racers, `round ${round}`)
      await ended(first)
      racers.splice(racers.indexOf(first), 1)
      const replacement = racer(home)
      const second = await winnerOf(t, racers, `round ${round}, after SIGKILL`)
      t.equal(await second.ask('free'), 'freed')
      racers.push(await replacement)
    }
    t.same(fs.readdirSync(home), ['lock'], 'nothing else is left')
  },
)

t.test('where there is no flock(1), one wins as well, and its crash frees the lock', async (t) => {
  const home = t.testdir()
  const none = '/no/such/flock'
  const racers = await Promise.all(Array.from({ length: 3 }, () => racer(home, none)))
  t.teardown(() => Promise.all(racers.map(ended)))
  const first = await winnerOf(t, racers, 'without flock')
  await ended(first)
  racers.splice(racers.indexOf(first), 1)
  const second = await winnerOf(t, racers, 'after SIGKILL')
  await second.ask('free')
  const lock = await lockHome(home, [none])
  await t.rejects(lockHome(home, [none]), {
    code: 'home_locked',
    message: new RegExp(`in this process \\(${process.pid}\\)`),
  })
  lock.release()
  lock.release()
})

t.test('whoever died, and whoever let go, is not named as the holder', async (t) => {
  const home = t.testdir()
  const lock = await lockHome(home)
  // As if its holder had not said yet who it is, and the one before had left its name.
  fs.writeFileSync(path.join(home, 'lock'), `{"bootId":"gone","pid":1,"startTime":1}\n`)
  await t.rejects(lockHome(home), { code: 'home_locked', message: /another process/ })
  lock.release()
  t.equal(fs.readFileSync(path.join(home, 'lock'), 'utf8'), '')
})

t.test('a lock that is no file of ours, or a program that fails, is told', async (t) => {
  const home = t.testdir({ lock: {} })
  await t.rejects(lockHome(home), { code: 'home_unusable', message: /lock/ })
  fs.rmdirSync(path.join(home, 'lock'))
  fs.symlinkSync('/dev/null', path.join(home, 'lock'))
  await t.rejects(lockHome(home), { code: 'home_unusable', message: /lock/ })
  fs.rmSync(path.join(home, 'lock'))
  const failing = path.join(t.testdir({ flock: '#!/bin/sh\nexit 69\n' }), 'flock')
  fs.chmodSync(failing, 0o700)
  await t.rejects(lockHome(path.dirname(failing), [failing]), { code: 'home_unusable', message: /69/ })
})

t.test(
  'a second supervisor on one home is refused, and refused does no harm; after stop() it may',
  async (t) => {
    const home = path.join(t.testdir(), 'home')
    const first = await createSupervisor({ home, launcher: 'inline' })
    const agent = first.spawn({ command: [fixture('runs-forever.sh')] })
    await agent.ready
    const error = await refusal(() => createSupervisor({ home, launcher: 'inline' }), 'home_locked')
    t.equal(error.field, 'home')
    t.equal(agent.state, 'running')
    await first.stop()
    const second = await createSupervisor({ home, launcher: 'inline' })
    await second.stop()
  },
)

t.test('where opening locks: it is held until it is closed, and another is told so', async (t) => {
  const file = path.join(temporaryFolder(t), 'lock')
  fs.writeFileSync(file, '')
  const asked: number[] = []
  const open = (at: string, flags: number): number => {
    asked.push(flags)
    // Linux knows no such flag.
    return fs.openSync(at, flags & ~0x20)
  }
  lockByOpening(file, open)?.close()
  t.equal(((asked[0] ?? 0) & 0x20) !== 0, true, 'O_EXLOCK')
  t.equal(((asked[0] ?? 0) & fs.constants.O_NONBLOCK) !== 0, true, 'and nobody waits')
  const refusing = (code: string) => () => {
    throw Object.assign(new Error(code), { code })
  }
  t.equal(lockByOpening(file, refusing('EAGAIN')), undefined)
  t.throws(() => lockByOpening(file, refusing('EOPNOTSUPP')), { code: 'EOPNOTSUPP' })
})

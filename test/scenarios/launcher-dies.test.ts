import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Agent } from '../../src/index.ts'
import {
  alive,
  crew,
  FOREVER,
  fixture,
  launcherOf,
  nothingIsLeft,
  pidsFrom,
  refusal,
  remember,
  soon,
  statesOf,
  until,
  untilDead,
} from '../support.ts'

nothingIsLeft(t)

t.test(
  'SIGKILL of the launcher: the supervisor goes on, agents live on, are watched, stopped and restarted',
  async (t) => {
    const c = await crew(t)
    const file = join(c.folder, 'pids')
    const dies = c.spawn({ name: 'dies', command: FOREVER })
    const stops = c.spawn({
      name: 'stops',
      command: [fixture('three-levels.sh'), file],
      stop: [{ signal: 'SIGTERM', wait: 200 }],
    })
    const restarts = c.spawn({ name: 'restarts', command: FOREVER })
    const comesBack = c.spawn({
      name: 'comes back',
      command: FOREVER,
      restart: { policy: 'permanent', backoff: { initial: 10 } },
    })
    const hears = c.spawn({ name: 'hears', command: [fixture('repeats-stdin.sh')], stdin: 'open' })
    await Promise.all([dies, stops, restarts, comesBack, hears].map(({ ready }) => ready))
    const tree = await pidsFrom(file, 3)
    const first = await launcherOf(c)
    remember(first)
    const pids = [dies, stops, restarts, comesBack, hears].map(({ pid }) => pid as number)
    process.kill(first, 'SIGKILL')

    // Asked of a launcher that is dead and not yet known to be: that start has failed, and its policy applies.
    const next = c.spawn({
      name: 'next',
      command: FOREVER,
      restart: { policy: 'transient', backoff: { initial: 10 } },
    })
    await until(() => next.state === 'running' || null, { what: 'a spawn while there is no launcher' })
    const second = await launcherOf(c)
    remember(second)
    t.not(second, first)
    t.match(c.warnings, [/The launcher \(pid \d+\) is gone; a new one takes over its 6 lives/])
    t.ok(pids.every(alive), 'they live on')
    t.equal(c.list().filter((record) => record.alive).length, 6)

    await hears.send('still there?\n')
    await until(() => readFileSync(hears.record.logFile, 'utf8').includes('got still there?') || null, {
      what: 'an answer',
    })

    process.kill(dies.pid as number, 'SIGKILL')
    const died = performance.now()
    t.match(await soon(dies.ended, 'the end of one watched from afar'), {
      state: 'crashed',
      exit: { code: null, signal: null },
    })
    t.ok(performance.now() - died < 20_000, 'within about a second')

    t.match(await soon(stops.stop(), 'stopped'), { escaped: [], killedGracefully: false })
    t.same(tree.filter(alive), [])

    const old = restarts.pid as number
    t.match(await soon(restarts.restart(), 'restarted'), { incarnation: 2, state: 'running' })
    t.notOk(alive(old))

    process.kill(comesBack.pid as number, 'SIGKILL')
    await until(() => (comesBack.incarnation === 2 && comesBack.state === 'running') || null, {
      what: 'it is back',
    })
    t.match(await c.stop(), { ended: 4, escaped: [], timedOut: false })
  },
)

t.test(
  'the launcher is killed again and again while agents come and go: nothing doubled, nothing left',
  async (t) => {
    const c = await crew(t)
    const file = join(c.folder, 'pids')
    const agents: Agent[] = []
    for (let round = 0; round < 4; round += 1) {
      for (let i = 0; i < 5; i += 1)
        agents.push(
          c.spawn({
            command: [fixture('appends-pid.sh'), file],
            restart: { policy: 'transient', backoff: { initial: 10, max: 20 }, intensity: false },
          }),
        )
      const launcher = await launcherOf(c)
      remember(launcher)
      process.kill(launcher, 'SIGKILL')
    }
    await soon(
      until(() => agents.every(({ state }) => state === 'running') || null, {
        what: 'all run',
      }),
      'all run',
      15_000,
    )
    const own = agents.map(({ pid }) => pid as number)
    const written = await pidsFrom(file, 20)
    t.same(
      written.filter((pid) => alive(pid) && !own.includes(pid)),
      [],
      'no second one of any',
    )
    t.match(await c.stop(), { ended: 20, escaped: [], timedOut: false })
    const all = readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)
    t.same(all.filter(alive), [])
  },
)

t.test('an agent kills its parent, the launcher: it is still an agent like any other', async (t) => {
  const c = await crew(t)
  remember(await launcherOf(c))
  const agent = c.spawn({
    command: ['sh', '-c', 'sleep 0.3; kill -9 $PPID; echo done; exec sleep 1000'],
    ready: { line: 'done' },
  })
  await soon(agent.ready, 'ready')
  t.match(await soon(agent.stop(), 'stopped'), { success: true, escaped: [] })
  t.equal(statesOf(c, agent).at(-1), 'killed')
})

t.test(
  'a stopped (SIGSTOP) launcher: spawnTimeout ends the start, another takes its place, and stop() is bounded',
  async (t) => {
    const c = await crew(t)
    const before = c.spawn({ command: FOREVER })
    await before.ready
    const launcher = await launcherOf(c)
    process.kill(launcher, 'SIGSTOP')
    t.teardown(() => alive(launcher) && process.kill(launcher, 'SIGCONT'))
    const file = join(c.folder, 'pids')
    const agent = c.spawn({ command: [fixture('appends-pid.sh'), file], spawnTimeout: 100, killWait: 10 })
    await t.rejects(soon(agent.ready, 'refused', 9000), {
      code: 'spawn_failed',
      message: /no process within 100 ms \(spawnTimeout\)/,
    })
    t.match(await soon(before.stop(), 'stopped'), { success: true, escaped: [] })
    const next = c.spawn({ name: agent.name, command: FOREVER })
    await soon(next.ready, 'the next')
    await next.stop()
    try {
      const pids = readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)
      remember(...pids)
      await until(() => pids.filter(alive).length === 0 || null, { what: 'what still came up is ended' })
    } catch {
      // It never came up.
    }
  },
)

t.test(
  'what does not die of SIGKILL in time: kill_failed, its name kept, and an end once it can',
  async (t) => {
    const c = await crew(t)
    const agent = c.spawn({
      name: 'stuck',
      command: FOREVER,
      killWait: 150,
      stop: [{ signal: 'SIGTERM', wait: 50 }],
    })
    await agent.ready
    // Signals do not arrive while the launcher stands still: to the supervisor it is as if the agent would not die.
    const launcher = await launcherOf(c)
    process.kill(launcher, 'SIGSTOP')
    t.teardown(() => alive(launcher) && process.kill(launcher, 'SIGCONT'))
    const outcomes = await soon(Promise.allSettled([agent.stop(), agent.kill()]), 'answers')
    for (const outcome of outcomes)
      t.match(outcome, { status: 'rejected', reason: { code: 'kill_failed', message: /goes on trying/ } })
    t.match(agent.record, { state: 'terminating', alive: true, error: null })
    await refusal(() => c.spawn({ name: 'stuck', command: FOREVER }), 'name_taken')
    const restarting = agent.restart()
    process.kill(launcher, 'SIGCONT')
    t.match(await soon(restarting, 'restarted'), { incarnation: 2, state: 'running' })
    t.match(await soon(agent.stop(), 'stopped'), { success: true, escaped: [] })
  },
)

t.test(
  'supervisor.stop() with a launcher that stands still is bounded, names who is left, and all end when it goes on',
  async (t) => {
    const c = await crew(t)
    const agent = c.spawn({ command: FOREVER })
    await agent.ready
    const pid = agent.pid as number
    const launcher = await launcherOf(c)
    remember(launcher)
    process.kill(launcher, 'SIGSTOP')
    t.teardown(() => alive(launcher) && process.kill(launcher, 'SIGCONT'))
    const began = performance.now()
    t.match(await soon(c.stop({ timeout: '800ms' }), 'stopped'), {
      ended: 0,
      escaped: [pid],
      timedOut: true,
    })
    t.ok(performance.now() - began < 20_000)
    process.kill(launcher, 'SIGCONT')
    await untilDead([pid, launcher])
  },
)

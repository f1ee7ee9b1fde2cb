import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  alive,
  crew,
  FOREVER,
  fixture,
  inlineCrew,
  launcherOf,
  notesOf,
  nothingIsLeft,
  refusal,
  soon,
  statesOf,
  until,
} from '../support.ts'

nothingIsLeft(t)

const quick = { initial: 20, max: 20, jitter: 0 } as const
const pids = (file: string) => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)

for (const launcher of [undefined, 'inline'] as const) {
  t.test(
    `17. 20 concurrent restarts: exactly one process at the end, never two at a time (${launcher ?? 'process'})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const file = join(c.folder, 'pids')
      const agent = c.spawn({ command: [fixture('appends-pid.sh'), file], ready: { line: 'ready' } })
      await agent.ready
      let most = 0
      const watch = setInterval(() => {
        try {
          most = Math.max(most, pids(file).filter(alive).length)
        } catch {
          // Not there yet.
        }
      }, 1)
      t.teardown(() => clearInterval(watch))
      const records = await soon(Promise.all(Array.from({ length: 20 }, () => agent.restart())), 'restarted')
      t.ok(
        records.every(({ incarnation }) => incarnation === 2),
        'they shared one',
      )
      for (let i = 0; i < 5; i += 1) await agent.restart()
      await Promise.all([agent.restart(), agent.restart().then(() => agent.restart())])
      clearInterval(watch)
      t.equal(most, 1, 'never two at a time')
      const living = pids(file).filter(alive)
      t.same(living, [agent.pid])
      t.equal(agent.state, 'running')
    },
  )
}

t.test('25. stop during backoff: no restart, ever', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: ['false'],
    restart: { policy: 'permanent', backoff: { initial: 300, max: 300, jitter: 0 }, intensity: false },
  })
  await until(() => agent.state === 'restarting' || null, { what: 'backoff' })
  t.match(await agent.stop(), { success: true, pid: null, killSignal: null, escaped: [] })
  const { length } = c.entriesSeen
  const other = c.spawn({ command: ['sleep', '0.6'] })
  await other.ended
  t.equal(c.entriesSeen.filter(({ agentId }) => agentId === agent.id).length, length)
  t.match(agent.record, { state: 'killed', incarnation: 1, reason: { kind: 'user' } })
})

t.test('25. a restart that fails to start counts as a failure', async (t) => {
  const c = await crew(t)
  const launcher = await launcherOf(c)
  const agent = c.spawn({
    command: FOREVER,
    killWait: '200ms',
    restart: { policy: 'transient', backoff: quick, intensity: { restarts: 2, within: '1m' } },
  })
  await agent.ready
  const open = Math.max(...readdirSync(`/proc/${launcher}/fd`).map(Number))
  execFileSync('prlimit', ['--pid', String(launcher), `--nofile=${open + 1}:`])
  process.kill(agent.pid as number, 'SIGKILL')
  const record = await soon(agent.ended, 'ended')
  t.match(record, {
    state: 'crashed',
    incarnation: 3,
    alive: false,
    error: { code: 'restart_intensity_exceeded' },
  })
  t.match(
    record.error?.message,
    /more than 2 restarts within 60000 ms \(restart\.intensity\).*(descriptor|EMFILE|EBADF)/,
  )
})

t.test('26. backoff grows, is jittered, is capped, and begins anew after a stable life', async (t) => {
  const c = await inlineCrew(t)
  const backoff = { initial: 20, factor: 2, max: 100, jitter: 0.5, resetAfter: 400 } as const
  const agent = c.spawn({
    command: ['sh', '-c', 'if [ "$REEVE_INCARNATION" = 5 ]; then sleep 0.7; fi; exit 1'],
    restart: { policy: 'transient', backoff, intensity: { restarts: 7, within: '1m' } },
  })
  await soon(agent.ended, 'ended')
  const delays = c.entriesSeen
    .filter(({ agentId, to }) => agentId === agent.id && to === 'restarting')
    .map(({ evidence }) => evidence?.delayMs ?? -1)
  t.equal(delays.length, 7)
  const middles = [20, 40, 80, 100, 20, 40, 80]
  for (const [i, delay] of delays.entries()) {
    const middle = middles[i] ?? 0
    t.ok(
      delay >= middle * 0.5 - 0.01 && delay <= Math.min(100, middle * 1.5) + 0.01,
      `${delay} around ${middle}`,
    )
  }
  t.ok(
    delays.some((delay, i) => delay !== middles[i]),
    'jittered',
  )
  t.same(
    c.entriesSeen
      .filter(({ to }) => to === 'restarting')
      .map(({ evidence }) => [evidence?.attempt, evidence?.attempts]),
    [1, 2, 3, 4, 5, 6, 7].map((attempt) => [attempt, 7]),
  )
})

t.test('26. a backoff that makes the intensity unreachable gives a warning', async (t) => {
  const c = await inlineCrew(t)
  c.spawn({
    name: 'hopeless',
    command: FOREVER,
    restart: { policy: 'permanent', backoff: { initial: '1m' }, intensity: { restarts: 3, within: '1m' } },
  })
  t.match(c.warnings, [/hopeless: .*never exceeded.*Widen intensity\.within, or lower backoff\.max/])
})

t.test('the policies mean what they mean in OTP', async (t) => {
  const c = await inlineCrew(t)
  const cases = [
    ['permanent', 0, 3, 'crashed'],
    ['permanent', 1, 3, 'crashed'],
    ['transient', 0, 1, 'completed'],
    ['transient', 1, 3, 'crashed'],
    ['temporary', 0, 1, 'completed'],
    ['temporary', 1, 1, 'crashed'],
  ] as const
  await Promise.all(
    cases.map(async ([policy, code, incarnation, state]) => {
      const restart = { policy, backoff: quick, intensity: { restarts: 2, within: '1m' } } as const
      const record = await c.spawn({ command: [fixture('exits-with.sh'), String(code)], restart }).ended
      t.equal(record.incarnation, incarnation, `${policy}, exit ${code}`)
      // A permanent agent that ended well, once too often: its last end is what it was.
      if (policy !== 'permanent' || code !== 0) t.equal(record.state, state)
      if (incarnation === 3) t.equal(record.error?.code, 'restart_intensity_exceeded')
    }),
  )
})

t.test('a noRetry code is not retried; exitCodes and noRetry go together', async (t) => {
  const c = await inlineCrew(t)
  const restart = { policy: 'transient', backoff: quick } as const
  const record = await c.spawn({ command: [fixture('exits-with.sh'), '78'], noRetry: [78], restart }).ended
  t.match(record, { state: 'crashed', incarnation: 1, evidence: { notRestarted: /noRetry/ } })
})

t.test('a crashed agent comes back with its id, its log and a new pid; the handle stays', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: ['sh', '-c', 'echo life $REEVE_INCARNATION; exec sleep 1000'],
    restart: { policy: 'transient', backoff: quick },
    ready: { line: 'life' },
  })
  await agent.ready
  const first = agent.pid as number
  process.kill(first, 'SIGKILL')
  await until(() => (agent.incarnation === 2 && agent.state === 'running') || null, {
    what: 'the second life',
  })
  t.not(agent.pid, first)
  t.match(agent.record, { restarts: 1, exit: null, reason: null, endedAt: null, alive: true })
  t.equal(readFileSync(agent.record.logFile, 'utf8'), 'life 1\nlife 2\n')
  t.same(statesOf(c, agent).slice(3), [
    'reaping',
    'crashed',
    'restarting',
    'spawning',
    'pre_starting',
    'running',
  ])
})

t.test(
  'a restart waits until the old tree is gone, waits for no backoff, and counts against no intensity',
  async (t) => {
    const c = await inlineCrew(t)
    const agent = c.spawn({
      command: FOREVER,
      restart: {
        policy: 'transient',
        backoff: { initial: '1h', max: '1h' },
        intensity: { restarts: 0, within: '1h' },
      },
    })
    await agent.ready
    for (let life = 2; life < 6; life += 1) {
      const old = agent.pid as number
      const record = await soon(agent.restart({ by: 'me', reason: 'new configuration' }), 'restarted')
      t.equal(record.incarnation, life)
      t.notOk(alive(old))
    }
    const killed = c.entriesSeen.find(({ to, incarnation }) => to === 'killed' && incarnation === 1)
    t.match(killed?.reason, { kind: 'user', by: 'me', message: 'new configuration' })
    t.equal(notesOf(c, agent, 'backoff').length, 0)
  },
)

t.test('races of stop, kill and restart, in every order: bounded, one process or none', async (t) => {
  const c = await inlineCrew(t)
  const file = join(c.folder, 'pids')
  const calls = {
    stop: (a: ReturnType<typeof c.spawn>) => a.stop(),
    kill: (a: ReturnType<typeof c.spawn>) => a.kill(),
    restart: (a: ReturnType<typeof c.spawn>) => a.restart(),
  }
  const names = Object.keys(calls) as (keyof typeof calls)[]
  for (const one of names)
    for (const two of names)
      for (const three of names) {
        const agent = c.spawn({ command: [fixture('appends-pid.sh'), file], ready: { line: 'ready' } })
        if (three !== 'kill') await agent.ready
        const asked = [one, two, three].map((name) => calls[name](agent))
        const outcomes = await soon(Promise.allSettled(asked), `${one}, ${two}, ${three} settle`)
        for (const outcome of outcomes)
          if (outcome.status === 'rejected')
            t.match(outcome.reason.code, /process_not_found|ended_before_ready/, `${one} ${two} ${three}`)
        if (c.get(agent.id) && !['killed', 'crashed', 'completed'].includes(agent.state)) await agent.kill()
        await soon(agent.ended, 'ended')
      }
  t.same(pids(file).filter(alive), [])
})

t.test(
  'restart() during supervisor.stop() is refused; one under way is rejected, and nothing begins',
  async (t) => {
    const c = await inlineCrew(t)
    const agent = c.spawn({ command: FOREVER, restart: { policy: 'permanent', backoff: quick } })
    await agent.ready
    const under = agent.restart()
    const stopping = c.stop()
    const refused = refusal(() => agent.restart(), 'supervisor_stopping')
    await t.rejects(under, { code: 'ended_before_ready' })
    await refused
    t.match(await stopping, { ended: 1, escaped: [], timedOut: false })
    t.equal(agent.incarnation, 1)
  },
)

t.test('a ttl belongs to the agent: it ends a backoff too, and holds after restarts', async (t) => {
  const c = await inlineCrew(t)
  const waits = c.spawn({
    command: ['false'],
    ttl: 300,
    restart: { policy: 'permanent', backoff: { initial: '1h', max: '1h' }, intensity: false },
  })
  t.match(await soon(waits.ended, 'ttl'), { state: 'killed', reason: { kind: 'ttl' }, incarnation: 1 })
  const busy = c.spawn({
    command: ['sleep', '0.05'],
    ttl: 3000,
    restart: { policy: 'permanent', backoff: quick, intensity: false },
  })
  const record = await soon(busy.ended, 'ttl')
  // A life that had exited by itself in that moment ended as it did; no further one follows either way.
  if (record.state !== 'completed')
    t.match(record, { state: 'killed', reason: { kind: 'ttl', by: 'supervisor' } })
  t.ok(record.incarnation > 1)
  t.equal(notesOf(c, waits, 'budget_warning').length, 1, 'told at 0.8 of it, between two lives as well')
})

t.test(
  'a ttl that ended it and a restart() that overrules it: the next life has a ttl as well',
  async (t) => {
    const c = await inlineCrew(t)
    const agent = c.spawn({
      command: [fixture('sleeps-through-sigterm.sh')],
      ready: { line: 'ready' },
      ttl: 500,
      stop: [{ signal: 'SIGTERM', wait: 300 }],
    })
    // In the moment in which it begins to end: a busy machine might not look again before it has ended.
    const restarted = new Promise((resolve) => {
      const off = agent.on('transition', ({ to }) => {
        if (to !== 'terminating') return
        off()
        resolve(agent.restart())
      })
    })
    await soon(restarted, 'restarted')
    t.match(await soon(agent.ended, 'the ttl of the second life'), { reason: { kind: 'ttl' } })
  },
)

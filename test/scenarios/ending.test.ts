import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  alive,
  crew,
  FOREVER,
  fixture,
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

for (const launcher of [undefined, 'inline'] as const) {
  const how = launcher ?? 'process'

  t.test(`1. an agent that ignores SIGTERM is terminating for its grace, then killed (${how})`, async (t) => {
    const c = await crew(t, { launcher })
    const agent = c.spawn({
      command: [fixture('ignores-sigterm.sh')],
      ready: { line: 'ready' },
      stop: [{ signal: 'SIGTERM', wait: '1s' }],
    })
    await agent.ready
    const began = performance.now()
    const stopping = agent.stop()
    await until(() => agent.state === 'terminating' || null, { what: 'terminating' })
    const result = await stopping
    const tookMs = performance.now() - began
    t.ok(tookMs >= 990 && tookMs < 15_000, `about 1 s: ${tookMs}`)
    t.match(result, {
      success: true,
      action: 'graceful_kill',
      killSignal: 'SIGKILL',
      killedGracefully: false,
      gracePeriodSeconds: 1,
      escaped: [],
      pid: agent.pid,
    })
    t.match(agent.record, { state: 'killed', alive: false, exit: { code: null, signal: 'SIGKILL' } })
    t.match(agent.record.reason, { kind: 'user', by: 'user' })
  })

  t.test(
    `2. a cooperative agent with the same grace is gone at once, without SIGKILL (${how})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const agent = c.spawn({ command: FOREVER, stop: [{ signal: 'SIGTERM', wait: '20s' }] })
      await agent.ready
      const began = performance.now()
      const result = await agent.stop({ by: 'me', reason: 'enough' })
      t.ok(performance.now() - began < 15_000, 'long before the grace is over')
      t.match(result, { killSignal: 'SIGTERM', killedGracefully: true, escaped: [] })
      t.match(agent.record, {
        state: 'killed',
        exit: { signal: 'SIGTERM' },
        reason: { kind: 'user', by: 'me', message: 'enough' },
      })
      t.same(statesOf(c, agent), ['spawning', 'pre_starting', 'running', 'terminating', 'reaping', 'killed'])
    },
  )

  t.test(
    `3. a setsid writer that holds its stdout is ended too, the exit told promptly (${how})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const file = join(c.folder, 'pid')
      const agent = c.spawn({ command: [fixture('leaves-stdout-open.sh'), file] })
      const [writer = 0] = await pidsFrom(file)
      const exited = performance.now()
      const record = await agent.ended
      t.ok(performance.now() - exited < 15_000)
      t.match(record, { state: 'completed', exit: { code: 0, signal: null }, escaped: [] })
      t.notOk(alive(writer))
      t.match(
        readFileSync(record.logFile, 'utf8'),
        /last words/,
        '4. what it wrote before its exit is in its log',
      )
    },
  )

  t.test(
    `5. every process of a three-level tree is dead, two of them only by SIGKILL (${how})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const file = join(c.folder, 'pids')
      const agent = c.spawn({
        command: [fixture('three-levels.sh'), file],
        stop: [{ signal: 'SIGTERM', wait: '300ms' }],
      })
      const pids = await pidsFrom(file, 3)
      t.equal(pids[0], agent.pid)
      t.ok(pids.every(alive))
      const result = await agent.stop()
      t.match(result, { killedGracefully: false, killSignal: 'SIGKILL', escaped: [] })
      t.same(pids.filter(alive), [])
    },
  )

  t.test(
    `6. a double fork in a session of its own is ended when it is stopped, and when it exits (${how})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const file = join(c.folder, 'pid')
      const agent = c.spawn({ command: [fixture('double-forks.sh'), file] })
      const [lost = 0] = await pidsFrom(file)
      const result = await agent.stop()
      t.notOk(alive(lost) && !result.escaped.includes(lost))

      const other = join(c.folder, 'other')
      const gone = c.spawn({ command: [fixture('double-forks.sh'), other, 'exit'] })
      const [orphan = 0] = await pidsFrom(other)
      const record = await gone.ended
      t.notOk(alive(orphan) && !record.escaped.includes(orphan))
      t.equal(record.state, 'completed')
    },
  )
}

t.test(
  '8. one that ignores SIGTERM and floods its stdout ends within its grace, the host stays small',
  async (t) => {
    const c = await crew(t)
    const agent = c.spawn({
      command: [fixture('floods-through-sigterm.sh')],
      stop: [{ signal: 'SIGTERM', wait: '300ms' }],
    })
    await until(() => (statSync(agent.record.logFile, { throwIfNoEntry: false })?.size ?? 0) > 1e6 || null, {
      what: 'a flood',
    })
    const before = process.memoryUsage().rss
    const result = await soon(agent.stop(), 'stopped')
    t.match(result, { killedGracefully: false, escaped: [] })
    t.ok(process.memoryUsage().rss - before < 100e6, 'memory is bounded')
  },
)

t.test(
  '11. a stop of the dead is process_not_found, of the unknown agent_not_found; nothing else happens',
  async (t) => {
    const c = await crew(t)
    const agent = c.spawn({ name: 'short', command: ['true'] })
    await agent.ended
    const before = c.entriesSeen.length
    for (const ask of [() => agent.stop(), () => agent.kill(), () => c.stop('short'), () => c.kill(agent.id)])
      t.match((await refusal(ask, 'process_not_found')).message, /short has ended already \(completed\)/)
    for (const ask of [
      () => c.stop('nobody'),
      () => c.kill('nobody'),
      () => c.restart('nobody'),
      () => c.send('nobody', 'x'),
      () => c.heartbeat('nobody'),
      () => c.logs('nobody'),
      () => c.kill({ task: 'no such task' }),
    ])
      await refusal(ask, 'agent_not_found')
    t.equal(c.entriesSeen.length, before)
  },
)

t.test('a stopped process (SIGSTOP) is continued so that it can end by SIGTERM', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({ command: FOREVER })
  await agent.ready
  process.kill(agent.pid as number, 'SIGSTOP')
  const result = await agent.stop()
  t.match(result, { killedGracefully: true, killSignal: 'SIGTERM' })
})

t.test('rungs are taken one after another; a second stop only hastens', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: [fixture('sleeps-through-sigterm.sh')],
    ready: { line: 'ready' },
    stop: [
      { signal: 'SIGTERM', wait: '30s' },
      { signal: 'SIGUSR1', wait: '30s' },
    ],
  })
  await agent.ready
  const first = agent.stop()
  await until(() => c.entriesSeen.some(({ event }) => event === 'rung') || null, { what: 'the first rung' })
  const second = agent.stop({ grace: '200ms' })
  const third = agent.stop({ grace: '10m' })
  const results = await soon(Promise.all([first, second, third]), 'all three')
  t.same(
    results.map(({ killSignal }) => killSignal),
    ['SIGUSR1', 'SIGUSR1', 'SIGUSR1'],
    'it ended of the second rung',
  )
  const rungs = c.entriesSeen.filter(({ event }) => event === 'rung').map(({ evidence }) => evidence?.signal)
  t.same(rungs, ['SIGTERM', 'SIGUSR1'], 'no rung was taken twice')
})

t.test('a bounded fork bomb of setsid children is ended as a whole', async (t) => {
  const c = await crew(t)
  const file = join(c.folder, 'pids')
  const agent = c.spawn({ command: [fixture('scatters-children.sh'), file, '40'] })
  const pids = await pidsFrom(file, 40)
  remember(...pids)
  const result = await soon(agent.kill(), 'killed')
  t.same(result.escaped, [])
  t.same(pids.filter(alive), [])
})

t.test('with detachOk a setsid descendant lives on', async (t) => {
  const c = await crew(t)
  const file = join(c.folder, 'pid')
  const agent = c.spawn({ command: [fixture('starts-setsid-child.sh'), file], detachOk: true })
  const [child = 0] = await pidsFrom(file)
  await agent.stop()
  t.ok(alive(child))
  process.kill(child, 'SIGKILL')
  await untilDead([child])
})

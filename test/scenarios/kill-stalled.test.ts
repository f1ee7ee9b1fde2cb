import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { AgentSpec } from '../../src/index.ts'
import { alive, FOREVER, fixture, inlineCrew, nothingIsLeft, refusal, soon, until } from '../support.ts'

nothingIsLeft(t)

const HEARS: AgentSpec['heartbeat'] = { timeout: '1h', sources: ['report'] }

t.test('killStalled takes those in stalling, and leaves all others alone', async (t) => {
  const c = await inlineCrew(t)
  const silent = c.spawn({ task: 'T-1', command: FOREVER, heartbeat: { timeout: 50, sources: ['report'] } })
  const healthy = c.spawn({ command: FOREVER, heartbeat: HEARS })
  const unwatched = c.spawn({ command: FOREVER, heartbeat: false })
  await until(() => silent.state === 'stalling' || null, { what: 'stalling' })
  const result = await c.killStalled()
  t.match(result, {
    success: true,
    action: 'kill_stalled',
    agentsKilled: 1,
    killedAgents: [{ agentId: silent.id, pid: silent.pid, killedGracefully: true, taskId: 'T-1' }],
  })
  t.match(silent.record, {
    state: 'killed',
    reason: { kind: 'stall', by: 'killStalled' },
    evidence: { limitMs: 50 },
  })
  t.same([healthy.state, unwatched.state], ['running', 'running'])
  t.same((await c.killStalled()).killedAgents, [])
})

t.test(
  'with heartbeatTimeout it takes all that are silent for longer, never idle or waiting ones; force is at once',
  async (t) => {
    const c = await inlineCrew(t)
    const stubborn = {
      command: [fixture('sleeps-through-sigterm.sh')],
      ready: { line: 'ready' },
      heartbeat: HEARS,
    } as const
    const silent = [
      c.spawn({ ...stubborn, command: [...stubborn.command] }),
      c.spawn({ ...stubborn, command: [...stubborn.command] }),
    ]
    const idle = c.spawn({ command: FOREVER, heartbeat: HEARS })
    const waits = c.spawn({ command: FOREVER, heartbeat: HEARS })
    const beats = c.spawn({ command: FOREVER, heartbeat: HEARS })
    const unwatched = c.spawn({ command: FOREVER, heartbeat: false })
    await Promise.all([...silent, idle, waits, beats, unwatched].map(({ ready }) => ready))
    idle.heartbeat('idle')
    waits.heartbeat({ type: 'waiting', on: 'model' })
    await pause(1200)
    beats.heartbeat()
    const result = await soon(c.killStalled({ heartbeatTimeout: '1s', force: true }), 'killed')
    t.same(new Set(result.killedAgents.map(({ agentId }) => agentId)), new Set(silent.map(({ id }) => id)))
    t.ok(result.killedAgents.every(({ killedGracefully }) => !killedGracefully))
    t.ok(silent.every(({ pid }) => !alive(pid as number)))
    t.ok([idle, waits, beats, unwatched].every(({ state }) => state === 'running'))
  },
)

t.test('their restart policy applies', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: FOREVER,
    heartbeat: { timeout: 100, sources: ['report'] },
    restart: { policy: 'transient', backoff: { initial: 10 } },
  })
  await until(() => agent.state === 'stalling' || null, { what: 'stalling' })
  await c.killStalled()
  await until(() => agent.incarnation === 2 || null, { what: 'the second life' })
})

t.test('a filter narrows it; one that is misspelt is refused, and takes nobody', async (t) => {
  const c = await inlineCrew(t)
  const [one, two] = ['one', 'two'].map((task) =>
    c.spawn({ task, command: FOREVER, heartbeat: { timeout: 50, sources: ['report'] } }),
  )
  await until(() => (one?.state === 'stalling' && two?.state === 'stalling') || null, { what: 'both stall' })
  await refusal(() => c.killStalled({ filter: { tsk: 'one' } as object }), 'invalid_spec')
  await refusal(() => c.killStalled({ heartbeatTimeout: 'soon' }), 'invalid_spec')
  await refusal(() => c.killStalled({ heartbeatTimout: 1 } as object), 'invalid_spec')
  t.equal((await c.killStalled({ filter: { task: 'one' } })).agentsKilled, 1)
  t.same([one?.state, two?.state], ['killed', 'stalling'])
})

t.test('a user’s stop of a stalled agent that is being killed makes the end final', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: [fixture('sleeps-through-sigterm.sh')],
    ready: { line: 'ready' },
    heartbeat: { timeout: 50, sources: ['report'] },
    restart: { policy: 'permanent', backoff: { initial: 1 } },
    stop: [{ signal: 'SIGTERM', wait: 300 }],
  })
  await until(() => agent.state === 'stalling' || null, { what: 'stalling' })
  const killing = c.killStalled()
  const stopping = agent.stop()
  await soon(Promise.all([killing, stopping]), 'both')
  t.match(agent.record, { state: 'killed', incarnation: 1, reason: { kind: 'user' } })
  await pause(100)
  t.equal(agent.state, 'killed')
})

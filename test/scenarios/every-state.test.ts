/** Scenario 10: an end asked for in each state is bounded, and comes once. */
import { join } from 'node:path'
import t from 'tap'
import type { Agent, AgentSpec, AgentState } from '../../src/index.ts'
import { type Crew, crew, FOREVER, fixture, nothingIsLeft, soon, statesOf, until } from '../support.ts'

nothingIsLeft(t)

const again = {
  policy: 'permanent',
  backoff: { initial: '1h', max: '1h', jitter: 0 },
  intensity: false,
} as const

/** How an agent gets into a state, and stays there for as long as the test needs. */
const INTO: Record<string, (c: Crew) => AgentSpec> = {
  spawning: () => ({ command: FOREVER }),
  pre_starting: () => ({ command: FOREVER, ready: { report: true } }),
  running: () => ({ command: FOREVER }),
  stalling: () => ({ command: FOREVER, heartbeat: { timeout: 20, sources: ['report'] } }),
  terminating: () => ({
    command: [fixture('sleeps-through-sigterm.sh')],
    ready: { line: 'ready' },
    stop: [{ signal: 'SIGTERM', wait: '400ms' }],
  }),
  // What it leaves ignores SIGTERM, so that sweeping takes its second.
  reaping: (c) => ({ command: [fixture('leaves-stubborn-child.sh'), join(c.folder, 'pid')], restart: again }),
  restarting: () => ({ command: ['true'], restart: again }),
}

async function reach(c: Crew, state: string, spec = INTO[state]?.(c) as AgentSpec): Promise<Agent> {
  const agent = c.spawn(spec)
  if (state === 'terminating') {
    await agent.ready
    void agent.stop()
  }
  await until(() => agent.state === state || null, { what: state })
  return agent
}

/** One crew for all: each leaves it without agents. */
const c = await crew(t)

const ENDS: readonly AgentState[] = ['killed', 'crashed', 'completed']

for (const state of Object.keys(INTO)) {
  t.test(`10. stop in ${state}: bounded, ends once, never comes back`, async (t) => {
    const agent = await reach(c, state)
    const asked = performance.now()
    const requests = Promise.allSettled([agent.stop(), agent.stop(), agent.kill()])
    const results = await soon(requests, 'all three')
    t.ok(performance.now() - asked < 14_000)
    const [first, ...rest] = results
    t.match(first, { status: 'fulfilled', value: { success: true, escaped: [] } })
    // Between two lives there is nothing to wait for: the first has ended it before the second asks.
    const ended = { status: 'rejected', reason: { code: 'process_not_found' } }
    for (const each of rest) t.match(each, state === 'restarting' ? ended : { status: 'fulfilled' })
    const record = await soon(agent.ended, 'ended')
    const before = statesOf(c, agent)
    t.equal(before.filter((each) => ENDS.includes(each as AgentState)).length, state === 'restarting' ? 2 : 1)
    t.equal(before.at(-1), record.state)
    t.equal(record.state, state === 'reaping' ? 'completed' : 'killed')
    if (state === 'restarting') t.match(first, { value: { pid: null, killSignal: null } })
    t.same(c.list(), [])
    t.equal(agent.incarnation, 1)
    if (state === 'spawning' || state === 'pre_starting') {
      await t.rejects(agent.ready, { code: 'ended_before_ready', message: /user, by user/ })
      t.equal(record.error, null, 'nothing failed: it was asked to end')
    }
    // The name is free.
    const next = c.spawn({ name: agent.name, command: FOREVER })
    await next.ready
    t.not(next, agent)
    await next.kill()
  })

  t.test(`10. kill in ${state}: at once`, async (t) => {
    const agent = await reach(c, state)
    const result = await soon(agent.kill({ reason: 'now' }), 'killed')
    t.match(result, { success: true, action: 'force_kill', gracePeriodSeconds: 0, escaped: [] })
    t.same(c.list(), [])
  })

  t.test(`cancel in ${state}: it ends, once, and no policy brings it back`, async (t) => {
    const spec = { ...(INTO[state]?.(c) as AgentSpec), restart: again }
    const agent = await reach(c, state, spec)
    const result = await soon(agent.cancel({ within: 100, reason: 'no more' }), 'cancelled')
    t.match(result, { success: true, action: 'cancel', escaped: [] })
    const record = await soon(agent.ended, 'ended')
    t.equal(record.incarnation, 1)
    // It had ended by itself before: well, and that stands.
    if (state === 'reaping') t.match(record, { state: 'completed', reason: null })
    else t.match(record, { state: 'killed', reason: { kind: 'cancelled', by: 'user', message: 'no more' } })
    t.same(c.list(), [])
  })

  t.test(`restart in ${state}: one new life, and only one`, async (t) => {
    const agent = await reach(c, state)
    const restarted = Promise.all([agent.restart(), agent.restart()])
    if (state === 'pre_starting') {
      await until(() => (agent.incarnation === 2 && agent.state === 'pre_starting') || null, {
        what: 'again',
      })
      agent.heartbeat('ready')
    }
    const records = await soon(restarted, 'restarted')
    for (const record of records) t.match(record, { incarnation: 2, state: 'running', restarts: 1 })
    t.equal(agent.incarnation, 2)
    await agent.kill()
  })

  t.test(`supervisor.stop() with an agent in ${state}: bounded, and it has ended`, async (t) => {
    const c = await crew(t)
    const agent = await reach(c, state)
    t.same(await soon(c.stop({ timeout: '10s' }), 'stopped'), { ended: 1, escaped: [], timedOut: false })
    t.ok(ENDS.includes(agent.state))
    await soon(agent.ended, 'ended')
  })
}

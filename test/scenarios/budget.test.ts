/** What an agent may use, over all its lives: warned, cancelled, and never brought back. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Agent, AgentSpec } from '../../src/index.ts'
import { sentenceOf } from '../../src/index.ts'
import {
  type Crew,
  crew,
  FOREVER,
  fixture,
  notesOf,
  nothingIsLeft,
  refusal,
  soon,
  until,
} from '../support.ts'

nothingIsLeft(t)

const ALWAYS = { policy: 'permanent', backoff: { initial: 1 }, intensity: false } as const
const uses = (turns: number, tokens: number, usd: number, exit: number | '-'): AgentSpec => ({
  command: [fixture('uses.sh'), `${turns}`, `${tokens}`, `${usd}`, `${exit}`],
  heartbeat: false,
})

/** Whether anything that was asked of it reached it. */
const wasReached = (c: Crew, agent: Agent): boolean =>
  notesOf(c, agent, 'rung').some(({ evidence }) => evidence?.through !== undefined)

t.test('warned at 0.8, cancelled at 1: its step is finished, no policy brings it back', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: [fixture('works-in-steps.sh'), '0.2'],
    ready: { line: 'begin' },
    restart: ALWAYS,
    budget: { tokens: 1000, turns: 100 },
  })
  await agent.ready
  agent.heartbeat({ type: 'usage', turns: 1, tokens: 700 })
  t.same(notesOf(c, agent, 'budget_warning'), [])
  agent.heartbeat({ type: 'usage', turns: 1, tokens: 150 })
  agent.heartbeat({ type: 'usage', turns: 1 })
  const [warning, ...more] = notesOf(c, agent, 'budget_warning')
  t.match(warning?.evidence, { budget: 'tokens', used: 850, allowed: 1000 })
  t.equal(warning && sentenceOf(warning), '850 of 1,000 tokens')
  t.same(more, [])
  agent.heartbeat({ type: 'usage', tokens: 200 })
  t.equal(agent.state, 'terminating')
  // What it still uses on its way is counted, and asks for nothing again.
  agent.heartbeat({ type: 'usage', tokens: 50 })
  t.match(await soon(agent.ended, 'ended'), {
    state: 'killed',
    incarnation: 1,
    exit: { code: 0 },
    reason: { kind: 'budget', by: 'supervisor', message: 'it used 1050 of 1000 tokens' },
    evidence: { budget: 'tokens', used: 1050, allowed: 1000 },
    usage: { turns: 3, tokens: 1100 },
  })
  t.match(readFileSync(agent.record.logFile, 'utf8'), /begin\nend\n$/)
  t.match(
    notesOf(c, agent, 'rung').map(({ evidence }) => evidence),
    [{ asked: 'cancel', through: 'control' }],
  )
  t.match(await refusal(() => agent.restart(), 'budget_exhausted'), { field: 'budget.tokens' })
})

t.test(
  'its lives share it; the one that used the rest by itself ended as it did, and is the last',
  async (t) => {
    const c = await crew(t)
    const agent = c.spawn({ ...uses(1, 10, 0.1, 1), restart: ALWAYS, budget: { usd: 0.3 } })
    t.match(await soon(agent.ended, 'ended'), { incarnation: 3, usage: { turns: 3, tokens: 30 } })
    // SIGINT may have come in the moment in which it exited.
    const byItself = {
      state: 'crashed',
      reason: null,
      exit: { code: 1 },
      evidence: { notRestarted: /asked for meanwhile/ },
    }
    const killed = { state: 'killed', reason: { kind: 'budget' } }
    t.match(agent.record, wasReached(c, agent) ? killed : byItself)
    const asked = c.entriesSeen.find(({ reason }) => reason?.kind === 'budget')
    t.equal(asked?.reason?.message, 'it used $0.3 of $0.3')
    t.equal(notesOf(c, agent, 'budget_warning').length, 0, 'it was never between 0.8 and 1')
    await refusal(() => agent.restart(), 'budget_exhausted')
  },
)

t.test('done is done: a last report beyond the budget leaves what was completed completed', async (t) => {
  const c = await crew(t)
  for (const policy of ['permanent', 'transient'] as const) {
    const agent = c.spawn({ ...uses(9, 9, 9, 0), restart: { ...ALWAYS, policy }, budget: { turns: 5 } })
    const record = await soon(agent.ended, 'ended')
    t.match(record, { incarnation: 1, usage: { turns: 9 } })
    t.match(record, wasReached(c, agent) ? { state: 'killed' } : { state: 'completed', reason: null })
  }
})

t.test('what is used while it starts counts, and ends a start', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    ...uses(9, 0, 0, '-'),
    ready: { report: true },
    restart: ALWAYS,
    budget: { turns: 9 },
  })
  await refusal(() => agent.ready, 'ended_before_ready')
  t.match(agent.record, { state: 'killed', reason: { kind: 'budget' } })
  t.match(agent.record.evidence, { budget: 'turns', used: 9 })
})

t.test('a budget that runs out while someone restarts it: nothing begins', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: [fixture('sleeps-through-sigterm.sh')],
    ready: { line: 'ready' },
    stop: [{ signal: 'SIGTERM', wait: 300 }],
    budget: { turns: 2 },
  })
  await agent.ready
  agent.heartbeat({ type: 'usage', turns: 1 })
  const restarted = agent.restart()
  await until(() => agent.state === 'terminating' || null, { what: 'the old life ends' })
  agent.heartbeat({ type: 'usage', turns: 1 })
  await t.rejects(soon(restarted, 'an answer'), { code: 'ended_before_ready' })
  t.match(agent.record, { state: 'killed', incarnation: 1 })
})

t.test('a ttl begins with a cancellation too, over all lives', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: [fixture('works-in-steps.sh'), '0.1'],
    ready: { line: 'begin' },
    ttl: 5000,
    restart: ALWAYS,
  })
  await agent.ready
  const kept = c.spawn({ command: FOREVER, ttl: '1h', budget: { turns: 1 } })
  await agent.restart()
  t.match(await soon(agent.ended, 'ended'), {
    state: 'killed',
    incarnation: 2,
    reason: { kind: 'ttl' },
    exit: { code: 0 },
  })
  const ending = c.entriesSeen.find(
    ({ agentId, to, reason }) => agentId === agent.id && to === 'terminating' && reason?.kind === 'ttl',
  )
  t.match(ending?.evidence, { withinMs: 30_000 })
  t.match(notesOf(c, agent, 'rung').at(-1)?.evidence, { asked: 'cancel', through: 'control' })
  t.equal(kept.state, 'running')
})

/** What an agent may use, over all its lives: warned, cancelled, and never brought back. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Agent, AgentSpec } from '../../src/index.ts'
import { sentenceOf } from '../../src/index.ts'
import {
  type Crew,
  FOREVER,
  fixture,
  inlineCrew,
  launcherOf,
  notesOf,
  nothingIsLeft,
  refusal,
  remember,
  soon,
  until,
  untilDead,
} from '../support.ts'
import { killed, pidsOf, place, predecessor, successor } from './succession.ts'

nothingIsLeft(t)

const ALWAYS = { policy: 'permanent', backoff: { initial: 1 }, intensity: false } as const
const uses = (turns: number, tokens: number, usd: number, exit: number | '-'): AgentSpec => ({
  command: [fixture('uses.sh'), `${turns}`, `${tokens}`, `${usd}`, `${exit}`],
  heartbeat: false,
})

/** A command in a predecessor's program: once there is a file `go`, it says what it used. */
const spends = (turns: number, then: string): string =>
  `['sh', '-c', 'while [ ! -e "$0" ]; do sleep 0.05; done; ' +
     'echo \\'{"type":"usage","turns":${turns}}\\' >> "$REEVE_REPORT"; ${then}', FOLDER + '/go']`

/** Whether anything that was asked of it reached it. */
const wasReached = (c: Crew, agent: Agent): boolean =>
  notesOf(c, agent, 'rung').some(({ evidence }) => evidence?.through !== undefined)

t.test('warned at 0.8, cancelled at 1: its step is finished, no policy brings it back', async (t) => {
  const c = await inlineCrew(t)
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
    const c = await inlineCrew(t)
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
  const c = await inlineCrew(t)
  for (const policy of ['permanent', 'transient'] as const) {
    const agent = c.spawn({ ...uses(9, 9, 9, 0), restart: { ...ALWAYS, policy }, budget: { turns: 5 } })
    const record = await soon(agent.ended, 'ended')
    t.match(record, { incarnation: 1, usage: { turns: 9 } })
    t.match(record, wasReached(c, agent) ? { state: 'killed' } : { state: 'completed', reason: null })
  }
})

t.test('what is used while it starts counts, and ends a start', async (t) => {
  const c = await inlineCrew(t)
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
  const c = await inlineCrew(t)
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
  const c = await inlineCrew(t)
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

t.test(
  'a successor goes on from the sum, warns of nothing twice, and ends what is used up for good',
  async (t) => {
    const where = place(t)
    const h = await predecessor(
      t,
      where,
      `const all = [
       { name: 'spender', command: run('runs-forever.sh'), budget: { tokens: 1000 } },
       // What it says last, it says while nobody listens; then it crashes.
       { name: 'last', command: ${spends(1, 'exit 1')}, budget: { turns: 2 } },
       { name: 'old', command: run('runs-forever.sh'), ttl: '3s' },
     ].map((spec) => supervisor.spawn({ id: spec.name, restart: { policy: 'permanent', backoff: { initial: 1 } }, ...spec, ...kept }))
     await Promise.all(all.map(({ ready }) => ready))
     all[0].heartbeat({ type: 'usage', tokens: 850 })
     all[1].heartbeat({ type: 'usage', turns: 1 })
     const warned = new Set()
     for await (const { name, event } of supervisor.entries({ since: 0 }))
       if (event === 'budget_warning' && warned.add(name).size === 2) break`,
    )
    const pids = pidsOf(h)
    await killed(h)
    const says = (id: string, line: string) =>
      appendFileSync(join(where.home, 'reports', `${id}.1`), `${line}\n`)
    says('spender', '{"type":"usage","tokens":50}')
    writeFileSync(join(where.folder, 'go'), '')
    await untilDead([pids.get('last') ?? 0])
    const reeve = await successor(t, where)
    remember(await launcherOf(reeve))
    const agent = (id: string) => reeve.get(id) as Agent
    await until(() => agent('spender').record.usage?.tokens === 900 || null, {
      what: 'what it said meanwhile',
    })
    t.match(agent('spender'), { state: 'running', pid: pids.get('spender') })
    says('spender', '{"type":"usage","tokens":100}')
    const spender = await soon(agent('spender').ended, 'its budget is used up')
    t.match(spender, {
      state: 'killed',
      incarnation: 1,
      usage: { tokens: 1000 },
      reason: { kind: 'budget', by: 'supervisor', message: 'it used 1000 of 1000 tokens' },
    })
    await refusal(() => agent('spender').restart(), 'budget_exhausted')
    t.match(await soon(agent('last').ended, 'it has ended'), {
      state: 'crashed',
      incarnation: 1,
      usage: { turns: 2 },
      exit: { code: 1 },
    })
    t.match(await soon(agent('old').ended, 'its time is over'), { incarnation: 1, reason: { kind: 'ttl' } })
    for (const id of ['spender', 'old']) {
      const story = await reeve.history(id)
      t.equal(story.filter(({ event }) => event === 'budget_warning').length, 1, `${id} was warned once`)
      t.equal(story.find(({ event }) => event === 'rung')?.evidence?.asked, 'cancel', id)
    }
  },
)

t.test('a supervisor killed just before its warning: the next one gives it, once', async (t) => {
  const where = place(t)
  const h = await predecessor(
    t,
    where,
    `supervisor.on('note', ({ event }) => { if (event === 'usage') process.kill(process.pid, 'SIGKILL') })
     await supervisor.spawn({ ...kept, id: 'a', command: ${spends(9, 'exec sleep 1000')}, budget: { turns: 10, tokens: 10 } }).ready`,
  )
  pidsOf(h)
  writeFileSync(join(where.folder, 'go'), '')
  await h.exited
  const reeve = await successor(t, where)
  remember(await launcherOf(reeve))
  const agent = reeve.get('a') as Agent
  t.match(agent, { state: 'running', record: { usage: { turns: 9 } } })
  agent.heartbeat({ type: 'usage', tokens: 9 })
  const warnings = (await reeve.history('a')).filter(({ event }) => event === 'budget_warning')
  t.match(
    warnings.map(({ evidence }) => evidence),
    [
      { budget: 'turns', used: 9, allowed: 10 },
      { budget: 'tokens', used: 9, allowed: 10 },
    ],
  )
})

t.test('a supervisor killed in the moment a spent life ends: no further one begins', async (t) => {
  const where = place(t)
  const h = await predecessor(
    t,
    where,
    `supervisor.on('transition', ({ to }) => { if (to === 'reaping') process.kill(process.pid, 'SIGKILL') })
     await supervisor.spawn({
       ...kept, id: 'a', budget: { turns: 1 }, restart: { policy: 'permanent', backoff: { initial: 1 } },
       command: ${spends(1, 'exit 1')},
     }).ready`,
  )
  pidsOf(h)
  writeFileSync(join(where.folder, 'go'), '')
  await h.exited
  const reeve = await successor(t, where)
  remember(await launcherOf(reeve))
  const record = await soon((reeve.get('a') as Agent).ended, 'it has ended')
  t.match(record, { incarnation: 1, usage: { turns: 1 }, exit: { code: 1 } })
})

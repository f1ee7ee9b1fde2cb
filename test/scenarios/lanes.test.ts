/** A lane: one agent at a time, whatever races. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Agent, AgentSpec } from '../../src/index.ts'
import {
  alive,
  FOREVER,
  fixture,
  inlineCrew,
  nothingIsLeft,
  pidsFrom,
  refusal,
  soon,
  statesOf,
  until,
} from '../support.ts'
import { killed, pidsOf, place, predecessor, successor } from './succession.ts'

nothingIsLeft(t)
t.jobs = 3

const lane = 'member-1'
const storyOf = (agent: Agent) => ({ state: agent.state, reason: agent.record.reason?.kind, pid: agent.pid })

t.test('reject: lane_busy, which names the holder; the lane is free when it has ended', async (t) => {
  const c = await inlineCrew(t)
  const one = c.spawn({ name: 'one', command: FOREVER, lane, restart: 'permanent' })
  const spec = { name: 'two', command: FOREVER, lane }
  t.match((await refusal(() => c.spawn(spec), 'lane_busy')).message, /held by one \(spawning\)\. Wait/)
  await one.ready
  t.match(await refusal(() => c.spawn(spec), 'lane_busy'), {
    field: 'lane',
    agentId: one.id,
    message: `lane: "member-1" is held by one (running, pid ${one.pid}). Wait for it (onConflict: "queue"), or take its place (onConflict: "replace").`,
  })
  t.equal(c.get('two'), undefined, 'no name is taken')
  t.equal(c.spawn({ command: FOREVER, lane: 'member-2' }).state, 'spawning', 'another lane is another')
  // Between two lives it holds it.
  process.kill(one.pid as number, 'SIGKILL')
  await until(() => one.state === 'restarting' || null, { what: 'the backoff' })
  await refusal(() => c.spawn(spec), 'lane_busy')
  t.equal(c.list({ lane })[0]?.lane, lane)
  const [result] = await c.stop({ lane })
  t.equal(result?.agentId, one.id)
  const two = c.spawn(spec)
  await two.ready
  t.match(await refusal(() => one.restart(), 'lane_busy'), { agentId: two.id })
  await two.stop()
  await one.restart()
  t.equal(one.incarnation, 2)
  await refusal(() => c.spawn(spec), 'lane_busy')
})

t.test('replace: the whole tree of the holder ends first, for good; then the newcomer starts', async (t) => {
  const c = await inlineCrew(t)
  const held = join(c.folder, 'lane')
  const holds = { command: [fixture('holds-lane.sh'), held], lane }
  const one = c.spawn({ ...holds, name: 'one', restart: 'permanent' })
  await until(() => existsSync(held) || null, { what: 'one has it' })
  const two = c.spawn({ ...holds, name: 'two', onConflict: 'replace', spawner: 'planner' })
  t.match(two.record, { state: 'spawning', alive: false, lane, evidence: { waitsFor: one.id } })
  await two.ready
  t.match(one.record, { state: 'killed', reason: { kind: 'lane', by: 'planner' } })
  t.match(one.record.reason?.message, `two (${two.id}) takes its place in lane "member-1"`)
  t.equal(two.record.evidence?.waitsFor, undefined)
  const order = c.entriesSeen.map(({ name, to, event }) => `${name} ${to} ${event}`)
  t.ok(order.indexOf('two spawning queued') < order.indexOf('one terminating stop'))
  t.ok(order.indexOf('one killed end') < order.indexOf('two spawning spawn'))
  const [first] = await c.history('two')
  t.match(first, {
    event: 'queued',
    from: null,
    lane,
    evidence: { waitsFor: one.id },
    command: [String, held],
  })
  // Of two that race to replace it, the later one does.
  const three = c.spawn({ ...holds, name: 'three', onConflict: 'replace' })
  const four = c.spawn({ ...holds, name: 'four', onConflict: 'replace' })
  await t.rejects(three.ready, { code: 'ended_before_ready' })
  t.match(storyOf(three), { state: 'killed', reason: 'lane', pid: null })
  await four.ready
  t.match(storyOf(two), { state: 'killed', reason: 'lane' })
  // Between two lives there is nothing to end but the pause.
  await four.kill()
  t.notOk(existsSync(`${held}.broken`))
})

t.test(
  'restart() of one that is being replaced is refused, as long as somebody takes its place',
  async (t) => {
    const c = await inlineCrew(t)
    const stubborn = {
      command: ['sh', '-c', 'trap "" INT TERM; echo ready; while :; do sleep 1; done'],
      ready: { line: 'ready' },
      stop: [{ signal: 'SIGTERM', wait: '10m' }],
      lane,
    } satisfies AgentSpec
    const one = c.spawn({ ...stubborn, name: 'one', restart: 'permanent' })
    await one.ready
    const two = c.spawn({ name: 'two', command: FOREVER, lane, onConflict: 'replace' })
    const refused = {
      field: 'lane',
      agentId: two.id,
      message: `lane: "member-1" goes to two (${two.id}), which takes the place of one. Stop two first, or restart one when two has ended.`,
    }
    t.match(await refusal(() => one.restart(), 'lane_busy'), refused)
    await one.kill()
    await two.ready
    t.match(storyOf(one), { state: 'killed', reason: 'lane' })
    t.match(await refusal(() => one.restart(), 'lane_busy'), {
      agentId: two.id,
      message: `lane: "member-1" is held by two (running, pid ${two.pid}). Stop two first, or restart one when two has ended.`,
    })
    await two.stop()
    t.match(await one.restart(), { state: 'running', incarnation: 2 })

    // Its restart was asked for, and comes too late; one whose place nobody takes any more is restarted.
    const asked = one.restart()
    const three = c.spawn({ name: 'three', command: FOREVER, lane, onConflict: 'replace' })
    t.match(await refusal(() => one.restart(), 'lane_busy'), { agentId: three.id })
    await three.stop()
    const again = one.restart({ grace: 0 })
    t.match(await again, { state: 'running', incarnation: 3 })
    t.equal((await asked).incarnation, 3)
  },
)

t.test('what a holder leaves, in its group or out of it, is gone before the next one begins', async (t) => {
  const c = await inlineCrew(t)
  const leaves = readFileSync(fixture('leaves-stubborn-child.sh'), 'utf8')
  // The same in a session of its own, which no signal to its group reaches.
  const apart = leaves.replace('exec sh -c', 'exec setsid sh -c')
  const seen: string[] = []
  const ended: Promise<unknown>[] = []
  for (const [which, script] of Object.entries({ leaves, apart })) {
    const file = join(c.folder, which)
    const one = c.spawn({ name: which, command: ['sh', '-c', script, 'sh', file], lane: which })
    const two = c.spawn({ name: `after-${which}`, command: ['true'], lane: which, onConflict: 'queue' })
    const child = pidsFrom(file)
    c.on('transition', ({ name, to }) => name === which && seen.push(`${which} ${to}`))
    c.on('note', ({ name, event }) => {
      if (name !== two.name || event !== 'spawn') return
      // Asked in the moment in which it is told.
      const left = existsSync(file) && alive(Number(readFileSync(file, 'utf8')))
      seen.push(`${two.name} begins, ${left ? 'beside what is left' : 'alone'}`)
    })
    ended.push(child, one.ended, two.ended)
  }
  await soon(Promise.all(ended), 'both lanes are done')
  for (const which of ['leaves', 'apart'])
    t.same(seen.filter((each) => each.includes(which)).slice(-3), [
      `${which} reaping`,
      `${which} completed`,
      `after-${which} begins, alone`,
    ])
})

t.test(
  'replace: a holder that crashes while it is asked to end is gone for good, and its turn comes',
  async (t) => {
    const c = await inlineCrew(t)
    const stubborn = {
      command: ['sh', '-c', 'trap "" INT TERM; echo ready; exec sleep 1000'],
      ready: { line: 'ready' },
      stop: [{ signal: 'SIGTERM', wait: '1h' }],
      restart: { policy: 'permanent', backoff: { initial: 1 } },
    } as const
    const pairs = ['stopped', 'cancelled'].map((name) => {
      const holder = c.spawn({ ...stubborn, name, lane: name })
      const next = () =>
        c.spawn({ name: `${name}-next`, command: FOREVER, lane: name, onConflict: 'replace' })
      return { holder, next }
    })
    await Promise.all(pairs.map(({ holder }) => holder.ready))
    void pairs[1]?.holder.cancel({ within: '1h', by: 'a person' })
    await until(() => pairs[1]?.holder.state === 'terminating' || null, { what: 'it is asked to end' })
    for (const { holder, next } of pairs) {
      const newcomer = next()
      await until(() => holder.state === 'terminating' || null, { what: 'it is asked to end' })
      process.kill(holder.pid as number, 'SIGKILL')
      await soon(newcomer.ready, 'its turn')
      t.match(holder.record, { state: 'killed', incarnation: 1, exit: { signal: 'SIGKILL' } })
      const order = c.entriesSeen.map((entry) => `${entry.name} ${entry.to} ${entry.event}`)
      t.ok(order.indexOf(`${holder.name} killed end`) < order.indexOf(`${newcomer.name} spawning spawn`))
      t.notOk(order.includes(`${holder.name} restarting backoff`))
    }
    t.match(
      pairs.map(({ holder }) => holder.record.reason),
      [{ kind: 'lane' }, { kind: 'cancelled', by: 'a person' }],
    )
  },
)

t.test('queue: first in, first out, and before them whoever replaces the holder', async (t) => {
  const c = await inlineCrew(t)
  const held = join(c.folder, 'lane')
  const spec = (name: string, onConflict: AgentSpec['onConflict'] = 'queue', seconds = 0): AgentSpec => {
    return { name, command: [fixture('holds-lane.sh'), held, String(seconds)], lane, onConflict, ttl: '1h' }
  }
  const first = c.spawn(spec('first', 'queue', 1000))
  await until(() => existsSync(held) || null, { what: 'the first one has it' })
  const [a, b, x, d] = ['a', 'b', 'x', 'd'].map((name) => c.spawn(spec(name))) as [Agent, Agent, Agent, Agent]
  const front = c.spawn(spec('front', 'replace'))
  t.same(
    c.list({ state: 'spawning', lane }).map(({ name }) => name),
    ['a', 'b', 'x', 'd', 'front'],
  )
  t.match(a.record.evidence, { waitsFor: first.id })
  t.match(await refusal(() => c.spawn({ ...spec('a'), lane: 'other' }), 'name_taken'), { agentId: a.id })
  const result = await x.cancel({ by: 'me' })
  t.match(result, { agentId: x.id, pid: null, message: 'Agent cancelled while it had no process' })
  t.match(x.record, { state: 'killed', reason: { kind: 'cancelled', by: 'me' } })
  await refusal(() => x.stop(), 'process_not_found')
  const restarted = b.restart()
  await soon(d.ended, 'all had their turn')
  t.match(await restarted, { id: b.id, incarnation: 1, state: 'running' }, 'to a new life its turn is enough')
  for (const agent of [a, b, d, front]) t.equal(agent.state, 'completed', agent.name)
  const began = readFileSync(`${held}.log`, 'utf8').trim().split('\n')
  t.same(began, ['first', 'front', 'a', 'b', 'd'])
  t.notOk(existsSync(`${held}.broken`))
  t.same(statesOf(c, a).slice(0, 2), ['spawning', 'pre_starting'])
})

t.test(
  'one that waits holds nobody up: stop, kill and the end of all end it at once, and nobody starts',
  async (t) => {
    const c = await inlineCrew(t)
    const holder = c.spawn({ name: 'holder', command: FOREVER, lane })
    await holder.ready
    const [one, two, ...rest] = [...Array(20).keys()].map((i) =>
      c.spawn({ name: `n${i}`, command: FOREVER, lane, onConflict: 'queue', task: 'T' }),
    ) as [Agent, Agent, ...Agent[]]
    t.match(await one.kill(), { action: 'force_kill', pid: null })
    t.match(await two.stop(), { action: 'graceful_kill', killSignal: null })
    await refusal(() => two.stop(), 'process_not_found')
    const result = await c.stop()
    t.match(result, { ended: 19, escaped: [], timedOut: false })
    for (const agent of [...rest, holder]) t.match(storyOf(agent), { state: 'killed', reason: 'shutdown' })
    t.ok(rest.every(({ pid }) => pid === null))
  },
)

t.test('at most 1,000 wait in one lane', async (t) => {
  const c = await inlineCrew(t)
  const holder = c.spawn({ name: 'holder', command: FOREVER, lane })
  const spec = { command: FOREVER, lane, onConflict: 'queue' as const }
  for (let i = 0; i < 1000; i += 1) c.spawn(spec)
  t.match((await refusal(() => c.spawn(spec), 'lane_busy')).message, /1000 wait/)
  t.equal((await c.stop({ lane })).length, 1001)
  t.equal(holder.state, 'killed')
  t.same(c.list(), [])
})

t.test('1,000 spawns race for one lane, in all ways: at no moment two of them live', async (t) => {
  const c = await inlineCrew(t)
  const held = join(c.folder, 'lane')
  const seed = Number(process.env.REEVE_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.comment(`REEVE_SEED=${seed}`)
  let state = seed
  const dice = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % below
  }
  const command = [fixture('holds-lane.sh'), held, '0']
  let refused = 0
  const agents: Agent[] = []
  for (let i = 0; i < 1000; i += 1) {
    const onConflict = (['reject', 'reject', 'replace', 'queue'] as const)[dice(dice(3) === 0 ? 4 : 3)]
    try {
      agents.push(
        c.spawn({
          name: `n${i}`,
          command,
          lane,
          onConflict,
          restart: { policy: 'transient', backoff: { initial: 1, max: 1 } },
        }),
      )
    } catch (error) {
      t.equal((error as { code: string }).code, 'lane_busy')
      refused += 1
    }
    const other = agents[dice(agents.length)]
    if (other && dice(8) === 0) void (dice(2) ? other.stop() : other.restart()).catch(() => {})
    if (dice(25) === 0) await pause(dice(20))
  }
  await soon(Promise.all(agents.map(({ ended }) => ended)), 'all have ended', 60_000)
  const began = readFileSync(`${held}.log`, 'utf8').trim().split('\n')
  t.comment(`${refused} refused, ${began.length} lives`)
  t.ok(began.length > 10)
  t.notOk(existsSync(`${held}.broken`), 'none found another there')
})

t.test('a successor: who held a lane holds it, who waited waits, in the same order', async (t) => {
  const where = place(t)
  const h = await predecessor(
    t,
    where,
    `const spec = (name, more) => ({ name, command: run('holds-lane.sh', FOLDER + '/lane', name === 'holder' ? 1000 : 0), lane: 'l', onConflict: 'queue', ...kept, ...more })
     await supervisor.spawn(spec('holder')).ready
     supervisor.spawn(spec('a'))
     supervisor.spawn(spec('gone', { onSupervisorDeath: 'end' }))
     supervisor.spawn(spec('b'))`,
  )
  pidsOf(h)
  await killed(h)
  const reeve = await successor(t, where)
  const agent = (name: string) => reeve.get(name) as Agent
  t.same(
    reeve.list({ lane: 'l' }).map(({ name, state }) => `${name} ${state}`),
    ['holder running', 'a spawning', 'b spawning'],
  )
  t.match(reeve.list({ name: 'a' })[0]?.evidence, { waitsFor: agent('holder').id })
  const [gone] = await reeve.records({ name: 'gone' })
  t.match(gone, { state: 'killed', reason: { kind: 'shutdown' }, startedAt: null })
  t.match(await refusal(() => reeve.spawn({ command: FOREVER, lane: 'l' }), 'lane_busy'), {
    agentId: agent('holder').id,
  })
  const [a, b] = [agent('a'), agent('b')]
  await agent('holder').stop()
  await soon(Promise.all([a.ended, b.ended]), 'their turns came')
  t.same(readFileSync(join(where.folder, 'lane.log'), 'utf8').trim().split('\n'), ['holder', 'a', 'b'])
  t.notOk(existsSync(join(where.folder, 'lane.broken')))
  t.same([a.state, b.state], ['completed', 'completed'])
})

t.test('who comes under a successor waits behind those of before, for the next one too', async (t) => {
  const where = place(t)
  const queued = (...names: string[]) =>
    `for (const name of ${JSON.stringify(names)})
       supervisor.spawn({ name, command: run('holds-lane.sh', FOLDER + '/lane', name === 'holder' ? 1000 : 0), lane: 'l', onConflict: 'queue', ...kept })`
  const first = await predecessor(
    t,
    where,
    `${queued('holder', 'a', 'b')}
     await supervisor.get('holder').ready`,
  )
  pidsOf(first)
  await killed(first)
  const second = await predecessor(t, where, queued('c', 'd'))
  pidsOf(second)
  await killed(second)
  const reeve = await successor(t, where)
  const agents = ['a', 'b', 'c', 'd'].map((name) => reeve.get(name) as Agent)
  await (reeve.get('holder') as Agent).stop()
  await soon(Promise.all(agents.map(({ ended }) => ended)), 'their turns came')
  t.same(readFileSync(join(where.folder, 'lane.log'), 'utf8').trim().split('\n'), [
    'holder',
    'a',
    'b',
    'c',
    'd',
  ])
})

t.test('in a group: who waits ends with the group', async (t) => {
  const c = await inlineCrew(t)
  const outside = c.spawn({ name: 'outside', command: FOREVER, lane })
  const group = c.group('crew')
  const inside = group.spawn({
    name: 'inside',
    command: FOREVER,
    lane,
    onConflict: 'queue',
    restart: 'temporary',
  })
  await group.stop({ by: 'me' })
  t.match(inside.record, { state: 'killed', reason: { kind: 'user', by: 'me' } })
  await outside.stop()
  t.equal(inside.pid, null)
})

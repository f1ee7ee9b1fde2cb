/** Groups of real processes, through the public API. */
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { type Agent, type Group, memoryRegistry, type Supervisor } from '../../src/index.ts'
import {
  alive,
  DIST,
  FOREVER,
  fixture,
  inlineCrew,
  launcherOf,
  nothingIsLeft,
  refusal,
  remember,
  soon,
  statesOf,
  until,
  untilDead,
} from '../support.ts'
import { killed, type Place, pidsOf, place, predecessor, successor } from './succession.ts'

nothingIsLeft(t)

const quick = { backoff: { initial: 10, max: 10, jitter: 0 } } as const
const again = { policy: 'permanent', ...quick } as const

const members = (group: Group, ...names: string[]): Agent[] =>
  names.map((name) => group.spawn({ name, command: FOREVER, restart: again }))

const allRunning = (agents: readonly Agent[], incarnations: readonly number[]) =>
  until(
    () =>
      agents.every(({ state, incarnation }, i) => state === 'running' && incarnation === incarnations[i]) ||
      null,
    { what: `lives ${incarnations}; they are ${agents.map((each) => `${each.state} ${each.incarnation}`)}` },
  )

const fell = (agent: Agent | undefined) => process.kill(agent?.pid as number, 'SIGKILL')

t.test('24. rest_for_one A, B, C: B dies → A keeps its pid, B and C are new, in order', async (t) => {
  const c = await inlineCrew(t)
  const group = c.group('crew', { strategy: 'rest_for_one' })
  const agents = members(group, 'A', 'B', 'C')
  const [a, b, cc] = agents
  await Promise.all(agents.map(({ ready }) => ready))
  const before = agents.map(({ pid }) => pid)
  fell(b)
  await allRunning(agents, [1, 2, 2])
  t.equal(a?.pid, before[0])
  t.ok(alive(before[0] as number) && !alive(before[1] as number) && !alive(before[2] as number))
  const order = c.entriesSeen
    .filter(
      ({ to, from, incarnation }) =>
        from !== to && (to === 'killed' || (to === 'running' && incarnation > 1)),
    )
    .map(({ name, to }) => `${name} ${to}`)
  t.same(order, ['C killed', 'B running', 'C running'])
  t.match(
    c.entriesSeen.find(({ name, to }) => name === 'C' && to === 'killed'),
    {
      group: 'crew',
      reason: { kind: 'strategy', by: 'crew', message: 'B crashed (rest_for_one)' },
    },
  )
  t.same(statesOf(c, cc as Agent).slice(3, 8), ['terminating', 'reaping', 'killed', 'restarting', 'spawning'])
  t.match(cc?.record, { group: 'crew', restarts: 1, reason: null })
})

t.test('with their supervisor all groups are over, and whoever waits for one hears of it', async (t) => {
  const c = await inlineCrew(t)
  const outer = c.group('outer')
  const groups = [outer, outer.group('inner'), c.group('empty'), c.group('crew', { strategy: 'one_for_all' })]
  groups[1]?.spawn({ command: FOREVER })
  groups[3]?.spawn({ command: FOREVER })
  await c.stop()
  t.strictSame(
    await soon(Promise.all(groups.map(({ ended }) => ended)), 'all are over'),
    groups.map(() => ({ state: 'stopped', cause: 'shutdown' })),
  )
  t.ok(groups.every(({ state, record }) => state === 'stopped' && record.agents === 0))
})

t.test('of the groups that are over the newest 1,000 are known, and a handle never lies', async (t) => {
  const c = await inlineCrew(t)
  const first = c.group('group-0', { strategy: 'one_for_all' })
  await first.group('inner').stop()
  await first.stop()
  const stopped = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => c.group(`group-${i + 1}`).stop()))
  await stopped(998)
  t.equal(c.groups().length, 1 + 1_000)
  t.equal(c.findGroup('group-0'), first)

  await stopped(1_000)
  t.equal(c.groups().length, 1 + 1_000, 'one that is opened anew and over again counts once')
  t.equal(c.findGroup('group-0'), undefined)
  t.equal(c.findGroup('group-0/inner'), undefined)
  t.match(first.record, { state: 'stopped', strategy: 'one_for_all', agents: 0, group: null })
  t.equal((await first.ended).state, 'stopped')
  t.strictSame(await first.stop(), { ended: 0, escaped: [], timedOut: false })
  await refusal(() => first.spawn({ command: FOREVER }), 'group_not_found')

  // Somebody opens it anew: it is the one that the old handle tells of, and it begins with the defaults.
  const anew = c.group('group-0')
  t.match([first.state, anew.state, first.record.strategy], ['running', 'running', 'one_for_one'])
  const member = first.spawn({ command: FOREVER })
  await member.ready
  t.equal(first.record.agents, 1)
  await anew.stop()
  t.match([first.state, member.state, (await first.ended).state], ['stopped', 'killed', 'stopped'])
})

t.test('24. one_for_all where B fails on restart → A is stopped again, both retried', async (t) => {
  const c = await inlineCrew(t)
  const group = c.group('crew', { strategy: 'one_for_all' })
  const a = group.spawn({ name: 'A', command: FOREVER, restart: again })
  const b = group.spawn({
    name: 'B',
    command: ['sh', '-c', 'test "$REEVE_INCARNATION" != 2 || exit 1; echo ready; exec sleep 1000'],
    ready: { line: 'ready' },
    restart: again,
  })
  await Promise.all([a.ready, b.ready])
  fell(b)
  await allRunning([a, b], [3, 3])
  const since = c.entriesSeen
    .filter(
      ({ from, to, incarnation }) =>
        from !== to && incarnation > 1 && ['running', 'crashed', 'killed'].includes(to),
    )
    .map(({ name, to, incarnation }) => `${name} ${incarnation} ${to}`)
  t.same(since, ['A 2 running', 'B 2 crashed', 'A 2 killed', 'A 3 running', 'B 3 running'])
})

t.test(
  '23. intensity 2, three crashes of two members → the group gives up, siblings stopped in reverse order',
  async (t) => {
    const c = await inlineCrew(t)
    const group = c.group('crew', { intensity: { restarts: 2, within: '1m' } })
    const outside = c.spawn({ name: 'outside', command: FOREVER })
    const agents = members(group, 'A', 'B', 'C', 'D')
    const [a, b] = agents
    await Promise.all([outside, ...agents].map(({ ready }) => ready))
    fell(a)
    await allRunning(agents, [2, 1, 1, 1])
    fell(b)
    await allRunning(agents, [2, 2, 1, 1])
    fell(a)
    const end = await soon(group.ended, 'the group is over')
    t.match(end, {
      state: 'failed',
      cause: /A crashed; more than 2 restarts within 60000 ms \(intensity of group crew\)/,
    })
    t.equal(group.state, 'failed')
    t.match(a?.record, { state: 'crashed', error: { code: 'restart_intensity_exceeded' } })
    const asked = c.entriesSeen
      .filter(({ to, from }) => to === 'terminating' && from !== to)
      .map(({ name }) => name)
    t.same(asked, ['D', 'C', 'B'])
    for (const agent of agents.slice(1))
      t.match(agent.record, { state: 'killed', reason: { kind: 'strategy', by: 'crew' } })
    t.same(group.list(), [])
    t.equal(outside.state, 'running', 'the root goes on')
    t.match(c.warnings, [/group crew gives up: A crashed/])

    const error = await refusal(() => group.spawn({ command: FOREVER }), 'group_over')
    t.match(
      error.message,
      /group crew is failed \(A crashed; .*\): it takes no agents\. Open it anew with group\("crew"\)\./,
    )
    await refusal(() => a?.restart(), 'group_over')
    t.equal(c.group('crew'), group, 'the handle stays')
    t.equal(group.state, 'running')
    const [anew] = members(group, 'A')
    await anew?.ready
    await soon(
      a?.stop().catch(({ code }) => t.equal(code, 'process_not_found')) as Promise<unknown>,
      'the old one has ended',
    )
    await group.stop()
  },
)

t.test('groups within groups: one that gives up is a crashed child of its parent', async (t) => {
  const c = await inlineCrew(t)
  const outer = c.group('crew', { strategy: 'one_for_all', intensity: { restarts: 1, within: '1m' } })
  const [a] = members(outer, 'A') as [Agent]
  const inner = outer.group('inner', { intensity: { restarts: 0, within: '1m' }, restart: again })
  const [b, d] = members(inner, 'B', 'D') as [Agent, Agent]
  await Promise.all([a, b, d].map(({ ready }) => ready))
  t.same([inner.name, inner.path, b.record.group], ['inner', 'crew/inner', 'crew/inner'])
  t.same(
    c.list({ group: 'crew' }).map(({ name }) => name),
    ['A', 'B', 'D'],
  )
  t.same(
    inner.list().map(({ name }) => name),
    ['B', 'D'],
  )
  t.same((await c.records({ group: 'crew/inner' })).map(({ name }) => name).sort(), ['B', 'D'])
  t.equal(inner.actor?._parent?._parent, outer.actor, 'each is an actor of its own')
  fell(b)
  await allRunning([a, b, d], [2, 2, 2])
  t.same([outer.state, inner.state], ['running', 'running'])
  fell(d)
  t.equal((await soon(outer.ended, 'the outer group is over')).state, 'failed')
  t.same([outer.state, inner.state, a.state, b.state], ['failed', 'failed', 'killed', 'killed'])
  await refusal(() => outer.group('inner'), 'group_over')
})

t.test('autoShutdown: the group ends with its significant member', async (t) => {
  const c = await inlineCrew(t)
  const group = c.group('crew', { autoShutdown: 'any_significant' })
  const [helper] = members(group, 'helper') as [Agent]
  await helper.ready
  const leader = group.spawn({ command: ['true'], name: 'leader', restart: 'temporary', significant: true })
  t.match(await soon(group.ended, 'the group is over'), {
    state: 'stopped',
    cause: 'leader completed (autoShutdown: any_significant)',
  })
  t.equal(leader.state, 'completed')
  t.match(helper.record, { state: 'killed', reason: { kind: 'strategy', by: 'crew' } })
})

t.test(
  'a significant member whose ttl is over has ended as well; one that a user stops has not',
  async (t) => {
    const c = await inlineCrew(t)
    const group = c.group('crew', { autoShutdown: 'any_significant' })
    const spec = { command: FOREVER, restart: 'temporary', significant: true } as const
    const stopped = group.spawn(spec)
    await stopped.ready
    await stopped.stop()
    t.equal(group.state, 'running')
    group.spawn({ ...spec, ttl: 100 })
    t.equal((await soon(group.ended, 'the group is over')).state, 'stopped')
  },
)

t.test('members are permanent by default, and their own intensity counts for nothing', async (t) => {
  const c = await inlineCrew(t, { defaults: { restart: quick } })
  const group = c.group('crew', { intensity: { restarts: 3, within: '1m' } })
  const agent = group.spawn({ name: 'A', command: ['true'], restart: { intensity: { restarts: 0 } } })
  t.match(c.warnings, [/A: restart\.intensity counts for nothing in a group/])
  const record = await soon(agent.ended, 'it has ended')
  t.match(record, { incarnation: 4, state: 'completed', error: { code: 'restart_intensity_exceeded' } })
  t.equal((await group.ended).state, 'failed')
})

t.test('stop, kill and restart of a member are its own affair', async (t) => {
  const c = await inlineCrew(t)
  const group = c.group('crew', { strategy: 'one_for_all' })
  const agents = members(group, 'A', 'B', 'C')
  const [a, b, cc] = agents as [Agent, Agent, Agent]
  await Promise.all(agents.map(({ ready }) => ready))
  await Promise.all([a.stop(), b.kill(), cc.restart()])
  t.same(
    agents.map(({ state, incarnation }) => `${state} ${incarnation}`),
    ['killed 1', 'killed 1', 'running 2'],
  )
  t.equal(group.state, 'running')
  await a.restart()
  fell(cc)
  await allRunning([a, cc], [3, 3])
  t.equal(b.state, 'killed', 'whom a user stopped does not come back with the others')
})

t.test('a stop while a group regroups ends each of its members once', async (t) => {
  const c = await inlineCrew(t)
  const group = c.group('crew', { strategy: 'one_for_all' })
  const [a] = members(group, 'A') as [Agent]
  const slow = group.spawn({
    name: 'slow',
    command: [fixture('sleeps-through-sigterm.sh')],
    ready: { line: 'ready' },
    stop: [{ signal: 'SIGTERM', wait: '20s' }],
  })
  await Promise.all([a.ready, slow.ready])
  fell(a)
  await until(() => slow.state === 'terminating' || null, { what: 'it regroups' })
  t.equal(group.state, 'regrouping')
  const late = group.spawn({ name: 'late', command: FOREVER })
  const [member, whole] = await soon(
    Promise.all([a.stop(), group.stop({ timeout: '2s', by: 'me', reason: 'enough' })]),
    'stopped',
  )
  t.match(member, { success: true, pid: null })
  t.match(whole, { escaped: [], timedOut: false })
  t.match(slow.record, { state: 'killed', exit: { signal: 'SIGKILL' } })
  t.match(late.record, {
    state: 'killed',
    reason: { kind: 'user', by: 'me', message: 'enough' },
    startedAt: null,
  })
  t.match(a.record, { state: 'killed', reason: { kind: 'user', by: 'user' } })
  t.match(await group.stop(), { ended: 0, escaped: [], timedOut: false }, 'once more is no harm')
  await t.rejects(late.ready, { code: 'ended_before_ready' })
})

t.test('the supervisor stops its groups with everything else, within its time', async (t) => {
  const registry = memoryRegistry()
  const c = await inlineCrew(t, { registry })
  const outer = c.group('crew', { strategy: 'rest_for_one' })
  const inner = outer.group('inner', { strategy: 'one_for_all' })
  const stubborn = [outer, inner, inner, outer].map((group, i) =>
    group.spawn({
      name: `s${i}`,
      command: [fixture('ignores-sigterm.sh')],
      ready: { line: 'ready' },
      stop: [{ signal: 'SIGTERM', wait: '1m' }],
    }),
  )
  const [easy] = members(outer, 'easy') as [Agent]
  await Promise.all([...stubborn, easy].map(({ ready }) => ready))
  t.match(await soon(c.stop({ timeout: '2s' }), 'stopped'), { ended: 5, escaped: [], timedOut: false })
  for (const { record } of [...stubborn, easy])
    t.match(record, { state: 'killed', reason: { kind: 'shutdown' } })
  await refusal(() => outer.spawn({ command: FOREVER }), 'supervisor_stopping')
  await refusal(() => c.group('other'), 'supervisor_stopping')
  const [stored] = await registry.records({ name: 's1' })
  t.equal(stored?.group, 'crew/inner', 'the log alone says where it stood')
})

t.test('child_adm, child_specs, sup_flags: what cannot be is refused at the door', async (t) => {
  const c = await inlineCrew(t)
  const bad = async (of: () => unknown, field: string, message: RegExp) => {
    const error = await refusal(of, 'invalid_spec')
    t.match(error, { field, message })
  }
  const open = (options: object) => () => c.group('x', options as Parameters<Supervisor['group']>[1])
  await bad(() => c.group(''), 'path', /between 1 and 1024/)
  await bad(() => c.group('a//b'), 'path', /names of 1 to 128 characters/)
  await bad(() => c.group('a/..'), 'path', /none of them "\." or "\.\."/)
  await bad(() => c.group(7 as never), 'path', /./)
  await bad(() => c.findGroup('/'), 'path', /names of 1 to 128 characters/)
  await refusal(() => c.group('a/b'), 'group_not_found')
  await refusal(() => c.spawn({ command: FOREVER, group: 'a' }), 'group_not_found')
  t.strictSame(
    [c.groups().length, c.findGroup('a')],
    [1, undefined],
    'nothing was opened: there is the root alone',
  )
  await bad(open({ strategy: 'none_for_one' }), 'strategy', /one_for_all/)
  await bad(open({ intensity: { restarts: -1 } }), 'intensity.restarts', /./)
  await bad(open({ intensity: { within: 0 } }), 'intensity.within', /more than 0/)
  await bad(open({ intensity: 'infinity' }), 'intensity', /must be false, or \{restarts, within\}/)
  await bad(open({ autoShutdown: 'sometimes' }), 'autoShutdown', /any_significant/)
  await bad(open({ silly_flag: true }), 'silly_flag', /no such field/)
  await bad(open({ restart: 'sometimes' }), 'restart', /permanent/)
  await bad(open({ significant: true }), 'significant', /only a member of a group/)
  await bad(() => c.spawn({ command: FOREVER, significant: true }), 'significant', /only a member of a group/)
  const never = c.group('never')
  await bad(
    () => never.spawn({ command: FOREVER, restart: 'temporary', significant: true }),
    'significant',
    /never shuts itself down/,
  )
  const any = c.group('any', { autoShutdown: 'any_significant' })
  await bad(
    () => any.spawn({ command: FOREVER, significant: true }),
    'significant',
    /permanent member never ends/,
  )
  await bad(() => any.group('inner', { significant: true }), 'significant', /permanent member never ends/)
  await bad(() => any.list({ colour: 'red' } as never), 'colour', /no such field/)
  await bad(() => any.stop({ timeout: 'soon' }), 'timeout', /not a duration/)
  const taken = any.spawn({ name: 'taken', command: FOREVER })
  await refusal(() => c.spawn({ name: 'taken', command: FOREVER }), 'name_taken')
  t.equal(c.group('any', { autoShutdown: 'all_significant' }), any, 'one that is open is returned as it is')
  t.match(c.warnings.at(-1), /group any is open; the differing options were not used/)
  t.equal(
    any.spawn({ id: taken.id, name: 'taken', command: FOREVER }),
    taken,
    'the same id is the same agent',
  )
})

t.test('the example shows what it says it shows', async (t) => {
  const example = join(dirname(DIST), 'examples', 'group.js')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [example], { timeout: 30_000 })
  for (const line of [
    '# nobody else was touched',
    '# the store kept its pid',
    '# task is stopped: leader completed (autoShutdown: any_significant)',
    '# broken is failed; crew is running',
    '# 4 ended, 0 escaped',
  ])
    t.ok(stdout.split('\n').includes(line), line)
  t.equal(stderr, '')
})

t.test(
  'a successor keeps the groups: members go on together, under their strategy and in their order',
  async (t) => {
    const where = place(t)
    const h = await predecessor(
      t,
      where,
      `const spec = { command: run('runs-forever.sh'), ...kept, restart: { backoff: { initial: 10, max: 10, jitter: 0 } } }
     const crew = supervisor.group('crew', { strategy: 'rest_for_one' })
     const agents = ['A', 'B'].map((name) => crew.spawn({ ...spec, name }))
     const inner = crew.group('inner', { strategy: 'one_for_all', intensity: { restarts: 0 } })
     agents.push(...['C', 'D'].map((name) => inner.spawn({ ...spec, name })))
     await Promise.all(agents.map(({ ready }) => ready))`,
    )
    const pids = pidsOf(h)
    remember(await launcherOf(where))
    await killed(h)
    const reeve = await successor(t, where)
    remember(await launcherOf(reeve))
    const group = reeve.group('crew', { strategy: 'rest_for_one' })
    const agents = ['A', 'B', 'C', 'D'].map((name) => reeve.get(name) as Agent)
    await allRunning(agents, [1, 1, 1, 1])
    t.same(
      agents.map(({ name, pid, record }) => [name, pid, record.group]),
      [...pids].map(([name, pid]) => [name, pid, name < 'C' ? 'crew' : 'crew/inner']),
    )
    t.same(reeve.warnings, [], 'the program opens its group as before: it is the same')
    fell(agents[1])
    await allRunning(agents, [1, 2, 2, 2])
    t.equal(agents[0]?.pid, pids.get('A'))
    fell(agents[3])
    await allRunning(agents, [1, 2, 3, 3])
    t.same(
      [group.state, group.group('inner').state],
      ['running', 'running'],
      'which gave up, and was started again',
    )
    t.match(await group.stop(), { ended: 4, escaped: [], timedOut: false })
  },
)

/** A group under a supervisor that is killed; what it said of its agents is in the place. */
const orphanedGroup = (t: Test, where: Place, options: object, body: string) =>
  predecessor(
    t,
    where,
    `const group = supervisor.group('crew', ${JSON.stringify(options)})
     const again = { restart: { policy: 'permanent', backoff: { initial: 1 } }, ...kept }
     ${body}`,
  )

t.test('a group that gives up as its successor hears of a death takes all its members along', async (t) => {
  const where = place(t)
  const options = { strategy: 'rest_for_one', intensity: { restarts: 0, within: '1m' } }
  const h = await orphanedGroup(
    t,
    where,
    options,
    `for (const id of ['first', 'second'])
       await group.spawn({ id, name: id, command: run('runs-forever.sh'), ...again }).ready`,
  )
  const pids = pidsOf(h)
  await killed(h)
  process.kill(pids.get('first') ?? 0, 'SIGKILL')
  await untilDead([pids.get('first') ?? 0])
  const reeve = await successor(t, where)
  remember(await launcherOf(reeve))
  const second = await soon((reeve.get('second') as Agent).ended, 'the second has ended')
  t.match(second, { state: 'killed', incarnation: 1, group: 'crew' })
  t.match(await reeve.findGroup('crew')?.ended, { state: 'failed' })
  t.notOk(alive(pids.get('second') ?? 0))
})

t.test('a regroup that its supervisor had begun goes on under a successor', async (t) => {
  const where = place(t)
  const h = await orphanedGroup(
    t,
    where,
    { strategy: 'one_for_all' },
    `supervisor.on('transition', ({ to }) => { if (to === 'restarting') process.kill(process.pid, 'SIGKILL') })
     for (const id of ['before', 'failing', 'after'])
       await group.spawn({ id, name: id, command: run('runs-forever.sh'), ...again }).ready`,
  )
  const pids = pidsOf(h)
  process.kill(pids.get('failing') ?? 0, 'SIGKILL')
  await h.exited
  const reeve = await successor(t, where)
  remember(await launcherOf(reeve))
  for (const id of ['before', 'failing', 'after']) {
    const agent = reeve.get(id) as Agent
    await until(() => agent.incarnation === 2 && agent.state === 'running', { what: `${id} runs anew` })
  }
  t.notOk([...pids.values()].some(alive), 'none of their first lives goes on')
})

import t from 'tap'
import { memoryRegistry } from '../../src/index.ts'
import { crew, FOREVER, inlineCrew, nothingIsLeft, refusal, soon, statesOf, until } from '../support.ts'

nothingIsLeft(t)

t.test(
  '16. two spawns of one name in one tick: one life, one name_taken that names the holder',
  async (t) => {
    const c = await inlineCrew(t)
    const one = c.spawn({ name: 'one', command: FOREVER })
    const error = await refusal(() => c.spawn({ name: 'one', command: FOREVER }), 'name_taken')
    t.match(error, {
      field: 'name',
      agentId: one.id,
      message: /"one" is held by agent .*spawning.*Stop it, or/,
    })
    t.equal(c.list().length, 1)
    await one.ready
  },
)

t.test(
  '16. the same id twice: the same agent, also when it has ended; a differing spec is warned of',
  async (t) => {
    const c = await inlineCrew(t)
    const spec = { id: 'the-id', name: 'n', command: ['true'] }
    const one = c.spawn(spec)
    t.equal(c.spawn(spec), one)
    t.equal(c.spawn({ ...spec }), one)
    t.same(c.warnings, [])
    t.equal(c.spawn({ ...spec, command: ['false'] }), one)
    t.match(c.warnings, [/an agent with id the-id exists \(n, spawning\); the differing spec was not used/])
    await one.ended
    t.equal(c.spawn(spec), one)
    t.equal(one.state, 'completed')
    t.equal(statesOf(c, one).filter((state) => state === 'spawning').length, 1)
  },
)

t.test(
  'a spawn of the name while it is pre_starting, terminating or restarting is refused, and evicts nobody',
  async (t) => {
    const c = await inlineCrew(t)
    const agent = c.spawn({
      name: 'x',
      command: FOREVER,
      ready: { report: true },
      restart: { policy: 'permanent', backoff: { initial: '1h', max: '1h' }, intensity: false },
    })
    const again = () => refusal(() => c.spawn({ name: 'x', command: FOREVER }), 'name_taken')
    await until(() => agent.state === 'pre_starting' || null, { what: 'pre_starting' })
    await again()
    agent.heartbeat('ready')
    await agent.ready
    process.kill(agent.pid as number, 'SIGKILL')
    await until(() => agent.state === 'restarting' || null, { what: 'restarting' })
    await again()
    const stopping = agent.stop()
    await stopping
    c.spawn({ name: 'x', command: FOREVER })
  },
)

t.test('the name is free in the listener that hears of the end, and in `ended`', async (t) => {
  const c = await inlineCrew(t)
  const first = c.spawn({ name: 'heir', command: ['true'] })
  let second: ReturnType<typeof c.spawn> | undefined
  first.on('transition', ({ to }) => {
    if (to === 'completed') second = c.spawn({ name: 'heir', command: FOREVER })
  })
  await first.ended
  t.ok(second)
  t.equal(c.get('heir'), second)
  await second?.ready
  const ended = second?.ended.then(() => c.spawn({ name: 'heir', command: FOREVER }))
  await second?.stop()
  await (await ended)?.ready
  t.equal(c.list({ name: 'heir' }).length, 1)
})

t.test(
  'restart of an ended agent whose name another holds is name_taken; when it is free again, it starts',
  async (t) => {
    const c = await inlineCrew(t)
    const first = c.spawn({ name: 'x', command: FOREVER })
    await first.ready
    await first.stop()
    const second = c.spawn({ name: 'x', command: FOREVER })
    t.match(await refusal(() => first.restart(), 'name_taken'), { agentId: second.id })
    t.equal(c.get('x'), second)
    await second.stop()
    t.equal(c.get('x'), second, 'of two that have ended the newest')
    t.match(await soon(first.restart(), 'restarted'), { incarnation: 2, state: 'running', id: first.id })
    t.equal(c.get('x'), first)
    t.same(
      c.list().map(({ id }) => id),
      [first.id],
    )
  },
)

t.test(
  'names of all kinds are kept as they are; control characters are refused, also in a name of Reeve’s own making',
  async (t) => {
    const c = await inlineCrew(t)
    for (const name of [
      'a b',
      'ünï',
      '数据',
      '👩‍👩‍👧',
      '../../etc/passwd',
      '$(rm -rf /)',
      '\'"',
      '-rf',
      '__proto__',
      'constructor',
    ]) {
      const agent = c.spawn({ name, command: ['true'] })
      t.equal(agent.name, name)
      t.equal(c.get(name), agent)
      t.match(await agent.ended, { name, state: 'completed' })
    }
    for (const name of ['', 'a\nb', '\u001b[31m', 'x'.repeat(129), '\0', '\u0085'])
      t.match(await refusal(() => c.spawn({ name, command: ['true'] }), 'invalid_spec'), { field: 'name' })
    const made = c.spawn({ command: ['/tmp/e\u001b[31mvil\nname'] })
    t.notMatch(made.name, /\p{Cc}/u)
    for (const id of ['__proto__', 'constructor', 'hasOwnProperty', '-']) {
      const agent = c.spawn({ id, command: ['true'] })
      t.equal(c.get(id), agent)
      t.match(await agent.ended, { id, state: 'completed' })
    }
    for (const id of ['', 'a.b', 'a/b', '..', 'x'.repeat(65), 'ü', 'a\n'])
      t.match(await refusal(() => c.spawn({ id, command: ['true'] }), 'invalid_spec'), { field: 'id' })
  },
)

t.test(
  'remove takes an ended agent out, never one that lives, nor one that was started again meanwhile',
  async (t) => {
    const c = await inlineCrew(t)
    const agent = c.spawn({ name: 'x', command: FOREVER })
    await agent.ready
    await refusal(() => c.remove(agent.id), 'agent_running')
    await agent.stop()
    const removing = c.remove(agent.id, { history: true }).then(
      () => 'removed',
      (error) => error.code,
    )
    const restarting = agent.restart().then(
      () => 'restarted',
      (error) => error.code,
    )
    const [removed, restarted] = await soon(Promise.all([removing, restarting]), 'both')
    t.comment(`${removed}, ${restarted}`)
    // Whichever came first: one that runs is known, one that is not known does not run.
    const listed = c.list().length === 1
    t.equal(c.get(agent.id) !== undefined, listed)
    t.equal(listed, restarted === 'restarted')
    if (listed) await agent.stop()
    await c.remove(agent.id, { history: true }).catch(() => {})
    t.equal(c.get('x'), undefined)
    await refusal(() => c.history(agent.id), 'agent_not_found')
  },
)

t.test(
  'while an agent is being removed nothing begins under its id, nor after a removal that is late',
  async (t) => {
    const memory = memoryRegistry()
    const late: (() => void)[] = []
    const c = await crew(t, {
      registry: {
        ...memory,
        async remove(...which) {
          await new Promise<void>((resolve) => late.push(resolve))
          await memory.remove(...which)
        },
      },
    })
    const spec = { id: 'one', name: 'one', command: FOREVER }
    await c.spawn(spec).kill()
    const removing = c.remove('one', { history: true })
    await until(() => late.length === 1 || null, { what: 'the registry is asked' })
    t.match((await refusal(() => c.spawn(spec), 'name_taken')).message, /"one" is being removed/)
    await refusal(() => c.remove('one'), 'agent_not_found')
    for (const go of late) go()
    await removing
    const anew = c.spawn(spec)
    await anew.ready
    t.match(anew, { state: 'running', incarnation: 1 })
    t.same(
      (await c.records()).map(({ id, state }) => `${id} ${state}`),
      ['one running'],
    )
  },
)

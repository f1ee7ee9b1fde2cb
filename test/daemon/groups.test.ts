/** Groups under a daemon: over HTTP, through the client, and as they are typed. */
import t from 'tap'
import type { ReeveError } from '../../src/errors.ts'
import { shellIn } from '../cli/rig.ts'
import { alive, soon, until } from '../support.ts'
import { ask, killDaemon, serving } from './rig.ts'

t.setTimeout(300_000)

const FOREVER = ['sleep', '600'] as const
const codeOf = async (failing: Promise<unknown>): Promise<string> => {
  try {
    await failing
    return 'nothing failed'
  } catch (error) {
    return (error as ReeveError).code
  }
}

t.test(
  'the daemon is killed: groups stand as they stood, without members too, and what was being stopped is',
  async (t) => {
    const { home, client, daemon } = await serving(t)
    const empty = await client.group('empty', {
      strategy: 'one_for_all',
      intensity: { restarts: 9, within: '1m' },
    })
    await empty.group('inner', { restart: 'transient' })
    await (await client.group('over')).stop()
    const crew = await client.group('crew', { strategy: 'one_for_all' })
    // The last one has to be gone before the one before it is told to go.
    const kept = await crew.spawn({ name: 'kept', command: FOREVER })
    const stubborn = ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done'] as const
    const last = await crew.spawn({
      name: 'last',
      command: stubborn,
      ready: { line: 'up' },
      stop: [{ signal: 'SIGTERM', wait: '10m' }],
    })
    await Promise.all([kept.ready, last.ready])
    const before = (await client.groups()).filter(({ path }) => path.startsWith('empty'))
    const stopping = codeOf(crew.stop({ by: 'me', reason: 'enough', timeout: '10m' }))
    await until(async () => (await last.refresh()).state === 'terminating', { what: 'the stop begins' })
    await killDaemon(daemon)
    t.equal(await stopping, 'daemon_not_running')

    const { client: next, daemon: second } = await serving(t, { home })
    t.strictSame(
      (await next.groups()).filter(({ path }) => path.startsWith('empty')),
      before,
    )
    t.equal(await next.findGroup('over'), undefined, 'what was over is not open again')
    const member = await next.spawn({ command: FOREVER, group: 'empty/inner' })
    await member.ready
    t.equal((await next.findGroup('empty'))?.record.agents, 1)

    // The end that was asked for goes on, with those too that had not been told.
    await next.kill('last')
    const over = await soon((await next.findGroup('crew'))?.ended ?? Promise.reject(), 'the group is over')
    t.equal(over.state, 'stopped')
    t.match((await next.get('kept'))?.record, {
      state: 'killed',
      reason: { kind: 'user', by: 'me', message: 'enough' },
    })

    // A daemon that is stopped takes its groups along, and nobody finds them.
    await next.shutdown()
    await until(() => !alive(second.pid), { what: 'the daemon is gone' })
    const { client: third } = await serving(t, { home })
    t.strictSame(
      (await third.groups()).map(({ path }) => path),
      [''],
    )
  },
)

t.test('a group is opened, joined, seen, stopped and opened anew, by its path', async (t) => {
  const { client, home, daemon } = await serving(t)
  const send = (path: string, body?: object) =>
    ask({ socketPath: daemon.socket, path, ...(body && { body: JSON.stringify(body) }) })

  t.equal(await client.findGroup('crew'), undefined)
  t.match(
    await client.groups(),
    [{ path: '', name: '', agents: 0 }],
    'looking opened nothing: the root alone',
  )
  t.equal(await codeOf(client.spawn({ group: 'crew', command: FOREVER })), 'group_not_found')
  t.equal(await codeOf(client.group('crew/inner')), 'group_not_found', 'nothing around it is open')
  t.equal(await codeOf(client.group('..')), 'invalid_spec')

  const opened = await send('/v1/groups', {
    path: 'crew',
    strategy: 'one_for_all',
    intensity: { restarts: 3, within: '1m' },
  })
  t.equal(opened.status, 201)
  t.strictSame(opened.json, {
    path: 'crew',
    name: 'crew',
    group: null,
    state: 'running',
    cause: null,
    agents: 0,
    strategy: 'one_for_all',
    intensity: { restarts: 3, within_ms: 60_000 },
    auto_shutdown: 'never',
    restart: 'temporary',
    significant: false,
  })
  t.equal((await send('/v1/groups', { path: 'crew' })).status, 200, 'open already')
  t.match((await send('/v1/groups', { path: 'x', auto_shutdown: 'soon' })).json, {
    error: 'invalid_spec',
    message: 'auto_shutdown: must be one of "never", "any_significant", "all_significant" (given: "soon")',
  })

  const crew = await client.findGroup('crew')
  if (!crew) throw new Error('it is not found')
  const inner = await crew.group('inner')
  t.match(inner.record, { path: 'crew/inner', name: 'inner', group: 'crew', restart: 'permanent' })
  const a = await crew.spawn({ name: 'a', command: FOREVER, restart: { backoff: { initial: 0 } } })
  t.equal(
    (await send('/v1/agents', { name: 'b', command: FOREVER, group: 'crew/inner' })).json.group,
    'crew/inner',
  )
  const b = await client.get('b')
  t.equal(await codeOf(crew.spawn({ command: FOREVER, group: 'other' })), 'invalid_spec')
  t.strictSame(
    [(await crew.list()).map(({ name }) => name), (await inner.list()).map(({ name }) => name)],
    [['a', 'b'], ['b']],
  )
  t.equal((await send('/v1/groups/crew%2Finner')).json.agents, 1)
  t.equal((await crew.refresh()).agents, 2)
  t.match((await send('/v1/groups/zzz')).json, { error: 'group_not_found', field: 'group' })

  // They fail and come back together.
  await Promise.all([a.ready, b?.ready])
  process.kill((await a.refresh()).pid as number, 'SIGKILL')
  await until(async () => (await b?.refresh())?.incarnation === 2 && b?.state === 'running', {
    what: 'the other one comes back with it',
  })

  const { ended } = crew
  t.match(await crew.stop({ by: 'me', reason: 'enough' }), { ended: 2, escaped: [], timedOut: false })
  t.match(await soon(ended, 'who waits hears of it'), { state: 'stopped' })
  t.match(await a.refresh(), { state: 'killed', reason: { by: 'me', message: 'enough' } })
  t.equal(crew.state, 'stopped')
  t.equal(await codeOf(crew.spawn({ command: FOREVER })), 'group_over')

  // As it is typed.
  const { reeve } = shellIn(t, home)
  const late = await reeve(['spawn', 'late', '--group', 'crew', '--', 'sleep', '600'])
  t.strictSame([late.status, /Open it anew: reeve group open crew\.$/m.test(late.err)], [4, true])
  const missing = await reeve(['spawn', 'late', '--group', 'crww', '--', 'sleep', '600'])
  t.strictSame([missing.status, missing.err], [3, 'reeve: no group is called "crww". Did you mean "crew"?\n'])
  const anew = await reeve(['group', 'open', 'crew'])
  t.equal(anew.out, 'group crew opened · one_for_all · intensity 3/1m\n', 'as it was before')
  t.equal((await reeve(['spawn', 'late', '--group', 'crew', '--', 'sleep', '600'])).status, 0)
  t.equal(
    (await reeve(['group', 'ls'])).out,
    'GROUP\tSTATE\tAGENTS\tSTRATEGY\tINTENSITY\tWHY\ncrew\trunning\t1\tone_for_all\t3/1m\t\n',
  )
  t.match(JSON.parse((await reeve(['group', 'ls', '--all', '--json'])).out), [
    { path: 'crew', state: 'running' },
    { path: 'crew/inner', state: 'stopped' },
  ])
  t.match((await reeve(['ls', '--group', 'crew'])).out, /^late\trunning\t.*\tcrew\t/m)
  t.equal((await reeve(['complete', '--', 'group', 'stop', 'crew/'])).out, 'crew/inner\n')
  t.equal((await reeve(['group', 'stop', 'crew'])).out, 'group crew stopped: 1 agent ended\n')
  t.equal((await reeve(['group', 'show', 'zzz'])).status, 3)
  t.match(await reeve(['group']), { status: 0, out: /^Usage: reeve group .*Commands:.*stop PATH/s, err: '' })
  t.match(await reeve(['help', 'group', 'open']), {
    status: 0,
    out: /^Usage: reeve group open .*--strategy/s,
  })
  t.match(await reeve(['group', 'opn']), { status: 2, err: /unknown command 'opn' \(Did you mean open\?\)/ })
})

/** What else a process can do to get away, and what it can do to others. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createSupervisor } from '../../src/index.ts'
import { ControlGroups } from '../../src/process/control-groups.ts'
import {
  alive,
  crew,
  FOREVER,
  fixture,
  nothingIsLeft,
  pidsFrom,
  remember,
  soon,
  statesOf,
  temporaryFolder,
  until,
} from '../support.ts'

nothingIsLeft(t)

const needsGroups = { skip: ControlGroups.open() ? false : 'no control group (cgroup v2) can be made here' }

for (const launcher of [undefined, 'inline'] as const) {
  const how = launcher ?? 'process'

  t.test(`jobs in groups of their own are ended with their agent (${how})`, async (t) => {
    const c = await crew(t, { launcher })
    const file = join(c.folder, 'pids')
    const agent = c.spawn({
      command: [fixture('changes-group.sh'), file],
      ready: { line: 'ready' },
      stop: [{ signal: 'SIGTERM', wait: 200 }],
    })
    await agent.ready
    const pids = await pidsFrom(file, 2)
    t.same((await agent.stop()).escaped, [])
    t.same(pids.filter(alive), [])
  })

  t.test(`what hides from its agent is ended with it (${how})`, needsGroups, async (t) => {
    const c = await crew(t, { launcher })
    const agents = ['exit', 'stay'].map((then) => {
      const file = join(c.folder, then)
      return { file, agent: c.spawn({ command: [fixture('hides.sh'), file, then] }) }
    })
    for (const { file, agent } of agents) {
      const [hidden = 0] = await pidsFrom(file)
      remember(hidden)
      if (file.endsWith('stay')) t.same((await agent.stop()).escaped, [])
      else await agent.ended
      t.notOk(alive(hidden), file)
    }
  })

  t.test(`an agent that closes all it has runs on, and can be stopped (${how})`, async (t) => {
    const c = await crew(t, { launcher })
    const agent = c.spawn({
      command: [fixture('closes-everything.sh'), join(c.folder, 'pid')],
      stdin: 'open',
    })
    const [pid] = await pidsFrom(join(c.folder, 'pid'))
    await agent.ready
    t.equal(pid, agent.pid)
    t.equal(agent.state, 'running')
    t.match(await agent.stop(), { killedGracefully: true })
  })

  t.test(`a daemon made the old way does not outlive its agent (${how})`, async (t) => {
    const c = await crew(t, { launcher })
    const file = join(c.folder, 'pid')
    const agent = c.spawn({ command: [fixture('daemonises.sh'), file] })
    const record = await soon(agent.ended, 'ended')
    const pids = await pidsFrom(file)
    t.same(
      pids.filter((pid) => alive(pid) && !record.escaped.includes(pid)),
      [],
    )
    t.match(record, { state: 'completed', escaped: [] })
  })

  t.test(`one that forks a new session at every SIGTERM is ended with all of them (${how})`, async (t) => {
    const c = await crew(t, { launcher })
    const file = join(c.folder, 'pids')
    const agent = c.spawn({
      command: [fixture('forks-on-sigterm.sh'), file],
      ready: { line: 'ready' },
      stop: [
        { signal: 'SIGTERM', wait: 200 },
        { signal: 'SIGTERM', wait: 200 },
      ],
    })
    await agent.ready
    t.same((await soon(agent.stop(), 'stopped')).escaped, [])
    const pids = await pidsFrom(file)
    t.same(pids.filter(alive), [])
  })

  t.test(
    `one that hands over to a new session again and again, its parents gone, is ended (${how})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const file = join(c.folder, 'pids')
      const agent = c.spawn({ command: [fixture('replaces-itself.sh'), file, '12'] })
      const record = await soon(agent.ended, 'ended')
      t.same(record.escaped, [])
      const pids = readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)
      remember(...pids)
      t.same(pids.filter(alive), [])
    },
  )
}

t.test('an agent that stops itself (SIGSTOP) is stopped and killed like any other', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({ command: ['sh', '-c', 'kill -STOP $$; sleep 1000'] })
  await agent.ready
  t.match(await soon(agent.stop(), 'stopped'), { success: true, killedGracefully: true })
  const other = c.spawn({
    command: ['sh', '-c', 'trap "" TERM; kill -STOP $$; sleep 1000'],
    stop: [{ signal: 'SIGTERM', wait: 200 }],
  })
  await other.ready
  t.match(await soon(other.stop(), 'stopped'), { success: true })
})

t.test('an agent that kills its neighbour: that one has crashed, all others run on', async (t) => {
  const c = await crew(t)
  const victim = c.spawn({ command: FOREVER })
  const witness = c.spawn({ command: FOREVER })
  await Promise.all([victim.ready, witness.ready])
  const murderer = c.spawn({ command: ['sh', '-c', `kill -9 ${victim.pid}`] })
  t.match(await victim.ended, { state: 'crashed', exit: { signal: 'SIGKILL' }, reason: null })
  t.equal((await murderer.ended).state, 'completed')
  t.equal(witness.state, 'running')
})

t.test('two supervisors side by side, each in a home of its own: none touches the other’s', async (t) => {
  const folder = temporaryFolder(t)
  const inHome = (name: string) => createSupervisor({ home: join(folder, name) })
  const [a, b] = [await inHome('a'), await inHome('b')]
  t.teardown(() => Promise.all([a.stop(), b.stop()]))
  const [one, two] = [a.spawn({ name: 'x', command: FOREVER }), b.spawn({ name: 'x', command: FOREVER })]
  await Promise.all([one.ready, two.ready])
  remember(one.pid as number, two.pid as number)
  t.same(
    a.list().map(({ id }) => id),
    [one.id],
  )
  await a.stop()
  t.equal(two.state, 'running')
  t.ok(alive(two.pid as number))
  t.notOk(alive(one.pid as number))
  await two.restart()
  t.match(await b.stop(), { ended: 1 })
})

t.test('a crew within a crew: what an agent supervises ends with it, and has its own words', async (t) => {
  const c = await crew(t)
  const dist = new URL('../..', import.meta.url).pathname
  const inner = `
    import { createSupervisor } from '${dist}src/index.js'
    const s = await createSupervisor()
    const agent = s.spawn({ name: 'inner', command: ['sh', '-c', 'echo $$ > "$0"; exec sleep 1000', process.argv[1]] })
    await agent.ready
    console.log('ready', s.home)
  `
  const file = join(c.folder, 'pid')
  const outer = c.spawn({
    name: 'outer',
    command: [process.execPath, '--input-type=module', '--eval', inner, file],
    env: { XDG_STATE_HOME: c.folder },
    ready: { line: 'ready' },
    stop: [{ signal: 'SIGTERM', wait: '2s' }],
  })
  await soon(outer.ready, 'ready')
  const [pid = 0] = await pidsFrom(file)
  t.match((await soon(outer.stop(), 'stopped')).escaped, [])
  await until(() => !alive(pid) || null, { what: 'the inner agent has ended' })
  t.equal(statesOf(c, outer).at(-1), 'killed')
})

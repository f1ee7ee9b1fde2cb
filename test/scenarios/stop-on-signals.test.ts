import { join } from 'node:path'
import t from 'tap'
import {
  alive,
  host,
  nothingIsLeft,
  pidsFrom,
  remember,
  said,
  temporaryFolder,
  untilDead,
} from '../support.ts'

nothingIsLeft(t)

const HOST = `
  const supervisor = await reeve.createSupervisor()
  const remove = reeve.stopOnSignals(supervisor, { timeout: '20s' })
  const agent = supervisor.spawn({
    command: [FIXTURES + '/' + process.env.AGENT],
    ready: process.env.AGENT === 'sleeps-through-sigterm.sh' ? { line: 'ready' } : 'spawned',
    stop: [{ signal: 'SIGTERM', wait: '1h' }],
  })
  await agent.ready
  agent.ended.then((record) => say('ended', record.state, record.reason.kind, record.reason.by))
  say('pid', agent.pid)
`

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  t.test(`${signal}: agents end by their ladders, then the program by the same signal`, async (t) => {
    const h = host(t, HOST, { REEVE_HOME: temporaryFolder(t), AGENT: 'runs-forever.sh' })
    const pid = Number(await said(h, 'pid'))
    remember(pid)
    h.signal(signal)
    t.same(await h.exited, { code: null, signal })
    t.notOk(alive(pid))
    t.match(h.lines, [/^pid/, `ended killed shutdown ${signal}`])
    t.equal(h.stderr(), '')
  })

t.test('a second signal kills every agent at once', async (t) => {
  const h = host(t, HOST, { REEVE_HOME: temporaryFolder(t), AGENT: 'sleeps-through-sigterm.sh' })
  const pid = Number(await said(h, 'pid'))
  remember(pid)
  const began = performance.now()
  h.signal('SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.ok(alive(pid), 'it ignores SIGTERM, and its grace is an hour')
  h.signal('SIGTERM')
  t.match(await h.exited, { code: null, signal: 'SIGINT' })
  t.ok(performance.now() - began < 30_000)
  t.notOk(alive(pid))
})

t.test(
  'without stopOnSignals a supervisor installs no handler: the program dies of the signal, its agents after it',
  async (t) => {
    const folder = temporaryFolder(t)
    const h = host(
      t,
      `const before = process.eventNames().join()
     const supervisor = await reeve.createSupervisor()
     const agent = supervisor.spawn({ command: [FIXTURES + '/appends-pid.sh', process.env.PIDS], ready: { line: 'ready' } })
     await agent.ready
     say('same', before === process.eventNames().join(), process.listenerCount('SIGINT') + process.listenerCount('SIGTERM'))`,
      { REEVE_HOME: folder, PIDS: join(folder, 'pids') },
    )
    t.equal(await said(h, 'same'), 'true 0')
    const pids = await pidsFrom(join(folder, 'pids'))
    h.signal('SIGINT')
    t.match(await h.exited, { signal: 'SIGINT' })
    await untilDead(pids)
  },
)

t.test('what stopOnSignals returns takes the handlers out again', async (t) => {
  const h = host(
    t,
    `const supervisor = await reeve.createSupervisor()
     const remove = reeve.stopOnSignals(supervisor)
     const had = process.listenerCount('SIGTERM')
     remove()
     say('count', had, process.listenerCount('SIGTERM'))
     await supervisor.stop()`,
    { REEVE_HOME: temporaryFolder(t) },
  )
  t.match(await h.exited, { code: 0 })
  t.same(h.lines, ['count 1 0'])
})

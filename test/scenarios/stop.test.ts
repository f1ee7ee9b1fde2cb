import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createSupervisor } from '../../src/index.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import {
  alive,
  crew,
  FOREVER,
  fixture,
  inlineCrew,
  launcherOf,
  nothingIsLeft,
  refusal,
  soon,
  temporaryFolder,
  until,
} from '../support.ts'

nothingIsLeft(t)

for (const launcher of [undefined, 'inline'] as const)
  t.test(
    `stop ends all in reverse order, once; its launcher is gone, its home stays (${launcher ?? 'process'})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const agents = Array.from({ length: 10 }, (_, i) => c.spawn({ name: `a${i}`, command: FOREVER }))
      await Promise.all(agents.map(({ ready }) => ready))
      const helper = launcher ? 0 : await launcherOf(c)
      const stops = [c.stop({ by: 'me' }), c.stop(), c.stop({ timeout: '1ms' })]
      const results = await soon(Promise.all(stops), 'stopped')
      for (const result of results) t.same(result, { ended: 10, escaped: [], timedOut: false })
      const order = c.entriesSeen
        .filter(({ from, to }) => from !== to && to === 'terminating')
        .map(({ name }) => name)
      t.same(order, agents.map(({ name }) => name).reverse())
      t.ok(agents.every(({ record }) => record.reason?.kind === 'shutdown' && record.reason.by === 'me'))
      t.same(c.list(), [])
      t.notOk(agents.some(({ pid }) => alive(pid as number)))
      if (helper) t.notOk(alive(helper), 'the launcher has left')
      t.ok(existsSync(join(c.home, 'logs')))
      await refusal(() => c.spawn({ command: ['true'] }), 'supervisor_stopping')
      await refusal(() => agents[0]?.restart(), 'supervisor_stopping')
      await refusal(() => agents[0]?.stop(), 'process_not_found')
      t.equal((await c.records()).length, 10, 'what is known can still be asked')
      t.equal(c.get('a3'), agents[3])
    },
  )

t.test('the timeout bounds it: those that would take longer are killed before, none escapes', async (t) => {
  const c = await inlineCrew(t, { defaults: { stop: [{ signal: 'SIGTERM', wait: '1h' }] } })
  const agents = Array.from({ length: 5 }, () =>
    c.spawn({ command: [fixture('sleeps-through-sigterm.sh')], ready: { line: 'ready' } }),
  )
  await Promise.all(agents.map(({ ready }) => ready))
  const began = performance.now()
  t.same(await c.stop({ timeout: '4s' }), { ended: 5, escaped: [], timedOut: false })
  const tookMs = performance.now() - began
  t.ok(tookMs > 2000 && tookMs < 20_000, `${tookMs}`)
})

t.test('who is told that it stops, and stops it too, gets the same answer; it stops once', async (t) => {
  const home = temporaryFolder(t)
  const reeve = await createSupervisor({ home, registry: sqliteRegistry(join(home, 'agents.db')) })
  const again = new Promise((resolve, reject) => {
    reeve.actor.subscribe({ complete: () => reeve.stop().then(resolve, reject) })
  })
  const stopped = { ended: 0, escaped: [], timedOut: false }
  t.same(await soon(reeve.stop(), 'stopped'), stopped)
  t.same(await soon(again, 'stopped by a listener'), stopped)
})

t.test('a wrong timeout is refused, and the supervisor can still be stopped', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ command: FOREVER })
  await agent.ready
  for (const options of [{ timeout: 'soon' }, { timeout: -1 }, { timout: '1s' }, null, 7])
    await refusal(() => c.stop(options as object), 'invalid_spec')
  t.equal(agent.state, 'running')
  t.match(await c.stop(), { ended: 1, timedOut: false })
})

t.test('a selection has to select: nothing that could mean all by mistake does', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ command: FOREVER })
  const tasked = c.spawn({ command: FOREVER, task: 'T' })
  await Promise.all([agent.ready, tasked.ready])
  for (const selection of [
    {},
    { task: undefined },
    { all: false },
    { task: '' },
    { task: 'T', all: true },
    { al: true },
    null,
    undefined,
  ])
    await refusal(() => c.kill(selection as unknown as { all: true }), 'invalid_spec')
  for (const selection of [{ task: undefined }, { all: false }, { task: 'T', all: true }])
    await refusal(() => c.stop(selection as unknown as { all: true }), 'invalid_spec')
  t.same([agent.state, tasked.state], ['running', 'running'])
  t.match(await c.kill({ task: 'T' }), [{ agentId: tasked.id, taskId: 'T' }])
  t.match(await c.stop({ all: true }), [{ agentId: agent.id }])
  t.same(await c.stop({ all: true }), [])
})

t.test('stop during everything: agents starting, restarting, stopping, stalling, cleaning up', async (t) => {
  const c = await inlineCrew(t)
  const forever = { policy: 'permanent', backoff: { initial: '1h', max: '1h' }, intensity: false } as const
  c.spawn({ command: ['false'], restart: forever })
  c.spawn({ command: FOREVER, ready: { report: true } })
  c.spawn({ command: ['true'], cleanup: [() => new Promise((resolve) => setTimeout(resolve, 300))] })
  c.spawn({ command: FOREVER, heartbeat: { timeout: 20, sources: ['report'] } })
  const restarts = c.spawn({ command: FOREVER })
  const stops = c.spawn({
    command: [fixture('sleeps-through-sigterm.sh')],
    ready: { line: 'ready' },
    stop: [{ signal: 'SIGTERM', wait: 300 }],
  })
  await Promise.all([restarts.ready, stops.ready])
  await until(() => c.list({ state: 'stalling' }).length === 1 || null, { what: 'one stalls' })
  const others = Promise.allSettled([restarts.restart(), stops.stop(), stops.kill()])
  for (let i = 0; i < 20; i += 1) c.spawn({ command: FOREVER })
  const result = await soon(c.stop({ timeout: '5s' }), 'stopped')
  t.match(result, { escaped: [], timedOut: false })
  await soon(others, 'all who asked are answered')
  t.same(c.list(), [])
})

t.test('a home of its own is made under the user’s, and removed; await using ends it', async (t) => {
  const folder = temporaryFolder(t)
  process.env.REEVE_HOME = join(folder, 'a', 'b')
  t.teardown(() => delete process.env.REEVE_HOME)
  let home = ''
  {
    await using supervisor = await createSupervisor()
    home = supervisor.home
    t.ok(home.startsWith(join(folder, 'a', 'b', 'run')) && existsSync(home))
    await supervisor.spawn({ command: ['true'] }).ended
  }
  t.notOk(existsSync(home))
})

t.test('a launcher that cannot be started is said so, with the way out', async (t) => {
  const folder = temporaryFolder(t)
  const refused = (launcher: { exec: string }, code: string) =>
    refusal(() => createSupervisor({ home: join(folder, 'home'), launcher }), code)
  t.match(
    (await refused({ exec: '/does/not/exist' }, 'launcher_failed')).message,
    /does\/not\/exist.*\n?.*launcher: 'inline'/s,
  )
  await refused({ exec: '/bin/false' }, 'launcher_failed')
  await refusal(() => createSupervisor({ home: '/dev/null/x' }), 'home_unusable')
  await refusal(() => createSupervisor({ home: '/tmp' }), 'home_unusable')
  await refusal(() => createSupervisor({ hoem: '/tmp' } as object), 'invalid_spec')
  await refusal(() => createSupervisor({ defaults: { comand: [] } as object }), 'invalid_spec')
})

t.test('whoever hears of the end of a supervisor may stop it again: it is one end', async (t) => {
  const reeve = await inlineCrew(t)
  let again: Promise<unknown> | undefined
  reeve.actor.subscribe({
    complete: () => {
      again = reeve.stop()
    },
  })
  const first = reeve.stop()
  t.strictSame(await first, { ended: 0, escaped: [], timedOut: false })
  t.equal(again, first)
})

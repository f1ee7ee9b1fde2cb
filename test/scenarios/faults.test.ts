import t from 'tap'
import {
  FOREVER,
  fixture,
  host,
  inlineCrew,
  nothingIsLeft,
  refusal,
  soon,
  statesOf,
  temporaryFolder,
  until,
} from '../support.ts'

nothingIsLeft(t)

t.test('listeners that throw, at once or later, harm nobody; they are told as warnings', async (t) => {
  const c = await inlineCrew(t)
  const boom = () => {
    throw new Error('boom')
  }
  const later = async () => {
    throw new Error('boom later')
  }
  for (const fn of [boom, later]) {
    c.on('transition', fn)
    c.on('note', fn)
    c.on('stalled', fn)
    c.on('sink-error', fn)
  }
  const agent = c.spawn({ command: FOREVER, heartbeat: { timeout: 20, sources: ['report'] } })
  agent.on('transition', boom)
  await until(() => agent.state === 'stalling' || null, { what: 'stalling' })
  await agent.stop()
  t.same(statesOf(c, agent), [
    'spawning',
    'pre_starting',
    'running',
    'stalling',
    'terminating',
    'reaping',
    'killed',
  ])
  t.ok(c.warnings.some((message) => /a listener of "transition" .*boom$/.test(message)))
  t.ok(c.warnings.some((message) => /a listener of "transition" .*boom later/.test(message)))
})

t.test(
  'a listener of warnings that throws becomes a warning of Node’s own, not the end of the host',
  async (t) => {
    const h = host(
      t,
      `const supervisor = await reeve.createSupervisor()
     supervisor.on('warning', () => { throw new Error('boom') })
     supervisor.on('warning', async () => { throw new Error('boom later') })
     supervisor.on('transition', () => { throw new Error('first') })
     await supervisor.spawn({ command: ['true'] }).ended
     await supervisor.stop()
     say('end')`,
      { REEVE_HOME: temporaryFolder(t) },
    )
    t.match(await h.exited, { code: 0 }, h.stderr())
    t.match(h.stderr(), /ReeveWarning.*boom/)
  },
)

t.test('an inspector that throws harms nobody', async (t) => {
  for (const inspect of [
    () => {
      throw new Error('inspector')
    },
    {
      next: () => {
        throw new Error('inspector')
      },
    },
  ]) {
    const c = await inlineCrew(t, { inspect })
    const agent = c.spawn({ command: FOREVER })
    await soon(agent.ready, 'ready')
    t.match(await soon(agent.stop(), 'stopped'), { success: true })
    t.match(await soon(c.stop(), 'all stopped'), { timedOut: false })
  }
})

t.test(
  'what a listener asks for is done: spawn, stop, restart, kill, and a stop of the supervisor',
  async (t) => {
    const c = await inlineCrew(t)
    const agent = c.spawn({ name: 'first', command: FOREVER })
    const asked: Promise<unknown>[] = []
    agent.on('transition', ({ to }) => {
      if (to === 'spawning') c.spawn({ name: 'from spawning', command: FOREVER })
      if (to === 'running' && agent.incarnation === 1) asked.push(agent.restart())
      if (to === 'running' && agent.incarnation === 2) asked.push(agent.stop(), agent.kill())
    })
    let last: ReturnType<typeof c.spawn> | undefined
    agent.on('transition', ({ to }) => {
      if (to === 'killed' && agent.incarnation === 2) last = c.spawn({ name: 'first', command: FOREVER })
    })
    await soon(agent.ended, 'ended')
    t.match(await soon(Promise.all(asked), 'answers'), [
      { incarnation: 2 },
      { success: true },
      { success: true },
    ])
    await soon(last?.ready ?? Promise.reject(), 'its heir')
    const stopping = new Promise((resolve) =>
      c.on('transition', ({ to }) => to === 'terminating' && resolve(c.stop())),
    )
    last?.stop()
    t.match(await soon(stopping, 'stopped'), { escaped: [], timedOut: false })
  },
)

t.test('a stop of everything from within a listener of every state is bounded', async (t) => {
  for (const state of ['spawning', 'pre_starting', 'running', 'terminating', 'reaping', 'killed']) {
    const c = await inlineCrew(t)
    const stopped = new Promise((resolve) =>
      c.on('transition', ({ to }) => to === state && resolve(c.stop())),
    )
    const agent = c.spawn({ command: FOREVER })
    if (['terminating', 'reaping', 'killed'].includes(state)) await agent.ready.then(() => agent.stop())
    t.match(await soon(stopped, `stopped in ${state}`), { escaped: [], timedOut: false }, state)
    await soon(agent.ended, 'ended')
  }
})

t.test('promises that nobody waits for are no unhandled rejections', async (t) => {
  const h = host(
    t,
    `process.on('unhandledRejection', (error) => say('unhandled', error.message))
     const supervisor = await reeve.createSupervisor()
     supervisor.on('warning', () => {})
     supervisor.spawn({ command: ['/does/not/exist'] })
     supervisor.spawn({ command: ['sleep', '100'], ready: { report: true, timeout: 50 } })
     const agent = supervisor.spawn({ command: ['sleep', '100'] })
     void agent.ready
     await new Promise((resolve) => setTimeout(resolve, 200))
     await supervisor.stop()
     say('end')`,
    { REEVE_HOME: temporaryFolder(t) },
  )
  t.match(await h.exited, { code: 0 })
  t.same(h.lines, ['end'])
})

t.test('a script with no agents ends; with one it does not, until that one has ended', async (t) => {
  const home = temporaryFolder(t)
  const none = host(t, `const s = await reeve.createSupervisor(); s.on('transition', () => {}); say('up')`, {
    REEVE_HOME: home,
  })
  t.match(await soon(none.exited, 'a script with none ends'), { code: 0 })
  const one = host(
    t,
    `const s = await reeve.createSupervisor()
     s.spawn({ command: ['sleep', '0.5'] }).ended.then(({ state }) => say('ended', state))`,
    { REEVE_HOME: home },
  )
  t.match(await soon(one.exited, 'it ends with its agent'), { code: 0 })
  t.same(one.lines, ['ended completed'])
  const stopped = host(
    t,
    `const s = await reeve.createSupervisor()
     const a = s.spawn({ command: ['sleep', '1000'], restart: { policy: 'permanent', backoff: { initial: '1h', max: '1h' }, intensity: false } })
     await a.ready
     process.kill(a.pid, 'SIGKILL')
     setTimeout(() => a.stop().then(() => say('stopped')), 300)`,
    { REEVE_HOME: home },
  )
  t.match(await soon(stopped.exited, 'it ends when the last one is stopped'), { code: 0 })
  t.same(stopped.lines, ['stopped'])
})

t.test(
  'the actors are open to see; a root that is stopped by hand does not hang its supervisor',
  async (t) => {
    const c = await inlineCrew(t)
    const agent = c.spawn({
      command: [fixture('sleeps-through-sigterm.sh')],
      ready: { line: 'ready' },
      stop: [{ signal: 'SIGTERM', wait: '200ms' }],
    })
    await agent.ready
    t.equal(
      agent.actor?.getSnapshot().value instanceof Object ||
        typeof agent.actor?.getSnapshot().value === 'string',
      true,
    )
    c.actor.stop()
    const result = await soon(c.stop({ timeout: '1s' }), 'stopped')
    t.match(result, { timedOut: true, escaped: [agent.pid] })
  },
)

t.test('entries: read along from any number, to the end; they are numbered without gaps', async (t) => {
  const c = await inlineCrew(t)
  const numbers: number[] = []
  const reading = (async () => {
    for await (const { seq } of c.entries({ since: 0 })) numbers.push(seq)
  })()
  await c.spawn({ command: ['true'] }).ended
  await c.spawn({ command: FOREVER }).ready
  await refusal(
    () =>
      soon(
        c
          .entries({ since: 'x' as unknown as number })
          [Symbol.asyncIterator]()
          .next(),
        'x',
        300,
      ),
    'invalid_spec',
  )
  await c.stop()
  await soon(reading, 'the end of entries')
  t.same(
    numbers,
    numbers.map((_, i) => i + 1),
  )
  t.equal(numbers.length, c.entriesSeen.length)
  await refusal(() => c.on('transitions' as 'note', () => {}), 'invalid_spec')
})

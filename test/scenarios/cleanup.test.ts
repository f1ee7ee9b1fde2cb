import t from 'tap'
import { crew, FOREVER, notesOf, nothingIsLeft, soon, until } from '../support.ts'

nothingIsLeft(t)

t.test(
  '12. of three hooks one throws and one never returns: both are cleanup_failed, the third runs, the agent ends',
  async (t) => {
    const c = await crew(t)
    const ran: string[] = []
    const agent = c.spawn({
      command: FOREVER,
      cleanupTimeout: '200ms',
      cleanup: [
        function throws() {
          ran.push('throws')
          throw new Error('no such database')
        },
        () => new Promise(() => ran.push('hangs')),
        async (record) => {
          ran.push(`${record.id} ${record.state} ${record.exit?.signal}`)
        },
      ],
    })
    await agent.ready
    const result = await soon(agent.stop(), 'stopped')
    t.equal(result.success, true)
    t.same(ran, ['throws', 'hangs', `${agent.id} reaping SIGTERM`], 'one after another, with the record')
    t.match(agent.record.cleanupErrors, [
      { code: 'cleanup_failed', message: /hook 1 \(throws\) failed: no such database/ },
      { code: 'cleanup_failed', message: /hook 2.* did not end within 200 ms/ },
    ])
    t.equal(agent.state, 'killed')
    t.equal(agent.record.error, null, 'an end is not spoilt by its clean-up')
    t.equal(notesOf(c, agent, 'cleanup_failed').length, 2)
  },
)

t.test('hooks run after a crash, after a failed start, and once per life', async (t) => {
  const c = await crew(t)
  const lives: number[] = []
  const cleanup = [({ incarnation }: { incarnation: number }) => lives.push(incarnation)]
  await c.spawn({ command: ['false'], cleanup }).ended
  await c.spawn({ command: ['/does/not/exist'], cleanup }).ended
  t.same(lives, [1, 1])
  const backoff = { initial: 10, jitter: 0 }
  const again = { policy: 'permanent', backoff, intensity: { restarts: 2, within: '1m' } } as const
  await c.spawn({ command: ['true'], cleanup, restart: again }).ended
  t.same(lives, [1, 1, 1, 2, 3])
})

t.test('cleanup: false leaves the hooks out, for a look afterwards', async (t) => {
  const c = await crew(t)
  let ran = 0
  const spec = { command: FOREVER, cleanup: [() => ++ran] }
  const agents = [c.spawn(spec), c.spawn(spec)] as const
  await Promise.all(agents.map(({ ready }) => ready))
  await agents[0].stop({ cleanup: false })
  await agents[1].kill({ cleanup: false })
  t.equal(ran, 0)
})

t.test('a hook that hangs holds up neither another agent nor a spawn', async (t) => {
  const c = await crew(t)
  let goOn = (): void => {}
  const hangs = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const agent = c.spawn({ command: ['true'], cleanup: [() => hangs], cleanupTimeout: '1m' })
  await until(() => agent.state === 'reaping' || null, { what: 'reaping' })
  const other = c.spawn({ command: FOREVER })
  await soon(other.ready, 'the other is ready')
  await soon(other.stop(), 'the other is stopped')
  t.equal(agent.state, 'reaping')
  t.equal(c.get(agent.name), agent, 'its name is its own until the end')
  goOn()
})

t.test(
  'a hook that stops its own supervisor, or waits for its own end, is bounded by cleanupTimeout',
  async (t) => {
    const c = await crew(t)
    const waits = c.spawn({
      command: ['true'],
      cleanup: [(r) => c.get(r.id)?.ended],
      cleanupTimeout: '200ms',
    })
    t.match((await soon(waits.ended, 'ended')).cleanupErrors, [{ message: /within 200 ms/ }])
    const stops = c.spawn({ command: ['true'], cleanup: [() => c.stop()], cleanupTimeout: '200ms' })
    t.match((await soon(stops.ended, 'ended')).cleanupErrors, [{ message: /within 200 ms/ }])
    t.match(await soon(c.stop(), 'supervisor stopped'), { timedOut: false, escaped: [] })
  },
)

t.test('cleanupTimeout: 0 does not silently leave the hooks out', async (t) => {
  const c = await crew(t)
  let ran = false
  try {
    const hook = () => {
      ran = true
    }
    const agent = c.spawn({ command: ['true'], cleanup: [hook], cleanupTimeout: 0 })
    await agent.ended
    t.ok(ran, 'it ran, or was refused at the door')
  } catch (error) {
    t.match(error, { code: 'invalid_spec', field: 'cleanupTimeout' })
  }
})

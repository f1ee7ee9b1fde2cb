import t from 'tap'
import { crew, FOREVER, fixture, nothingIsLeft, until } from '../support.ts'

nothingIsLeft(t)

for (const launcher of [undefined, 'inline'] as const)
  t.test(
    `kill -9 of an agent: list() says so within 50 ms, and records() never disagrees (${launcher ?? 'process'})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const took: number[] = []
      for (let i = 0; i < 10; i += 1) {
        const agent = c.spawn({
          name: `a${i}`,
          command: i % 2 ? FOREVER : [fixture('sleeps-through-sigterm.sh')],
        })
        await agent.ready
        t.match(c.list({ name: agent.name }), [{ alive: true, pid: agent.pid, state: 'running' }])
        process.kill(agent.pid as number, 'SIGKILL')
        const killed = performance.now()
        await until(() => !c.list({ name: agent.name }).some(({ alive }) => alive) || null, {
          what: 'list() says so',
        })
        took.push(performance.now() - killed)
        const [record] = await c.records({ id: agent.id })
        t.match(record, { alive: false, pid: null })
        t.match(await agent.ended, {
          state: 'crashed',
          exit: { code: null, signal: 'SIGKILL' },
          reason: null,
        })
        t.same(c.list(), [])
      }
      took.sort((a, b) => a - b)
      t.comment(`median ${took[5]?.toFixed(1)} ms, most ${took[9]?.toFixed(1)} ms`)
      t.ok((took[2] ?? 99) < 50, 'within 50 ms')
      t.ok((took[9] ?? 99_999) < 10_000, 'a tired machine is allowed some more')
    },
  )

t.test(
  'a zombie is dead: one whose leader was killed is not alive though nobody else waited for it',
  async (t) => {
    const c = await crew(t)
    const agent = c.spawn({ command: [fixture('keeps-zombie.sh')] })
    await agent.ready
    t.match(await agent.stop(), { escaped: [] })
  },
)

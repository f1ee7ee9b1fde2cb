import t from 'tap'
import { alive, type Crew, crew, fixture, nothingIsLeft } from '../support.ts'

nothingIsLeft(t)

const ASK = {
  'stopped one by one': [500, (c: Crew) => c.stop({ all: true })],
  'stopped with their supervisor': [60, (c: Crew) => c.stop({ timeout: '1m' })],
} as const

for (const [how, [count, ask]] of Object.entries(ASK)) {
  t.test(
    `9. ${count} agents that ignore SIGTERM, grace 1 s, ${how}: side by side, in about 1 s`,
    async (t) => {
      const c = await crew(t, { defaults: { stop: [{ signal: 'SIGTERM', wait: '1s' }] } })
      const agents = Array.from({ length: count }, (_, i) =>
        c.spawn({
          name: `agent ${i}`,
          command: [fixture('sleeps-through-sigterm.sh')],
          ready: { line: 'ready', timeout: '60s' },
        }),
      )
      await Promise.all(agents.map((agent) => agent.ready))
      const pids = agents.map((agent) => agent.pid as number)
      t.equal(new Set(pids).size, count)

      const began = performance.now()
      await ask(c)
      const tookMs = performance.now() - began
      t.comment(`took ${Math.round(tookMs)} ms`)
      // One after another they would take as many seconds as they are.
      t.ok(tookMs >= 990 && tookMs < (count * 1000) / 5, `${Math.round(tookMs)} ms`)
      t.same(pids.filter(alive), [])
      t.ok(agents.every(({ record }) => record.state === 'killed' && record.exit?.signal === 'SIGKILL'))
      t.same(c.list(), [])
    },
  )
}

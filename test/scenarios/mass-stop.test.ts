import t from 'tap'
import { alive, crew, fixture, nothingIsLeft } from '../support.ts'

nothingIsLeft(t)

const ASK = {
  'stopped one by one': (c: Awaited<ReturnType<typeof crew>>) => c.stop({ all: true }),
  'stopped with their supervisor': (c: Awaited<ReturnType<typeof crew>>) => c.stop({ timeout: '20s' }),
}

for (const [how, ask] of Object.entries(ASK)) {
  t.test(`9. 500 agents that ignore SIGTERM, grace 1 s, ${how}: gone in about 1 s`, async (t) => {
    const c = await crew(t, { defaults: { stop: [{ signal: 'SIGTERM', wait: '1s' }] } })
    const agents = Array.from({ length: 500 }, (_, i) =>
      c.spawn({
        name: `agent ${i}`,
        command: [fixture('sleeps-through-sigterm.sh')],
        ready: { line: 'ready', timeout: '60s' },
      }),
    )
    await Promise.all(agents.map((agent) => agent.ready))
    const pids = agents.map((agent) => agent.pid as number)
    t.equal(new Set(pids).size, 500)

    const began = performance.now()
    await ask(c)
    const tookMs = performance.now() - began
    t.comment(`took ${Math.round(tookMs)} ms`)
    t.ok(tookMs >= 990 && tookMs < 6000, `${Math.round(tookMs)} ms`)
    t.same(pids.filter(alive), [])
    t.ok(agents.every(({ record }) => record.state === 'killed' && record.exit?.signal === 'SIGKILL'))
    t.same(c.list(), [])
  })
}

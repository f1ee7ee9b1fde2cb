/** Cancellations on the stepping clock: at any moment of any life, in any company, nothing begins afterwards. */
import t from 'tap'
import type { Reason } from '../../machines/events.ts'
import { childSpec, POLICY, World } from './world.ts'

const cancelled: Reason = { kind: 'cancelled', by: 'test' }
const LIMIT_MS = 120_000

t.test(
  'cancelled at any moment, whatever else is asked: its end is told once, and no life follows',
  async (t) => {
    const first = Number(process.env.SEED ?? Date.now() % 1e9)
    t.comment(`SEED=${first}`)
    const seen = new Set<string>()
    for (let seed = first; seed < first + 300; seed += 1) {
      const world = new World({ seed })
      const upTo = (ms: number) => world.random() * ms
      world.send({
        type: 'SPAWN',
        child: childSpec('a', { life: { ...POLICY, readyAtSpawn: seed % 2 === 0 } }),
      })
      world.clock.advance(upTo(60))
      for (let step = 0; step < 6; step += 1) {
        world.clock.advance(upTo(400))
        const [life] = world.alive('a')
        if (life && world.random() < 0.5) world.crash(life, world.random() < 0.3 ? 0 : 1)
        else if (life && world.random() < 0.3)
          world.send({ type: 'STALLED', agentId: 'a', incarnation: life.incarnation, evidence: {} })
        else if (world.random() < 0.1) world.send({ type: 'RESTART', agentId: 'a', reason: cancelled })
      }
      if (world.told.some(({ ended }) => ended)) continue
      const from = world.statesOf('a').at(-1) ?? 'none'
      const lives = world.lives.size
      const cancelMs = upTo(5_000)
      world.send({ type: 'STOP', agentId: 'a', reason: cancelled, cancelMs })
      if (world.random() < 0.3) {
        world.clock.advance(upTo(300))
        const reason: Reason = { kind: world.random() < 0.5 ? 'user' : 'stall', by: 'another' }
        world.send({ type: world.random() < 0.5 ? 'STOP' : 'KILL', agentId: 'a', reason })
      }
      world.clock.advance(LIMIT_MS)
      const ends = world.told.filter(({ ended }) => ended)
      const end = ends[0]?.entry
      seen.add(`${from} → ${end?.to}`)
      const why = `seed ${seed}: from ${from}`
      if (ends.length !== 1 || world.lives.size !== lives)
        t.fail(`${why}: ${ends.length} ends, a further life?`)
      // One that had completed by itself before has done so.
      if (end?.to !== 'completed') t.match(end, { reason: { kind: 'cancelled' } }, why)
      else if (from !== 'reaping') t.fail(`${why}: completed, though it was asked to end before it exited`)
      if (end?.to === 'crashed' && from !== 'reaping') t.fail(`${why}: crashed, though it was asked to end`)
      t.same(world.broken, [], why)
    }
    for (const from of ['spawning', 'pre_starting', 'running', 'stalling', 'terminating', 'restarting'])
      t.ok(seen.has(`${from} → killed`), `${from} was one of them`)
    t.ok(seen.has('reaping → crashed'))
  },
)

t.test('only when its time is over is the tree signalled', async (t) => {
  const world = new World({ seed: 3 })
  // Five are asked, of whom some end by themselves.
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const name of names) world.send({ type: 'SPAWN', child: childSpec(name) })
  world.clock.advance(100)
  const running = names.filter((name) => world.statesOf(name).at(-1) === 'running')
  for (const agentId of running) world.send({ type: 'STOP', agentId, reason: cancelled, cancelMs: 10_000 })
  world.clock.advance(9_990)
  t.notOk(world.signals.some((stamp) => stamp.includes('SIGTERM')))
  const byThemselves = running.filter((name) => world.statesOf(name).at(-1) === 'killed')
  t.ok(byThemselves.length > 0 && byThemselves.length < running.length, byThemselves.join())
  world.clock.advance(20)
  const rest = running.filter((name) => !byThemselves.includes(name))
  t.same(
    world.signals.filter((stamp) => stamp.includes('SIGTERM')),
    rest.map((name) => `${name}.1 SIGTERM`),
  )
  world.clock.advance(LIMIT_MS)
  for (const name of running)
    t.match(world.told.find(({ entry, ended }) => ended && entry.agentId === name)?.entry, {
      to: 'killed',
      reason: cancelled,
    })
})

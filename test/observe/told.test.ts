/** What the machines tell when they run is what the picture shows; the dashed arrows are walked, each of them. */
import t from 'tap'
import type { Reason } from '../../machines/events.ts'
import { diagrams } from '../../src/observe/diagram.ts'
import { childSpec, World } from '../machines/world.ts'

const user: Reason = { kind: 'user', by: 'test' }
const arrows = diagrams().find(({ name }) => name === 'agent')?.picture.arrows ?? []
const drawn = new Set(arrows.map(({ from, to }) => `${from} → ${to}`))

/** Agents that crash, end well, are silent, are stopped at any moment, and come back. */
function storm(seed: number): Set<string> {
  const world = new World({ seed })
  const names = Array.from({ length: 12 }, (_, i) => `a${i}`)
  for (const name of names) world.send({ type: 'SPAWN', child: childSpec(name) })
  for (let step = 0; step < 150; step += 1) {
    world.clock.advance(world.random() * 400)
    const agentId = names[Math.floor(world.random() * names.length)] ?? 'a0'
    const life = world.alive(agentId)[0]
    const what = world.random()
    if (what < 0.3 && life) world.crash(life, what < 0.1 ? 0 : 1)
    else if (what < 0.6 && life)
      world.send({ type: 'STALLED', agentId, incarnation: life.incarnation, evidence: {} })
    else if (what < 0.8) world.send({ type: 'HEARTBEAT', agentId })
    else if (what < 0.9) world.send({ type: 'RESTART', agentId, reason: user })
    else if (what < 0.95) world.send({ type: 'STOP', agentId, reason: user })
    if (!world.told.some((told) => told.entry.agentId === agentId && told.ended)) continue
    const incarnation =
      Math.max(
        ...[...world.lives.values()]
          .filter((each) => each.agentId === agentId)
          .map((each) => each.incarnation),
      ) + 1
    if (!world.root.getSnapshot().context.children.byId.has(agentId))
      world.send({ type: 'SPAWN', child: childSpec(agentId, { incarnation, from: 'killed' }) })
  }
  const moves = world.told.filter(({ entry }) => entry.from !== entry.to)
  return new Set(moves.map(({ entry }) => `${entry.from} → ${entry.to}`))
}

t.test('every transition that is told is an arrow of the picture', async (t) => {
  const told = new Set<string>()
  for (let seed = 1; seed <= 8; seed += 1) for (const move of storm(seed)) told.add(move)
  // An ended agent that is asked for again starts from its end: the same dashed way, without a pause.
  told.delete('killed → spawning')
  t.strictSame(
    [...told].filter((move) => !drawn.has(move)),
    [],
  )
  const dashed = arrows.filter((arrow) => arrow.dashed).map(({ from, to }) => `${from} → ${to}`)
  t.strictSame(
    dashed.filter((move) => !told.has(move)),
    [],
    'each dashed arrow was walked',
  )
})

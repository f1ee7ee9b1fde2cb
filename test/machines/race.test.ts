/** Spawn, die, stop, kill, restart and stall, at random, on one name, for thousands of steps. */
import t from 'tap'
import { isEnd, type Reason } from '../../machines/events.ts'
import { childSpec, dice, World } from './world.ts'

const STEPS = 3_000
const user: Reason = { kind: 'user', by: 'test' }

for (const seed of [1, 2, 3, 4, 5]) {
  t.test(
    `whatever races, one life at a time, and what was stopped stays stopped (seed ${seed})`,
    async (t) => {
      const world = new World({ seed })
      const random = dice(seed * 7919)
      let agents = 0
      let agentId = ''
      /** The last thing a user wanted of the present agent. */
      let wanted: 'run' | 'end' = 'run'
      let restartsAfterStop = 0
      world.root.on('transition', ({ entry }) => {
        if (entry.agentId === agentId && wanted === 'end' && entry.to === 'restarting') restartsAfterStop += 1
      })
      const ended = (id: string) => world.told.some((told) => told.ended && told.entry.agentId === id)
      const lastOf = (id: string) => world.told.filter(({ entry }) => entry.agentId === id).at(-1)?.entry

      for (let step = 0; step < STEPS; step += 1) {
        if (agentId === '' || ended(agentId)) {
          if (world.alive(agentId).length > 0) world.broken.push(`${agentId} has ended and lives`)
          agents += 1
          agentId = `agent-${agents}`
          wanted = 'run'
          world.told.length = 0
          world.signals.length = 0
          world.send({ type: 'SPAWN', child: childSpec(agentId) })
        }
        const incarnation = lastOf(agentId)?.incarnation ?? 1
        const life = { agentId, incarnation }
        const draw = random()
        if (draw < 0.15) world.crash(life, random() < 0.3 ? 0 : 1)
        else if (draw < 0.2) world.send({ type: 'STALLED', ...life, evidence: { silentMs: 1 } })
        else if (draw < 0.25) world.send({ type: 'HEARTBEAT', agentId })
        else if (draw < 0.29) {
          wanted = 'run'
          world.send({ type: 'RESTART', agentId, reason: user })
        } else if (draw < 0.31) {
          wanted = 'end'
          world.send({ type: 'STOP', agentId, reason: user, ...(random() < 0.5 && { graceMs: 100 }) })
        } else if (draw < 0.32) {
          wanted = 'end'
          world.send({ type: 'KILL', agentId, reason: user })
        } else if (draw < 0.35) {
          // What belongs to an old life cannot touch a new one.
          world.send({
            type: 'EXITED',
            agentId,
            incarnation: incarnation - 1,
            exit: { code: 9, signal: null },
          })
        } else world.clock.advance(random() * 400)
        if (world.broken.length > 0) break
      }
      t.same(world.broken, [])
      t.equal(restartsAfterStop, 0, 'no life followed a stop')
      t.same(world.faults, [])
      t.ok(agents > 50, `${agents} agents came and went`)

      world.send({
        type: 'SHUTDOWN',
        reason: { kind: 'shutdown', by: 'test' },
        killAfterMs: 20_000,
        giveUpAfterMs: 25_000,
      })
      world.clock.advance(30_000)
      t.equal(world.root.getSnapshot().status, 'done')
      t.equal(world.alive(agentId).length, 0, 'nothing is left')
      t.equal(world.clock.pending, 0, 'no timer either')
      t.ok(isEnd(lastOf(agentId)?.to ?? null))
    },
  )
}

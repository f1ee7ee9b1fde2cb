import t from 'tap'
import { createActor } from 'xstate'
import { agentMachine } from '../../machines/agent.ts'
import { effectActions } from '../../machines/effects.ts'
import { SteppingClock } from '../../src/clock.ts'
import { childSpec, POLICY, World } from './world.ts'

const settle = (world: World) => world.clock.advance(20_000)

t.test('a fault in the logic of one life ends that agent alone, by its ladder', async (t) => {
  let faults = 0
  const world = new World({
    seed: 11,
    sabotage: (effect, life) => life.agentId === 'faulty' && effect === 'takeRung' && ++faults === 1,
  })
  world.send({ type: 'SPAWN', child: childSpec('sound') })
  world.send({ type: 'SPAWN', child: childSpec('faulty') })
  world.clock.advance(100)
  t.equal(world.statesOf('faulty').at(-1), 'running')
  world.send({ type: 'STOP', agentId: 'faulty', reason: { kind: 'user', by: 'test' } })
  settle(world)
  t.equal(faults, 2, 'the second actor of the same incarnation took the ladder up')
  const end = world.told.find((told) => told.ended && told.entry.agentId === 'faulty')
  t.match(end, { entry: { to: 'crashed', incarnation: 1, error: { code: 'internal' } } })
  t.equal(world.alive('faulty').length, 0, 'its process is gone')
  t.equal(world.statesOf('sound').at(-1), 'running', 'the other is none the wiser')
  t.equal(world.alive('sound').length, 1)
  t.equal(world.faults.length, 1, 'and the fault was told')
})

t.test('a second fault ends it as crashed, its tree killed by the port', async (t) => {
  const world = new World({
    seed: 12,
    sabotage: (effect, life) => life.agentId === 'faulty' && ['takeRung', 'killTree'].includes(effect),
  })
  world.send({ type: 'SPAWN', child: childSpec('faulty') })
  world.send({ type: 'SPAWN', child: childSpec('sound') })
  world.clock.advance(100)
  world.send({ type: 'STOP', agentId: 'faulty', reason: { kind: 'user', by: 'test' } })
  settle(world)
  t.match(world.told.find((told) => told.ended && told.entry.agentId === 'faulty')?.entry, {
    to: 'crashed',
    event: 'fault',
    error: { code: 'internal' },
  })
  t.same(world.abandoned, [{ agentId: 'faulty', incarnation: 1 }])
  t.equal(world.faults.length, 2)
  t.equal(world.statesOf('sound').at(-1), 'running')
  world.send({ type: 'SPAWN', child: childSpec('another') })
  world.clock.advance(100)
  t.equal(world.statesOf('another').at(-1), 'running', 'the supervisor goes on')
})

t.test('an exit that arrives while the logic faults is not lost', async (t) => {
  let faults = 0
  const world = new World({
    seed: 13,
    sabotage: (effect, life) =>
      life.agentId === 'faulty' && effect === ('sweepGently' as never) && ++faults === 1,
  })
  world.send({ type: 'SPAWN', child: childSpec('faulty') })
  world.clock.advance(100)
  world.crash({ agentId: 'faulty', incarnation: 1 }, 3)
  settle(world)
  t.match(world.told.find((told) => told.ended)?.entry, {
    to: 'crashed',
    exit: { code: 3 },
    error: { code: 'internal' },
  })
})

t.test(
  'a start that is said to have failed, and left what could not be ended: named, and no other follows',
  async (t) => {
    const world = new World({ seed: 14 })
    world.send({ type: 'SPAWN', child: childSpec('coder') })
    const error = { code: 'spawn_failed', message: 'the launcher died while it was being started' }
    world.send({ type: 'SPAWN_FAILED', agentId: 'coder', incarnation: 1, error, escaped: [7] })
    settle(world)
    const [end] = world.told.filter(({ ended }) => ended)
    t.match(end?.entry, { to: 'crashed', incarnation: 1, error, escaped: [7] })
    t.same(world.statesOf('coder'), ['spawning', 'reaping', 'crashed'])
  },
)

t.test('an effect that throws is told, and harms no life', async (t) => {
  const told: unknown[] = []
  const broken = () => {
    throw new Error('the outside is broken')
  }
  const effects = {
    launch: broken,
    withdrawLaunch: broken,
    takeRung: broken,
    killTree: broken,
    sweepTree: broken,
    cleanUp: broken,
  }
  const machine = agentMachine.provide({ actions: effectActions(effects, (cause) => told.push(cause)) })
  const clock = new SteppingClock()
  const input = {
    agentId: 'a',
    incarnation: 1,
    name: 'a',
    from: null,
    policy: POLICY,
    now: () => clock.now(),
  }
  const actor = createActor(machine, { clock, input }).start()
  t.equal(actor.getSnapshot().status, 'active')
  t.equal(told.length, 1)
  clock.advance(60_000)
  t.equal(actor.getSnapshot().value, 'crashed', 'every wait has a limit: it comes to an end all the same')
  t.match(actor.getSnapshot().output, {
    error: { code: 'spawn_failed' },
    unverified: true,
    entry: { evidence: { unverified: true } },
  })
})

t.test('what survives SIGKILL is told again and again, and keeps its state', async (t) => {
  const world = new World({ seed: 11 })
  world.send({ type: 'SPAWN', child: childSpec('a') })
  world.clock.advance(100)
  t.equal(world.statesOf('a').at(-1), 'running')
  // The world forgets the process: no signal reaches it, and its exit is never heard of.
  world.lives.clear()
  world.send({ type: 'KILL', agentId: 'a', reason: { kind: 'user', by: 'test' } })
  world.clock.advance(15_100)
  t.equal(world.told.filter(({ entry }) => entry.event === 'kill_failed').length, 3, 'every killWait')
  t.equal(world.statesOf('a').at(-1), 'terminating')
})

import t from 'tap'
import { createActor, createMachine } from 'xstate'
import { SteppingClock } from '../src/clock.ts'
import { useIndexedScheduler } from '../src/scheduler.ts'

const waiting = createMachine({
  initial: 'a',
  states: { a: { after: { 100: 'b' }, on: { GO: 'c' } }, b: { after: { 50: 'c' } }, c: {} },
})

t.test(
  "XState's scheduler has the shape that is replaced, and the replacement is what actors use",
  async (t) => {
    const clock = new SteppingClock()
    const actor = createActor(waiting, { clock })
    const before = actor.system.scheduler
    t.same(Object.keys(before).sort(), ['cancel', 'cancelAll', 'schedule'], 'its methods')
    t.equal(before.schedule.length, 4, 'source, target, event, delay (id is optional)')
    t.type((actor.system as unknown as { _relay: unknown })._relay, 'function', 'what delivers an event')
    useIndexedScheduler(actor, clock)
    actor.start()
    t.not(actor.system.scheduler, before)
    t.equal(clock.pending, 1)
    clock.advance(100)
    t.equal(actor.getSnapshot().value, 'b')
    clock.advance(50)
    t.equal(actor.getSnapshot().value, 'c')
  },
)

t.test(
  'leaving a state takes its timer away; stopping an actor takes all of its own and no other',
  async (t) => {
    const clock = new SteppingClock()
    const root = createActor(createMachine({}), { clock })
    useIndexedScheduler(root, clock)
    root.start()
    const one = createActor(waiting, { parent: root }).start()
    const two = createActor(waiting, { parent: root }).start()
    t.equal(clock.pending, 2)
    one.send({ type: 'GO' })
    t.equal(clock.pending, 1)
    root.system.scheduler.cancelAll(two)
    t.equal(clock.pending, 0)
    root.system.scheduler.schedule(one, two, { type: 'GO' }, 10, 'same')
    root.system.scheduler.schedule(one, two, { type: 'GO' }, 20, 'same')
    t.equal(clock.pending, 1, 'the same id replaces')
    clock.advance(20)
    t.equal(two.getSnapshot().value, 'c')
  },
)

t.test('a blocked loop: what lies unread is heard before it is judged that nobody spoke', (t) => {
  const clock = new SteppingClock()
  const actor = createActor(waiting, { clock })
  useIndexedScheduler(actor, clock)
  actor.start()
  clock.block(130)
  clock.advance(0)
  t.equal(actor.getSnapshot().value, 'a')
  actor.send({ type: 'GO' })
  t.equal(clock.pending, 0, 'heard, nothing is waited for any more')

  const silent = createActor(waiting, { clock })
  useIndexedScheduler(silent, clock)
  silent.start()
  clock.block(130)
  clock.advance(0)
  clock.advance(29)
  t.equal(silent.getSnapshot().value, 'a', 'for as long as it was late')
  clock.block(1000)
  clock.advance(0)
  t.equal(silent.getSnapshot().value, 'b', 'once')
  clock.block(60)
  clock.advance(0)
  t.equal(silent.getSnapshot().value, 'c', 'a little late is in time')
  t.end()
})

t.test('the end of many actors does not grow with the timers of the others', async (t) => {
  const count = 5_000
  const clock = { now: () => 0, wallNow: () => 0, setTimeout: () => 1, clearTimeout: () => {} }
  const root = createActor(createMachine({}), { clock })
  useIndexedScheduler(root, clock)
  root.start()
  const actors = Array.from({ length: count }, () => createActor(waiting, { parent: root }).start())
  let visits = 0
  const { cancelAll } = root.system.scheduler
  root.system.scheduler.cancelAll = (actor) => {
    visits += 1
    cancelAll(actor)
  }
  for (const actor of actors) root.system.scheduler.cancelAll(actor)
  t.equal(visits, count, 'one visit each, to its own timers alone')
})

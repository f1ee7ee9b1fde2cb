/** A life that asks for time before it is ready. */
import t from 'tap'
import { createActor } from 'xstate'
import { agentMachine } from '../../machines/agent.ts'
import type { Adoption } from '../../machines/context.ts'
import type { EntryDraft } from '../../machines/events.ts'
import { SteppingClock } from '../../src/clock.ts'
import { POLICY } from './world.ts'

const life = { agentId: 'a', incarnation: 1 }
const process = { bootId: 'boot', pid: 7, startTime: 70 }

/** It has to be ready within 30 s of its process. */
function starting(adopt?: Partial<Adoption>) {
  const clock = new SteppingClock()
  const told: EntryDraft[] = []
  const policy = { ...POLICY, readyAtSpawn: false }
  const known = { door: 'recovered', process, exit: null, reason: null, error: null } as const
  const from = adopt ? 'pre_starting' : null
  const input = { ...life, name: 'a', from, policy, now: () => clock.now() } as const
  const actor = createActor(agentMachine, {
    clock,
    input: adopt ? { ...input, adopt: { ...known, runningSinceMs: null, ...adopt } } : input,
  })
  actor.on('entry', ({ entry }) => told.push(entry))
  actor.start()
  if (!adopt) {
    clock.advance(5_000)
    actor.send({ type: 'SPAWNED', ...life, process })
  }
  const extend = (byMs: number) =>
    actor.send({ type: 'EXTENDED', ...life, byMs, evidence: { extendMs: byMs }, reportOffset: 9 })
  return { clock, told, actor, extend, state: () => told.at(-1)?.to }
}

t.test('it has to be ready by then, or within ready.timeout, whichever is later', async (t) => {
  const { clock, told, extend, state } = starting()
  clock.advance(20_000)
  extend(60_000)
  t.match(told.at(-1), {
    from: 'pre_starting',
    to: 'pre_starting',
    event: 'extend',
    evidence: { extendMs: 60_000 },
    reportOffset: 9,
  })
  extend(1)
  clock.advance(59_999)
  t.equal(state(), 'pre_starting', 'less asked for later takes nothing away')
  clock.advance(1)
  t.match(
    told.find(({ event }) => event === 'ready_timeout'),
    {
      to: 'terminating',
      error: {
        message:
          'it was not ready within 30000 ms (ready.timeout), nor in the time that it asked for (extend)',
      },
    },
  )
})

t.test('asked for less than is left, nothing changes', async (t) => {
  const { clock, extend, state } = starting()
  extend(1_000)
  clock.advance(29_999)
  t.equal(state(), 'pre_starting')
  clock.advance(1)
  t.equal(state(), 'terminating')
})

t.test('a successor keeps to it; of one that asked for none, it is the whole time anew', async (t) => {
  for (const [readyLeftMs, dueMs] of [
    [90_000, 90_000],
    [10_000, 30_000],
    [null, 30_000],
  ] as const) {
    const { clock, state } = starting({ readyLeftMs })
    clock.advance(dueMs - 1)
    t.equal(state(), undefined)
    clock.advance(1)
    t.equal(state(), 'terminating')
  }
})

t.test('a running life notes it, an ending one does not', async (t) => {
  const { told, actor, extend } = starting()
  actor.send({ type: 'READY', ...life, evidence: { ready: 'report' } })
  extend(5)
  t.match(told.at(-1), { to: 'running', event: 'extend' })
  actor.send({ type: 'STOP', ...life, reason: { kind: 'user', by: 'test' } })
  const before = told.length
  extend(5)
  t.equal(told.length, before)
})

/** What agents use, how they are, and the end of those that use too much memory. */
import t from 'tap'
import { toWire } from '../../src/wire.ts'
import {
  crew,
  FOREVER,
  fixture,
  inlineCrew,
  notesOf,
  nothingIsLeft,
  refusal,
  soon,
  statesOf,
  until,
} from '../support.ts'

nothingIsLeft(t)

t.test('health of one and of all: CPU, memory and processes of the tree, and how each is', async (t) => {
  const c = await inlineCrew(t)
  const burns = c.spawn({ name: 'burns', command: [fixture('burns-cpu.sh')], task: 'TASK-1' })
  const rests = c.spawn({ name: 'rests', command: FOREVER, heartbeat: false })
  const dozes = c.spawn({ name: 'dozes', command: FOREVER, heartbeat: { timeout: 50, sources: ['report'] } })
  c.spawn({ name: 'starts', command: FOREVER, ready: { report: true } })
  await Promise.all([burns.ready, rests.ready, dozes.ready])
  await until(() => dozes.state === 'stalling' || null, { what: 'stalling' })
  await until(async () => ((await burns.health()).cpuPercent ?? 0) > 5 || null, { what: 'CPU is used' })

  const all = await c.health()
  t.same(
    all.map(({ name, health, alive }) => [name, health, alive]),
    [
      ['burns', 'healthy', true],
      ['rests', 'healthy', true],
      ['dozes', 'stalled', true],
      ['starts', 'starting', true],
    ],
  )
  t.match(all[0], { pid: burns.pid, processes: 2, taskId: 'TASK-1', secondsSinceHeartbeat: Number })
  t.ok((all[0]?.memoryMb ?? 0) > 0.1 && (all[0]?.memoryMb ?? 0) < 100, `${all[0]?.memoryMb} MiB`)
  t.match(all[1], { secondsSinceHeartbeat: null, cpuPercent: Number, taskId: null })
  t.ok((all[2]?.secondsSinceHeartbeat ?? 0) >= 0)
  t.same(
    (await c.health({ task: 'TASK-1' })).map(({ name }) => name),
    ['burns'],
  )

  await rests.stop()
  const ended = await c.spawn({ command: ['true'] }).ended
  const failed = await c.spawn({ command: ['false'] }).ended
  const nothing = { pid: null, alive: false, cpuPercent: null, memoryMb: null, processes: 0 }
  t.match(await rests.health(), { health: 'dead', state: 'killed', ...nothing })
  t.match(await c.health(ended.id), { health: 'completed', ...nothing })
  t.match(await c.health(failed.id), { health: 'failed', ...nothing })
  t.equal((await c.health()).length, 3, 'those that have not ended')
  await refusal(() => c.health('nobody'), 'agent_not_found')
  await refusal(() => c.health({ nam: 'x' } as object), 'invalid_spec')

  const words =
    'agent_id alive cpu_percent health memory_mb name pid processes seconds_since_heartbeat state task_id timestamp'
  t.same(Object.keys(toWire(await burns.health()) as object).sort(), words.split(' '), 'as every wire has it')
})

t.test(
  'above memoryMax: the ladder, reason memory, and the policy restarts it as after a crash',
  async (t) => {
    const c = await crew(t, { vitals: { every: 30 } })
    const shares = { command: [fixture('shares-memory.sh'), '16', '3'] as const, ready: { line: 'held' } }
    const within = c.spawn({ ...shares, memoryMax: '40mb' })
    await within.ready
    await until(async () => ((await within.health()).memoryMb ?? 0) > 60 || null, {
      what: '16 MiB, four times',
    })
    const over = c.spawn({
      ...shares,
      memoryMax: '8mb',
      restart: { policy: 'transient', backoff: { initial: 1 }, intensity: { restarts: 1, within: '1m' } },
    })
    const record = await soon(over.ended, 'ended')
    t.match(record, {
      state: 'killed',
      incarnation: 2,
      reason: {
        kind: 'memory',
        by: 'supervisor',
        message: /its tree used \d.* MB, more than memoryMax \(8 MB\)/,
      },
      evidence: { memoryBytes: Number, maxBytes: 8 * 2 ** 20, processes: Number },
      error: { code: 'restart_intensity_exceeded' },
    })
    t.ok((record.evidence?.memoryBytes ?? 0) > 8 * 2 ** 20)
    t.same(statesOf(c, over).slice(-3), ['terminating', 'reaping', 'killed'])
    t.ok(notesOf(c, over, 'rung').length >= 2, 'SIGTERM first, in both lives')
    t.equal(within.state, 'running', 'what four processes share counts once')
  },
)

/** A cancellation: the present step is finished, no other begins, and no policy brings it back. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Agent, AgentSpec } from '../../src/index.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import {
  type Crew,
  crew,
  FOREVER,
  fixture,
  host,
  inlineCrew,
  launcherOf,
  notesOf,
  nothingIsLeft,
  refusal,
  remember,
  said,
  soon,
  temporaryFolder,
  until,
  untilDead,
} from '../support.ts'
import { openDatabase } from './database.ts'

nothingIsLeft(t)

const ALWAYS = { policy: 'permanent', backoff: { initial: 1 }, intensity: false } as const
const STEPS: AgentSpec = {
  command: [fixture('works-in-steps.sh'), '0.3'],
  ready: { line: 'begin' },
  restart: ALWAYS,
}
const log = (agent: Agent): string => readFileSync(agent.record.logFile, 'utf8')
const rungsOf = (c: Crew, agent: Agent) => notesOf(c, agent, 'rung').map(({ evidence }) => evidence)

t.test('an agent that takes requests ends its step, starts no other, and hears no signal', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn(STEPS)
  await agent.ready
  const result = await soon(agent.cancel({ reason: 'no longer wanted', by: 'a person' }), 'cancelled')
  t.match(result, {
    success: true,
    action: 'cancel',
    pid: agent.pid,
    killSignal: null,
    gracePeriodSeconds: 40,
    killedGracefully: true,
    escaped: [],
    message: 'Agent cancelled',
  })
  t.match(await agent.ended, {
    state: 'killed',
    incarnation: 1,
    exit: { code: 0, signal: null },
    reason: { kind: 'cancelled', by: 'a person', message: 'no longer wanted' },
  })
  t.match(log(agent), /begin\nend\n$/, 'what was begun is ended')
  t.match(rungsOf(c, agent), [{ asked: 'cancel', through: 'control', waitMs: 30_000 }])
  await refusal(() => agent.cancel(), 'process_not_found')
})

t.test('an agent written with reeve/agent: all that it says is known, and it hears why', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: [process.execPath, fixture('works-with-kit.js'), '100'],
    ready: { report: true },
    heartbeat: { timeout: '1m', sources: ['report'] },
    restart: ALWAYS,
  })
  await agent.ready
  await until(() => agent.record.usage, { what: 'its use' })
  t.match(agent.record, { activity: { kind: 'working' }, usage: { turns: 1, tokens: 20, usd: 0.3 } })
  t.match(notesOf(c, agent, 'activity')[0]?.activity, { on: 'model', until: '1970-01-01T00:00:00.000Z' })
  const asked = agent.cancel({ reason: 'enough', by: 'a person' })
  t.match(await soon(asked, 'cancelled'), { killSignal: null })
  t.match(log(agent), /^supervised\n(begin\nend\n)+$/)
  t.match(notesOf(c, agent, 'result')[0]?.evidence?.said, {
    asked: { reason: 'cancelled', by: 'a person', message: 'enough', until: true },
  })
})

t.test('one that does not: SIGINT to its leader alone; what that leaves is asked to end', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: [fixture('says-what-interrupts-it.js')],
    ready: { line: /^child \d+/ },
    restart: ALWAYS,
  })
  await agent.ready
  remember(Number(/^child (\d+)$/m.exec(log(agent))?.[1]))
  t.match(await soon(agent.cancel(), 'cancelled'), { killSignal: 'SIGINT', killedGracefully: true })
  t.match(log(agent), /leader got SIGINT\nchild got SIGTERM\n$/)
  t.notMatch(log(agent), /child got SIGINT|leader got SIGTERM/)
  t.match(rungsOf(c, agent), [{ asked: 'cancel', through: 'signal', signalled: [{ where: 'leader' }] }])
  t.match(agent.record, { state: 'killed', reason: { kind: 'cancelled', by: 'user' } })
})

t.test('past its time the ladder is walked', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: ['sh', '-c', 'trap "" INT TERM; echo ready; while :; do sleep 0.02; done'],
    ready: { line: 'ready' },
    stop: [{ signal: 'SIGTERM', wait: 200 }],
    restart: ALWAYS,
  })
  await agent.ready
  const result = await soon(agent.cancel({ within: 300 }), 'cancelled')
  t.match(result, { killSignal: 'SIGKILL', killedGracefully: false, gracePeriodSeconds: 0.5 })
  t.match(
    rungsOf(c, agent).map((rung) => rung?.signal),
    ['SIGINT', 'SIGTERM'],
  )
  t.match(agent.record, { state: 'killed', reason: { kind: 'cancelled' }, exit: { signal: 'SIGKILL' } })
})

t.test('a stop does not wait for what a cancellation gave; the reason stays', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ ...STEPS, command: [fixture('works-in-steps.sh'), '1000'] })
  await agent.ready
  const cancelled = agent.cancel({ within: '1h' })
  await until(() => rungsOf(c, agent).length > 0 || null, { what: 'it was asked' })
  const stopped = soon(agent.stop({ by: 'someone else' }), 'stopped')
  t.match(await stopped, { action: 'graceful_kill', killSignal: 'SIGTERM' })
  t.match(await cancelled, { action: 'cancel', killSignal: 'SIGTERM' })
  t.match(agent.record.reason, { kind: 'cancelled', by: 'user' })
})

t.test('a task is cancelled, whichever end its agents come to; others go on', async (t) => {
  const file = join(temporaryFolder(t), 'agents.db')
  const c = await inlineCrew(t, { registry: sqliteRegistry(file) })
  const stopped = c.spawn({ command: FOREVER, task: 'A' })
  // Asked to end in some other way already, and in a backoff: both are of the task.
  const stopping = c.spawn({
    command: [fixture('sleeps-through-sigterm.sh')],
    ready: { line: 'ready' },
    task: 'B',
  })
  const waiting = c.spawn({
    command: ['false'],
    task: 'C',
    restart: { ...ALWAYS, backoff: { initial: '1h', max: '1h' } },
  })
  const other = c.spawn({ command: FOREVER, task: 'D' })
  await Promise.all([stopped.ready, stopping.ready, other.ready])
  await until(() => waiting.state === 'restarting' || null, { what: 'a backoff' })
  void stopping.stop({ grace: 1500 })
  await until(() => stopping.state === 'terminating' || null, { what: 'a stop' })
  const results = await soon(Promise.all(['A', 'B', 'C'].map((task) => c.cancel({ task }))), 'cancelled')
  t.match(results, [
    [{ action: 'cancel', killSignal: 'SIGINT' }],
    [{ action: 'cancel', killSignal: 'SIGKILL' }],
    [{ action: 'cancel', pid: null, killSignal: null, message: 'Agent cancelled while it had no process' }],
  ])
  t.equal(other.state, 'running')
  await refusal(() => c.cancel({ task: 'A' }), 'agent_not_found')
  await refusal(() => c.cancel({ lane: 'none' }), 'agent_not_found')
  await refusal(() => c.cancel('nobody'), 'agent_not_found')
  await refusal(() => c.cancel(other.id, { within: 'soon' }), 'invalid_spec')
  t.match(await soon(c.cancel({ all: true }, { within: 100 }), 'all'), [{ agentId: other.id }])
  await c.stop()
  const db = await openDatabase(file)
  const tasks = db.prepare('SELECT task_id, status FROM orchestrator_task ORDER BY task_id').all()
  db.close()
  t.same(
    tasks.map(({ task_id, status }) => `${task_id} ${status}`),
    ['A cancelled', 'B cancelled', 'C cancelled', 'D cancelled'],
  )
})

const READS: AgentSpec = { command: [fixture('repeats-stdin.sh')], stdin: 'open', restart: ALWAYS }

for (const launcher of [undefined, 'inline'] as const)
  t.test(`rungs of words and of their end, in the order given (${launcher ?? 'process'})`, async (t) => {
    const c = await crew(t, { launcher })
    const agent = c.spawn({
      ...READS,
      stop: [
        { input: 'finish\n', wait: 100 },
        { eof: true, wait: '20s' },
      ],
    })
    await agent.ready
    const sent = agent.send('before\n')
    const stopped = agent.stop()
    await sent
    t.match(await soon(stopped, 'stopped'), { killSignal: null, killedGracefully: true })
    t.equal(log(agent), 'got before\ngot finish\nend of input\n')
    t.match(rungsOf(c, agent), [
      { asked: 'input', through: 'stdin', waitMs: 100 },
      { asked: 'eof', through: 'stdin' },
    ])
  })

t.test('whoever sends to a stdin that the ladder has closed is told so', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ command: FOREVER, stdin: 'open', stop: [{ eof: true, wait: 400 }] })
  await agent.ready
  const stopped = agent.stop()
  await until(() => rungsOf(c, agent).length > 0 || null, { what: 'the end of its input' })
  t.match((await refusal(() => agent.send('more'), 'not_accepting_input')).message, /ladder has closed/)
  t.match(await soon(stopped, 'stopped'), { killSignal: 'SIGKILL' })
})

t.test('what stands in the place of a control file and is none is not written to: SIGINT', async (t) => {
  const c = await inlineCrew(t)
  const stranger = join(c.folder, 'stranger')
  for (const make of [
    'mkfifo "$REEVE_CONTROL"',
    `touch "$0"; ln -s "$0" "$REEVE_CONTROL"`,
    'mkdir "$REEVE_CONTROL"',
  ]) {
    const agent = c.spawn({
      command: ['sh', '-c', `${make}; echo ready; exec sleep 1000`, stranger],
      ready: { line: 'ready' },
    })
    await agent.ready
    t.match(await soon(agent.cancel(), make), { killSignal: 'SIGINT' }, make)
  }
  t.equal(readFileSync(stranger, 'utf8'), '')
})

t.test('a launcher that took over asks as the first would have', async (t) => {
  const c = await crew(t)
  const agent = c.spawn(STEPS)
  await agent.ready
  const launcher = await launcherOf(c)
  remember(launcher)
  process.kill(launcher, 'SIGKILL')
  t.match(await soon(agent.cancel(), 'cancelled'), { killSignal: null })
  t.match(log(agent), /begin\nend\n$/)
})

t.test('the supervisor is killed: the launcher alone asks, in the order of the ladder', async (t) => {
  const folder = temporaryFolder(t)
  const h = host(
    t,
    `
    const supervisor = await reeve.createSupervisor({ home: process.env.GIVEN })
    const cancel = supervisor.spawn({
      command: [FIXTURES + '/works-in-steps.sh', '0.2'], ready: { line: 'begin' }, stop: [{ cancel: true, wait: '20s' }],
    })
    const words = supervisor.spawn({
      command: [FIXTURES + '/repeats-stdin.sh'], stdin: 'open',
      stop: [{ input: 'finish\\n', wait: 100 }, { eof: true, wait: '20s' }],
    })
    await Promise.all([cancel.ready, words.ready])
    say('pids', cancel.pid, words.pid)
    say('logs', cancel.record.logFile, words.record.logFile)
  `,
    { GIVEN: join(folder, 'home') },
  )
  const pids = (await said(h, 'pids')).split(' ').map(Number)
  const [cancel = '', words = ''] = (await said(h, 'logs')).split(' ')
  remember(...pids)
  h.signal('SIGKILL')
  await untilDead(pids)
  t.match(readFileSync(cancel, 'utf8'), /begin\nend\n$/)
  t.equal(readFileSync(words, 'utf8'), 'got finish\nend of input\n')
})

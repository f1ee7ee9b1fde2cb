import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { crew, FOREVER, fixture, notesOf, nothingIsLeft, soon, statesOf, until } from '../support.ts'

nothingIsLeft(t)

t.test(
  '19. beats stop: stalling at the timeout; a beat: running; none: the ladder, reason stall, with evidence',
  async (t) => {
    const c = await crew(t)
    const quiet = join(c.folder, 'quiet')
    const agent = c.spawn({
      command: [fixture('beats-until.sh'), quiet],
      heartbeat: { timeout: 2000, grace: 1500, sources: ['report'], onStall: 'terminate' },
    })
    await agent.ready
    const heard: string[] = []
    agent.on('stalled', ({ to }) => heard.push(to))
    await pause(2500)
    t.equal(agent.state, 'running', 'it beats from outside, by its report file')
    writeFileSync(quiet, '')
    const began = performance.now()
    await until(() => agent.state === 'stalling' || null, { what: 'stalling' })
    t.ok(performance.now() - began >= 300, 'not before the timeout')
    t.match(agent.record.evidence, { limitMs: 2000 })
    t.ok((agent.record.evidence?.silentMs ?? 0) >= 2000)
    t.equal(agent.heartbeat(), true)
    t.equal(agent.state, 'running', 'a beat undoes it')
    t.match(agent.record.evidence, { silentMs: Number, limitMs: undefined }, 'how long it was silent')
    const record = await soon(agent.ended, 'ended')
    t.match(record, { state: 'killed', reason: { kind: 'stall', by: 'supervisor' } })
    t.match(record.evidence, { limitMs: 2000 })
    t.same(heard, ['stalling', 'stalling'])
    t.same(statesOf(c, agent).slice(2), [
      'running',
      'stalling',
      'running',
      'stalling',
      'terminating',
      'reaping',
      'killed',
    ])
    t.equal(agent.heartbeat(), false, 'a beat of the dead does not count')
  },
)

t.test('19. a stalled agent comes back by its policy, and its new life is watched anew', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: FOREVER,
    heartbeat: { timeout: 50, grace: 20, sources: ['report'], onStall: 'terminate' },
    restart: {
      policy: 'transient',
      backoff: { initial: 20, max: 20 },
      intensity: { restarts: 2, within: '1m' },
    },
  })
  const record = await soon(agent.ended, 'ended')
  t.match(record, { state: 'killed', incarnation: 3, reason: { kind: 'stall' } })
  t.equal(record.error?.code, 'restart_intensity_exceeded')
})

t.test(
  "20. onStall: 'report' marks and never kills; waiting holds the deadline, past maxWait it is stalled",
  async (t) => {
    const c = await crew(t)
    const reported = c.spawn({
      command: FOREVER,
      heartbeat: { timeout: 50, grace: 10, sources: ['report'] },
    })
    const waiting = c.spawn({
      command: [fixture('reports.sh'), '{"type":"waiting","on":"permission","message":"may I?"}'],
      heartbeat: { timeout: 2000, grace: 10, sources: ['report'], onStall: 'terminate', maxWait: 6000 },
    })
    await until(() => waiting.activity?.kind === 'waiting' || null, { what: 'waiting' })
    t.match(waiting.activity, { kind: 'waiting', on: 'permission', message: 'may I?' })
    await until(() => reported.state === 'stalling' || null, { what: 'stalling' })
    await pause(2500)
    t.equal(reported.state, 'stalling')
    t.match([waiting.state, waiting.activity?.kind], ['running', 'waiting'])
    t.match(await soon(waiting.ended, 'past maxWait'), { state: 'killed', reason: { kind: 'stall' } })
    t.equal(reported.state, 'stalling')
  },
)

t.test('one that asks for time does not stall before that is over, also when it had stalled', async (t) => {
  const c = await crew(t)
  const silent = { timeout: 100, sources: ['report'] } as const
  const patient = c.spawn({
    command: [fixture('reports.sh'), '{"type":"extend","by":"0s"}', '{"type":"extend","by":"1h"}'],
    heartbeat: silent,
  })
  const [note] = await until(
    () => notesOf(c, patient, 'extend').length > 0 && notesOf(c, patient, 'extend'),
    {
      what: 'it asks',
    },
  )
  t.match(note, { evidence: { extendMs: 3_600_000, extendedUntil: /^2/ }, reportOffset: Number })
  t.equal(patient.record.evidence?.extendedUntil, note?.evidence?.extendedUntil, 'its record shows it')
  const from = c.entriesSeen.length
  const other = c.spawn({ command: FOREVER, heartbeat: silent })
  await until(() => other.state === 'stalling', { what: 'the other stalls' })
  t.equal(other.heartbeat({ type: 'extend', by: '1h' }), true)
  t.match([other.state, patient.state], ['running', 'running'])
  const third = c.spawn({ command: FOREVER, heartbeat: silent })
  await until(() => third.state === 'stalling', { what: 'the third stalls' })
  const stalls = (agent: typeof other) =>
    c.entriesSeen.slice(from).filter(({ agentId, to }) => agentId === agent.id && to === 'stalling').length
  t.same([patient, other, third].map(stalls), [0, 1, 1])
  const { killedAgents } = await c.killStalled({ heartbeatTimeout: 1 })
  t.same(
    killedAgents.map(({ agentId }) => agentId),
    [third.id],
    'nor is it ended for its silence',
  )
  t.throws(() => patient.heartbeat({ type: 'extend', by: 'soon' }), { code: 'invalid_spec' })
})

t.test(
  'one that asks for time while it begins to run has that time; one that was not ready yet, until ready',
  async (t) => {
    const c = await crew(t)
    const heartbeat = { timeout: 100, sources: ['report'] } as const
    const atOnce = (name: string) => {
      c.on('transition', ({ agentId, to }) => {
        const agent = c.get(agentId)
        if (agent?.name === name && to === 'pre_starting') agent.heartbeat({ type: 'extend', by: '1h' })
      })
      return name
    }
    const running = c.spawn({ name: atOnce('running'), command: FOREVER, heartbeat })
    const waiting = c.spawn({ name: atOnce('waiting'), command: FOREVER, ready: { report: true }, heartbeat })
    const silent = c.spawn({ command: FOREVER, heartbeat })
    const states = ['spawning', 'pre_starting', 'running']
    const [note] = await until(
      () => notesOf(c, running, 'extend').length > 0 && notesOf(c, running, 'extend'),
      {
        what: 'it asks',
      },
    )
    t.match(note, { evidence: { extendMs: 3_600_000 } })
    await until(() => silent.state === 'stalling', { what: 'the silent one stalls' })
    t.same(statesOf(c, running), states)
    await until(() => notesOf(c, waiting, 'extend').length > 0, { what: 'the other asks' })
    t.equal(waiting.state, 'pre_starting')
    t.equal(waiting.heartbeat({ type: 'ready' }), true)
    await until(() => waiting.state === 'stalling', { what: 'ready, it has had its time' })
    t.same(statesOf(c, running), states)
  },
)

t.test('a report that undoes a stall counts as read once all that it says is told', async (t) => {
  const c = await crew(t)
  const says =
    'sleep 0.5; echo beat >> "$REEVE_REPORT"; sleep 0.5; echo \'{"type":"usage","turns":1}\' >> "$REEVE_REPORT"'
  const agent = c.spawn({
    command: ['sh', '-c', `${says}; exec sleep 1000`],
    heartbeat: { timeout: 50, sources: ['report'] },
  })
  await until(() => notesOf(c, agent, 'usage').length > 0, { what: 'its use' })
  const heard = c.entriesSeen.filter(({ event }) => event === 'heartbeat' || event === 'usage')
  // A supervisor that dies after the second leaves the third to its successor.
  t.same(
    heard.map(({ event, reportOffset }) => [event, reportOffset]),
    [
      ['heartbeat', 5],
      ['heartbeat', undefined],
      ['usage', 32],
    ],
  )
})

t.test('20. waiting until a moment: held until then, and no longer', async (t) => {
  const c = await crew(t)
  const until_ = new Date(Date.now() + 800).toISOString()
  const agent = c.spawn({ command: FOREVER, heartbeat: { timeout: 100, sources: ['report'] } })
  await soon(agent.ready, 'running')
  agent.heartbeat({ type: 'waiting', on: 'rate_limit', until: until_ })
  t.match(agent.activity, { kind: 'waiting', on: 'rate_limit', until: until_ })
  const from = c.entriesSeen.length
  const stalled = await until(
    () => c.entriesSeen.slice(from).find(({ to, event }) => to === 'stalling' && event === 'deadline'),
    { what: 'it stalls, for it was to go on' },
  )
  t.ok(Date.parse(stalled.at) >= Date.parse(until_), `${stalled.at} is not before ${until_}`)
})

t.test('output and CPU count as signs of life where the sources say so', async (t) => {
  const c = await crew(t)
  const writes = c.spawn({
    command: ['sh', '-c', 'while :; do echo .; sleep 0.1; done'],
    heartbeat: { timeout: 3000, sources: ['output'] },
  })
  const burns = c.spawn({
    command: ['sh', '-c', 'while sleep 0.1; do i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; done'],
    heartbeat: { timeout: 3000, sources: ['cpu'] },
  })
  const deaf = c.spawn({
    command: ['sh', '-c', 'while :; do echo .; sleep 0.1; done'],
    heartbeat: { timeout: 3000, sources: ['report'] },
  })
  await until(() => deaf.state === 'stalling' || null, { what: 'the deaf one stalls' })
  await pause(1500)
  for (const agent of [writes, burns]) {
    const told = c.entriesSeen.filter(({ agentId }) => agentId === agent.id)
    t.same(statesOf(c, agent), ['spawning', 'pre_starting', 'running'], { told, warnings: c.warnings })
  }
})

t.test('21. the event loop blocked for long: no agent stalls for it', async (t) => {
  const c = await crew(t)
  const agents = Array.from({ length: 5 }, () =>
    c.spawn({
      command: [fixture('beats-until.sh'), join(c.folder, 'never')],
      heartbeat: { timeout: 2000, grace: 400, sources: ['report'], onStall: 'terminate' },
    }),
  )
  await Promise.all(agents.map(({ ready }) => ready))
  for (let i = 0; i < 2; i += 1) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
    await pause(300)
  }
  for (const agent of agents) t.same(statesOf(c, agent), ['spawning', 'pre_starting', 'running'])
})

t.test('21. the event loop blocked while they wait to be heard: what they said in time counts', async (t) => {
  const c = await crew(t)
  const says = (word: string) => ['sh', '-c', `sleep 0.3; echo ${word} >> "$REEVE_REPORT"; exec sleep 1000`]
  const ready = c.spawn({ command: says('ready'), ready: { report: true, timeout: 1000 } })
  const asks = c.spawn({
    command: says('{\\"type\\":\\"extend\\",\\"by\\":\\"1h\\"}'),
    ready: { report: true, timeout: 1000 },
  })
  const beats = c.spawn({
    command: says('beat'),
    heartbeat: { timeout: 50, grace: 1000, sources: ['report'], onStall: 'terminate' },
  })
  const stops = c.spawn({ command: FOREVER, stop: [{ signal: 'SIGTERM', wait: 200 }] })
  await until(() => beats.state === 'stalling', { what: 'it is silent at first' })
  await Promise.all([stops.ready, until(() => asks.state === 'pre_starting', { what: 'it begins' })])
  const stopped = stops.stop()
  // Behind what is to be read: timers come next.
  await new Promise((resolve) => setImmediate(resolve))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
  t.match(await stopped, { killedGracefully: true })
  await until(() => notesOf(c, asks, 'extend').length > 0, { what: 'it asks' })
  await soon(ready.ready, 'ready')
  t.equal(asks.state, 'pre_starting')
  const told = await until(() => statesOf(c, beats).length > 4 && statesOf(c, beats), { what: 'it is heard' })
  t.same(told.slice(0, 5), ['spawning', 'pre_starting', 'running', 'stalling', 'running'])
})

t.test('21. the wall clock set back an hour, then forward two: nothing fires, nothing is late', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: FOREVER,
    heartbeat: { timeout: 3000, sources: ['report', 'output', 'cpu'] },
    ttl: '20s',
  })
  await agent.ready
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  const began = performance.now()
  Date.now = () => now() - 3_600_000
  await pause(250)
  t.equal(agent.state, 'running')
  Date.now = () => now() + 3_600_000
  await pause(150)
  t.equal(agent.state, 'running')
  await until(() => agent.state === 'stalling' || null, { what: 'stalling' })
  const tookMs = performance.now() - began
  t.ok(tookMs > 500, `not early: ${tookMs}`)
})

t.test('beats from anyone who holds the root actor count; of unknown agents they harm nobody', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({ command: FOREVER, heartbeat: { timeout: 100, sources: ['report'] } })
  await until(() => agent.state === 'stalling' || null, { what: 'stalling' })
  c.actor.send({ type: 'HEARTBEAT', agentId: 'nobody' })
  t.equal(agent.state, 'stalling')
  c.actor.send({ type: 'HEARTBEAT', agentId: agent.id })
  t.equal(agent.state, 'running')
  c.actor.send({ type: 'EXITED', agentId: agent.id, exit: { code: 0, signal: null } })
  t.match(await soon(agent.ended, 'ended'), { state: 'completed' })
  c.actor.send({ type: 'HEARTBEAT', agentId: agent.id })
  c.actor.send({ type: 'EXITED', agentId: agent.id, exit: { code: 0, signal: null } })
  t.equal(statesOf(c, agent).filter((state) => state === 'completed').length, 1)
})

t.test('a stopped (SIGSTOP) agent stalls, and SIGCONT brings it back', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({
    command: [fixture('beats-until.sh'), join(c.folder, 'never')],
    heartbeat: { timeout: 300, sources: ['report', 'output', 'cpu'] },
  })
  await agent.ready
  process.kill(-(agent.pid as number), 'SIGSTOP')
  await until(() => agent.state === 'stalling' || null, { what: 'stalling' })
  process.kill(-(agent.pid as number), 'SIGCONT')
  await until(() => agent.state === 'running' || null, { what: 'running again' })
  t.equal(existsSync(agent.record.logFile), true)
  t.equal(notesOf(c, agent, 'rung').length, 0)
})

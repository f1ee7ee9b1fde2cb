import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  linkSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Agent, AgentSpec } from '../../src/index.ts'
import { type Crew, FOREVER, fixture, inlineCrew, notesOf, nothingIsLeft, soon, until } from '../support.ts'

nothingIsLeft(t)

const reportOf = (c: Crew, agent: Agent) => join(c.home, 'reports', `${agent.id}.${agent.incarnation}`)
const HEARS: AgentSpec['heartbeat'] = { timeout: '1m', sources: ['report'] }

/** Another agent still hears and is heard, soon. */
async function othersAreHeard(c: Crew): Promise<void> {
  const other = c.spawn({
    command: [fixture('reports.sh'), 'ready', 'idle'],
    ready: { report: true },
    heartbeat: HEARS,
  })
  await soon(other.ready, 'another agent is ready')
  await until(() => other.activity?.kind === 'idle' || null, { what: 'idle' })
  await other.kill()
}

t.test('22. malformed lines, half lines and binary are passed over; what is well said counts', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ command: FOREVER, heartbeat: HEARS })
  await agent.ready
  const file = reportOf(c, agent)
  for (const line of [
    'rady',
    '{"type":"waiting"',
    '{"type":"waiting","on":"godot"}',
    '[]',
    'null',
    '{"type":"__proto__"}',
    '{"type":"usage","turns":-1,"tokens":"many","usd":1e999}',
    '\u0000\u0001\u0002\u00ff',
    '{"__proto__":{"type":"ready"}}',
    '',
    '   ',
  ])
    appendFileSync(file, `${line}\n`)
  appendFileSync(file, Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256)))
  appendFileSync(file, '\n{"type":"usage","turns":1,"tokens":10,"usd":0.5}\n{"type":"usa')
  await until(() => agent.record.usage || null, { what: 'usage' })
  appendFileSync(file, 'ge","turns":2,"tokens":5}\nidle\n')
  await until(() => agent.activity?.kind === 'idle' || null, { what: 'idle' })
  t.same(agent.record.usage, { turns: 3, tokens: 15, usd: 0.5 })
  t.equal(agent.state, 'running')
  await othersAreHeard(c)
})

t.test('22. a flood of 100 MB is bounded, others are heard meanwhile, the last word counts', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: [
      'sh',
      '-c',
      'yes \'{"type":"beat"}\' | head -c 100000000 >> "$REEVE_REPORT"; echo idle >> "$REEVE_REPORT"; exec sleep 1000',
    ],
    heartbeat: HEARS,
  })
  await agent.ready
  const before = process.memoryUsage().rss
  await othersAreHeard(c)
  await until(() => agent.activity?.kind === 'idle' || null, { what: 'the last word', timeoutMs: 15_000 })
  t.ok(process.memoryUsage().rss - before < 150e6, 'memory is bounded')
  await soon(agent.stop(), 'stopped')
})

t.test(
  '22. a line of 20 MB, a deleted file, a truncated and a replaced one: none harms another',
  async (t) => {
    const c = await inlineCrew(t)
    const spawn = async () => {
      const agent = c.spawn({ command: FOREVER, heartbeat: HEARS })
      await agent.ready
      return agent
    }
    const [long, deleted, truncated, replaced] = [await spawn(), await spawn(), await spawn(), await spawn()]
    appendFileSync(reportOf(c, long), `${'x'.repeat(20e6)}\nidle\n`)
    rmSync(reportOf(c, deleted))
    appendFileSync(reportOf(c, truncated), `${'beat\n'.repeat(100)}`)
    truncateSync(reportOf(c, truncated), 0)
    appendFileSync(reportOf(c, truncated), 'idle\n')
    rmSync(reportOf(c, replaced))
    writeFileSync(reportOf(c, replaced), 'idle\n', { mode: 0o600 })
    for (const agent of [long, truncated, replaced])
      await until(() => agent.activity?.kind === 'idle' || null, { what: 'idle' })
    t.equal(deleted.state, 'running')
    t.equal(deleted.heartbeat('idle'), true)
    t.equal(deleted.activity?.kind, 'idle')
    await othersAreHeard(c)
  },
)

t.test(
  '22. a report file turned into a link, a second link, a FIFO, a folder: report_rejected, not read, nobody hangs',
  async (t) => {
    const c = await inlineCrew(t)
    const secret = join(c.folder, 'secret')
    writeFileSync(secret, 'idle\n', { mode: 0o600 })
    const attacks: Record<string, (file: string) => void> = {
      symlink: (file) => symlinkSync(secret, file),
      hardlink: (file) => linkSync(secret, file),
      fifo: (file) => void execFileSync('mkfifo', ['-m', '600', file]),
      folder: (file) => void execFileSync('mkdir', [file]),
      device: (file) => symlinkSync('/dev/zero', file),
    }
    for (const [what, attack] of Object.entries(attacks)) {
      const agent = c.spawn({ name: what, command: FOREVER, heartbeat: HEARS })
      await agent.ready
      const file = reportOf(c, agent)
      rmSync(file)
      attack(file)
      await until(() => notesOf(c, agent, 'report_rejected').length > 0 || null, {
        what: `${what} is rejected`,
      })
      t.equal(agent.activity?.kind, 'working', what)
      await othersAreHeard(c)
      await soon(agent.stop(), 'stopped')
    }
    t.same(readdirSync(join(c.home, 'reports')), [], 'nothing of it is left')
  },
)

t.test('what an agent says in its last moment is said before its exit', async (t) => {
  const c = await inlineCrew(t)
  for (let i = 0; i < 10; i += 1) {
    const agent = c.spawn({
      command: [
        'sh',
        '-c',
        'echo \'{"type":"usage","tokens":7}\' >> "$REEVE_REPORT"; echo \'{"type":"result","value":{"ok":1}}\' >> "$REEVE_REPORT"',
      ],
    })
    const record = await agent.ended
    t.same(record.usage, { turns: 0, tokens: 7, usd: 0 })
    t.match(notesOf(c, agent, 'result'), [{ evidence: { said: { ok: 1 } } }])
    const events = c.entriesSeen.filter(({ agentId }) => agentId === agent.id).map(({ event }) => event)
    t.ok(events.indexOf('usage') < events.indexOf('exit'))
  }
})

t.test('usage adds up over all lives, and a report from within counts as one from the file', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ command: [fixture('reports.sh'), '{"type":"usage","turns":1,"usd":0.25}', 'idle'] })
  await until(() => agent.activity?.kind === 'idle' || null, { what: 'idle' })
  await agent.restart()
  await until(() => agent.record.usage?.turns === 2 || null, { what: 'two turns' })
  agent.heartbeat({ type: 'usage', tokens: 3 })
  t.same(agent.record.usage, { turns: 2, tokens: 3, usd: 0.5 })
  t.throws(() => agent.heartbeat({ type: 'waiting' }), { code: 'invalid_spec' })
  t.throws(() => agent.heartbeat('nonsense'), { code: 'invalid_spec' })
  t.throws(() => agent.heartbeat(7), { code: 'invalid_spec' })
})

t.test('the last word counts also without a newline', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({
    command: ['sh', '-c', 'printf \'{"type":"result","value":42}\' >> "$REEVE_REPORT"'],
  })
  await agent.ended
  t.match(notesOf(c, agent, 'result'), [{ evidence: { said: 42 } }])
})

t.test('a usage beyond all reason does not spoil the sums', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ command: FOREVER, heartbeat: HEARS })
  await agent.ready
  for (const turns of ['1e308', '1e308', '1'])
    appendFileSync(reportOf(c, agent), `{"type":"usage","turns":${turns}}\n`)
  await until(() => agent.record.usage || null, { what: 'usage' })
  appendFileSync(reportOf(c, agent), 'idle\n')
  await until(() => agent.activity?.kind === 'idle' || null, { what: 'idle' })
  t.ok(Number.isSafeInteger(agent.record.usage?.turns), String(agent.record.usage?.turns))
})

t.test('what was said by one that nobody knew to have begun counts, once, before its end', async (t) => {
  const c = await inlineCrew(t)
  const lost = c.spawn({ command: ['/does/not/exist'] })
  appendFileSync(reportOf(c, lost), '{"type":"usage","turns":2,"tokens":30}\nready\nidle\n')
  const { state, usage, error } = await soon(lost.ended, 'its end')
  t.equal(error?.code, 'spawn_failed')
  t.same({ state, usage }, { state: 'crashed', usage: { turns: 2, tokens: 30, usd: 0 } })
  t.equal(notesOf(c, lost, 'usage').length, 1)
})

/** What is kept of an agent for a successor, and that nothing of it is lost or made up. */
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { groupSpecOf } from '../src/group-spec.ts'
import { baseOf, planOf } from '../src/plan.ts'
import type { AgentSpec } from '../src/spec.ts'
import { type KeptSpec, SpecFile } from '../src/specs.ts'
import { planOfStored, storedSpec } from '../src/stored-spec.ts'

const kept = (id: string, spec: unknown = { x: 1 }): KeptSpec => ({
  id,
  seed: `seed of ${id}`,
  spec,
  given: '{}',
})
const opened = (dir: string, supervisorId: string) => {
  const troubles: string[] = []
  return { file: new SpecFile({ dir, supervisorId, trouble: (message) => troubles.push(message) }), troubles }
}

t.test('a successor has the specs of those that have not ended, and they are in its own file', async (t) => {
  const dir = t.testdir()
  const { file } = opened(dir, 'first')
  for (const id of ['a', 'b', 'c']) file.keep(kept(id))
  file.drop('b')
  file.keep(kept('a', { x: 2 }))
  t.equal(fs.statSync(path.join(dir, 'first.ndjson')).mode & 0o777, 0o600)
  // Killed while it wrote, and while it wrote anew.
  fs.appendFileSync(path.join(dir, 'first.ndjson'), '{"add":{"id":"torn"')
  fs.writeFileSync(path.join(dir, 'first.ndjson.new'), '{"add":{"id":"no","seed":"s"}}\n')
  const { file: second, troubles } = opened(dir, 'second')
  t.same([...second.left.values()], [kept('c'), kept('a', { x: 2 })])
  t.same(fs.readdirSync(dir), ['second.ndjson'])
  t.same(troubles, [])
  second.drop('a')
  second.close()
  const { file: third } = opened(dir, 'third')
  t.same([...third.left.keys()], ['c'])
  third.drop('c')
  third.close()
  t.same(fs.readdirSync(dir), [], 'nothing is left of nobody')
  file.close()
})

t.test(
  'a successor has the groups that are open, each after the one around it, as they were opened last',
  async (t) => {
    const dir = t.testdir()
    const { file } = opened(dir, 'first')
    const group = (path: string, strategy: 'one_for_one' | 'one_for_all' = 'one_for_one') => ({
      spec: groupSpecOf(path, 1, { strategy, restart: 'temporary' }, undefined),
    })
    for (const path of ['crew', 'crew/inner', 'over', 'a']) file.keepGroup(group(path))
    file.dropGroup('over')
    file.keepGroup({ ...group('crew', 'one_for_all'), ending: { kind: 'user', by: 'me' } })
    const { size } = fs.statSync(path.join(dir, 'first.ndjson'))
    file.keepGroup(group('crew/inner'))
    t.equal(
      fs.statSync(path.join(dir, 'first.ndjson')).size,
      size,
      'what stands there already is not written again',
    )
    // An agent may be called as a group is.
    file.keep(kept('a'))
    file.dropGroup('a')
    fs.appendFileSync(path.join(dir, 'first.ndjson'), '{"open":{}}\n')
    const { file: second, troubles } = opened(dir, 'second')
    t.same(
      [...second.leftGroups.values()],
      [{ ...group('crew', 'one_for_all'), ending: { kind: 'user', by: 'me' } }, group('crew/inner')],
    )
    t.same([...second.left.keys()], ['a'])
    t.match(troubles, [/cannot be read in line 9/])
    for (let i = 0; i < 10_000; i += 1) {
      file.keepGroup(group(`unique-${i}`))
      file.dropGroup(`unique-${i}`)
    }
    t.ok(
      fs.statSync(path.join(dir, 'second.ndjson')).size < 2 * 1024 * 1024,
      'it does not grow with those that come and go',
    )
    second.drop('a')
    second.dropGroup('crew')
    second.dropGroup('crew/inner')
    second.close()
    t.notOk(fs.existsSync(path.join(dir, 'second.ndjson')))
    file.close()
  },
)

t.test('a line that cannot be read is told, and harms no other', async (t) => {
  const dir = t.testdir({
    'x.ndjson': `${JSON.stringify({ add: kept('a') })}\nnot json\n${JSON.stringify({ add: kept('b') })}\n`,
  })
  const { file, troubles } = opened(dir, 'next')
  t.same([...file.left.keys()], ['a', 'b'])
  t.match(troubles, [/line 2/])
  file.close()
})

t.test('the file does not grow with agents that come and go', async (t) => {
  const dir = t.testdir()
  const { file } = opened(dir, 'busy')
  file.keep(kept('stays'))
  const long = 'x'.repeat(10_000)
  for (let i = 0; i < 500; i += 1) {
    file.keep(kept(`agent-${i}`, long))
    file.drop(`agent-${i}`)
  }
  t.ok(fs.statSync(path.join(dir, 'busy.ndjson')).size < 2 * 1024 * 1024)
  const { file: next } = opened(dir, 'next')
  t.same([...next.left.keys()], ['stays'])
  next.close()
  file.close()
})

t.test('a spec comes back as the plan that it was, functions aside', async (t) => {
  const spec: AgentSpec = {
    command: ['agent', '-x'],
    name: 'coder',
    env: { TOKEN: 'secret', GONE: null },
    ready: { line: /up on (\d+)$/i, timeout: '5s' },
    heartbeat: false,
    stop: [{ signal: 'SIGINT', wait: '1s' }],
    restart: { policy: 'transient', intensity: false },
    ttl: '1h',
    labels: { team: 'a' },
    stdin: 'open',
    cleanup: [() => {}],
    onSupervisorDeath: 'adopt',
  }
  const plan = planOf(spec, baseOf({ killWait: '9s' }), '/work')
  const stored = JSON.parse(JSON.stringify(storedSpec(plan)))
  const {
    cleanup,
    cleanupLost,
    whole: _,
    ...back
  } = planOfStored({ ...kept(plan.id, stored), given: plan.given })
  const { cleanup: hooks, cleanupLost: none, whole: __, ...before } = plan
  t.same([hooks.length, none, cleanup.length, cleanupLost], [1, 0, 0, 1])
  t.same(
    { ...back, life: { ...back.life, cleanupLimitMs: 0 } },
    { ...before, life: { ...before.life, cleanupLimitMs: 0 } },
  )
  t.throws(() => planOfStored(kept('x', { spec: { command: 'not an argv' }, cleanupLost: 0 })), {
    code: 'invalid_spec',
  })
})

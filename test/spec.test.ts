/** What a caller may ask for, and what is said when it may not be. */
import { runInNewContext, runInThisContext } from 'node:vm'
import t from 'tap'
import { specToWire } from '../src/client/spec.ts'
import { durationMs } from '../src/duration.ts'
import { ReeveError } from '../src/errors.ts'
import type { GroupOptions } from '../src/group-options.ts'
import { groupSpecOf } from '../src/group-spec.ts'
import { baseOf, planOf } from '../src/plan.ts'
import type { AgentDefaults, AgentSpec } from '../src/spec.ts'

const plan = (spec: object, defaults: AgentDefaults = {}) =>
  planOf({ command: ['agent'], ...spec } as AgentSpec, baseOf(defaults), '/work')

const group = (options: GroupOptions) => groupSpecOf('crew', 0, options, undefined)

const refusal = (spec: unknown): ReeveError => {
  try {
    planOf(spec as AgentSpec, baseOf({}), '/work')
  } catch (error) {
    return error as ReeveError
  }
  throw new Error(`it was taken: ${JSON.stringify(spec)}`)
}

t.test('within an agent the environment is handed on without the words that name that agent', async (t) => {
  process.env.REEVE_AGENT_ID = 'outer'
  t.teardown(() => delete process.env.REEVE_AGENT_ID)
  for (const env of [process.env, { ...process.env }] as Record<string, string>[]) {
    const { PATH, ...rest } = plan({ env }).env
    t.equal(PATH, process.env.PATH)
    t.notOk('REEVE_AGENT_ID' in rest)
    t.notOk('REEVE_AGENT_ID' in plan({}, { env }).env, 'as a default, too')
    const { env: sent } = specToWire({ command: ['x'], env }) as { env: object }
    t.notOk('REEVE_AGENT_ID' in sent, 'on its way to a daemon, too')
  }
  t.equal(refusal({ command: ['x'], env: { REEVE_AGENT_ID: 'mine' } }).field, 'env.REEVE_AGENT_ID')
  t.equal(refusal({ command: ['x'], env: new Map([['A', '1']]) }).field, 'env')
  t.equal(refusal({ command: ['x'], env: ['A=1'] }).field, 'env')
})

t.test(
  'a spec written at a prompt, whose literals are of a realm of their own, is one like any other',
  async (t) => {
    const written = `({ command: ['x'], id: 'a', name: 'a', heartbeat: { timeout: '1s' }, ready: { line: /^up/i },
    restart: { policy: 'transient', backoff: { initial: 5 } }, output: { keep: 1 }, env: { A: '1' }, labels: { a: 'b' } })`
    const here = runInThisContext(written)
    const there = runInNewContext(written)
    const { ready, given, whole, ...rest } = plan(there)
    const { ready: _, given: same, whole: __, ...expected } = plan(here)
    t.same(rest, expected)
    t.equal(given, same)
    t.match(ready, { line: { source: '^up', flags: 'i' } })
    t.same(specToWire(there), specToWire(here), 'on its way to a daemon, too')
    t.match(
      plan(
        {},
        runInNewContext("({ restart: { policy: 'permanent' }, heartbeat: { onStall: 'terminate' } })"),
      ),
      {
        restart: { type: 'permanent', backoff: { initialMs: 1_000 } },
        life: { onStall: 'terminate', stallGraceMs: 30_000 },
      },
    )
    t.same(group(runInNewContext('({ intensity: { restarts: 1 } })')), group({ intensity: { restarts: 1 } }))
  },
)

t.test('the defaults are those of the table', async (t) => {
  const { id, name, ...rest } = plan({ command: ['/usr/bin/claude', '-p', 'x'] })
  t.match(id, /^[A-Za-z0-9]{21}$/)
  t.equal(name, `claude-${id.slice(0, 6)}`)
  t.match(rest, {
    cwd: '/work',
    ready: 'spawned',
    heartbeat: { timeoutMs: 120_000, maxWaitMs: 86_400_000, sources: ['report', 'output', 'cpu'] },
    life: {
      spawnTimeoutMs: 10_000,
      readyAtSpawn: true,
      readyTimeoutMs: 30_000,
      onStall: 'report',
      stallGraceMs: 30_000,
      rungs: [{ signal: 'SIGTERM', waitMs: 10_000 }],
      killWaitMs: 5_000,
      cleanupLimitMs: null,
      exitCodes: [0],
    },
    restart: {
      type: 'temporary',
      backoff: { initialMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0.2, resetAfterMs: 60_000 },
      intensity: { restarts: 5, withinMs: 60_000 },
    },
    ttlMs: null,
    budget: null,
    stdin: 'closed',
    logLimits: { maxBytes: 10 * 1024 * 1024, keep: 3 },
    cleanupTimeoutMs: 30_000,
    detachOk: false,
  })
})

t.test('durations: milliseconds, or text as `ms` reads it; never negative', async (t) => {
  for (const [given, ms] of [
    [0, 0],
    [1500, 1500],
    ['90s', 90_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ] as const)
    t.equal(durationMs(given, 'x'), ms, String(given))
  for (const given of ['soon', '', ' ', '-5s', -1, Number.NaN, Number.POSITIVE_INFINITY, 'x'.repeat(200)])
    t.throws(() => durationMs(given, 'grace'), { code: 'invalid_spec', field: 'grace' }, String(given))
})

t.test('sizes: bytes, or text in units of 1024', async (t) => {
  for (const [given, bytes] of [
    [65_536, 65_536],
    [1e6 + 0.5, 1e6],
    ['64kb', 65_536],
    ['100000', 100_000],
    ['100000b', 100_000],
    ['10mb', 10 * 1024 ** 2],
    [' 1.5 MB ', 1.5 * 1024 ** 2],
    ['2GB', 2 * 1024 ** 3],
    ['1tb', 1024 ** 4],
  ] as const)
    t.same(plan({ output: { maxSize: given } }).logLimits, { maxBytes: bytes, keep: 3 }, String(given))
  for (const maxSize of [
    '',
    ' ',
    'mb',
    '-1mb',
    '1e9',
    '1pb',
    '99999999tb',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
  ])
    t.match(refusal({ command: ['x'], output: { maxSize } }), {
      field: 'output.maxSize',
      message: /is not a size/,
    })
  t.same(plan({ output: { keep: 0 } }, { output: { maxSize: '1mb' } }).logLimits, {
    maxBytes: 1024 ** 2,
    keep: 0,
  })
})

t.test("a supervisor's defaults are laid under the spec, key by key", async (t) => {
  const defaults: AgentDefaults = {
    heartbeat: { timeout: '5s', onStall: 'terminate' },
    restart: { policy: 'permanent', backoff: { initial: '2s' } },
    env: { A: '1', B: '2' },
    labels: { team: 'x' },
    stop: [{ signal: 'SIGINT', wait: '1s' }],
    ready: { report: true, timeout: '7s' },
  }
  const made = plan(
    { heartbeat: { timeout: '9s' }, restart: 'transient', env: { B: null }, labels: { role: 'y' } },
    defaults,
  )
  t.match(made.heartbeat, { timeoutMs: 9_000, maxWaitMs: 86_400_000 })
  t.equal(made.life.onStall, 'terminate')
  t.match(made.restart, { type: 'transient', backoff: { initialMs: 2_000, factor: 2 } })
  t.same(made.env, { A: '1', B: null })
  t.same(made.labels, { team: 'x', role: 'y' })
  t.same(made.life.rungs, [{ signal: 'SIGINT', waitMs: 1_000 }])
  t.equal(made.life.readyTimeoutMs, 7_000)
  const line = plan({ ready: { line: 'up' } }, defaults)
  t.same(line.ready, { line: 'up' }, 'what makes ready is one choice, never a mixture')
  t.equal(plan({ heartbeat: false }, defaults).heartbeat, null)
  t.equal(plan({ heartbeat: { timeout: '1s' } }, { heartbeat: false }).heartbeat?.timeoutMs, 1_000)
  t.throws(() => baseOf({ command: ['x'] } as AgentDefaults), {
    code: 'invalid_spec',
    field: 'command',
  })
  t.throws(() => baseOf({ ttl: 'soon' }), { code: 'invalid_spec', field: 'defaults.ttl' })
})

t.test('bad input gets an error that names the field, the value and the way out', async (t) => {
  const c = { command: ['x'] }
  const table: [spec: unknown, field: string, message: RegExp][] = [
    [{ command: 'claude -p x' }, 'command', /"claude -p x" is not an argv.*\["node", "agent.js"\].*no shell/],
    [{ command: [] }, 'command', /at least the program/],
    [{ command: [''] }, 'command', /name a program/],
    [{ command: ['a\0b'] }, 'command.0', /no NUL/],
    [{}, 'command', /not an argv/],
    [null, 'spec', /./],
    [{ ...c, id: 'a.b' }, 'id', /\^\[A-Za-z0-9_-\]\{1,64\}\$.*"a\.b"/],
    [{ ...c, name: 'a\nb' }, 'name', /control characters/],
    [{ ...c, name: '' }, 'name', /between 1 and 128/],
    [{ ...c, name: 'x'.repeat(129) }, 'name', /between 1 and 128/],
    [
      { ...c, ttl: 'soon' },
      'ttl',
      /^ttl: "soon" is not a duration\. Write a number of milliseconds, or text like "90s"/,
    ],
    [{ ...c, ttl: 0 }, 'ttl', /more than 0/],
    [{ ...c, ttl: 1n }, 'ttl', /1n/],
    [{ ...c, heartbeat: { timout: 1 } }, 'heartbeat.timout', /no such field in heartbeat/],
    [{ ...c, heartbeat: true }, 'heartbeat', /false, or \{timeout/],
    [{ ...c, heartbeat: { sources: ['disk'] } }, 'heartbeat.sources.0', /"report"/],
    [{ ...c, restart: 'always' }, 'restart', /"permanent".*"always"/],
    [{ ...c, restart: { intensity: true } }, 'restart.intensity', /false, or \{restarts/],
    [{ ...c, restart: { backoff: { jitter: 2 } } }, 'restart.backoff.jitter', /2/],
    [{ ...c, ready: 'later' }, 'ready', /"spawned", \{report: true\}/],
    [{ ...c, ready: { report: true, line: 'x' } }, 'ready', /exactly one of/],
    [{ ...c, stop: [{ signal: 'SIGFOO', wait: 1 }] }, 'stop.0.signal', /"SIGFOO" is no signal/],
    [{ ...c, stop: [{ signal: 'SIGKILL', wait: 1 }] }, 'stop.0.signal', /SIGKILL always follows/],
    [{ ...c, env: { REEVE_HOME: 'secret' } }, 'env.REEVE_HOME', /REEVE_\* are Reeve's own/],
    [{ ...c, env: { 'A=B': 'secret' } }, 'env.A=B', /holds no "="/],
    [{ ...c, env: { A: 1 } }, 'env.A', /text, or null/],
    [{ ...c, exitCodes: [256] }, 'exitCodes.0', /256/],
    [
      { ...c, output: { maxSize: 'big' } },
      'output.maxSize',
      /"big" is not a size\. Write a number of bytes, or text like "512kb"/,
    ],
    [{ ...c, output: { maxSize: '10m' } }, 'output.maxSize', /"10m" is not a size/],
    [{ ...c, output: { maxSize: 0 } }, 'output.maxSize', /0 is less than 64 KiB/],
    [{ ...c, output: { maxSize: '63kb' } }, 'output.maxSize', /"63kb" is less than 64 KiB/],
    [{ ...c, output: { maxSize: true } }, 'output.maxSize', /true is not a size/],
    [{ ...c, output: { keep: 1.5 } }, 'output.keep', /whole number from 0 to 100.*1\.5/],
    [{ ...c, output: { keep: -1 } }, 'output.keep', /whole number from 0 to 100.*-1/],
    [{ ...c, output: { keep: '3' } }, 'output.keep', /whole number from 0 to 100.*"3"/],
    [{ ...c, output: { size: 1 } }, 'output.size', /no such field in output/],
    [{ ...c, cleanup: ['rm'] }, 'cleanup.0', /"rm" is no clean-up hook/],
    [{ ...c, colour: 'red' }, 'colour', /no such field in spec/],
  ]
  for (const [spec, field, message] of table) {
    const error = refusal(spec)
    t.type(error, ReeveError)
    t.match(error, { code: 'invalid_spec', field, message })
    t.notMatch(error.message, /secret/, 'a value of env is never shown')
  }
})

/** Every refusal names the field, the value, and the way out; what is not known is refused, never ignored. */
import { join } from 'node:path'
import t from 'tap'
import { type AgentSpec, createSupervisor } from '../../src/index.ts'
import { FOREVER, inlineCrew, nothingIsLeft, refusal, temporaryFolder } from '../support.ts'

nothingIsLeft(t)

const SPECS: readonly (readonly [spec: unknown, field: string, message: RegExp])[] = [
  [{ command: 'ls -l' }, 'command', /"ls -l" is not an argv\. Write an array/],
  [{}, 'command', /Write an array/],
  [{ command: [] }, 'command', /at least the program/],
  [{ command: [''] }, 'command', /must name a program/],
  [{ command: ['a\0b'] }, 'command.0', /NUL/],
  [{ nam: 'x' }, 'nam', /no such field in spec/],
  [{ name: '' }, 'name', /between 1 and 128 characters/],
  [{ id: 'a/b' }, 'id', /\^\[A-Za-z0-9_-\]\{1,64\}\$.*"a\/b"/],
  [{ env: { REEVE_LIFE: 'secret' } }, 'env.REEVE_LIFE', /REEVE_\* are Reeve's own/],
  [{ env: { 'A=B': 'secret' } }, 'env.A=B', /holds no "="/],
  [{ env: { TOKEN: 12345 } }, 'env.TOKEN', /text, or null/],
  [{ heartbeat: true }, 'heartbeat', /false, or \{timeout/],
  [
    { heartbeat: { timeout: 'soon' } },
    'heartbeat.timeout',
    /"soon" is not a duration\. Write a number of milliseconds, or text like/,
  ],
  [{ heartbeat: { timeout: -1 } }, 'heartbeat.timeout', /-1 is not a duration/],
  [{ heartbeat: { sources: ['guess'] } }, 'heartbeat.sources.0', /"report", "output", "cpu".*"guess"/],
  [{ stop: [{ signal: 'SIGKILL', wait: 1 }] }, 'stop.0.signal', /SIGKILL always follows/],
  [
    { stop: [{ signal: 'TERM', wait: 1 }] },
    'stop.0.signal',
    /"TERM" is no signal of this system\. Write one like "SIGTERM"/,
  ],
  [{ stop: [{ cancel: false, wait: 1 }] }, 'stop.0.cancel', /true, or left out/],
  [{ stop: [{ cancel: true, eof: true, wait: 1 }] }, 'stop.0', /exactly one of/],
  [{ stop: [{ wait: 1 }] }, 'stop.0', /exactly one of/],
  [{ stop: [{ input: '', wait: 1 }], stdin: 'open' }, 'stop.0.input', /between 1 and 4096/],
  [
    {
      stop: [
        { signal: 'SIGINT', wait: 1 },
        { input: 'q', wait: 1 },
      ],
    },
    'stop.1.input',
    /stdin: "open"/,
  ],
  [{ stop: [{ eof: true, wait: 1 }] }, 'stop.0.eof', /stdin: "open"/],
  [{ restart: 'always' }, 'restart', /"permanent".*"transient".*"temporary".*"always"/],
  [{ restart: { polcy: 'permanent' } }, 'restart.polcy', /no such field in restart/],
  [{ ready: 'later' }, 'ready', /"spawned".*\{report: true\}.*"later"/],
  [{ ready: { report: true, line: 'x' } }, 'ready', /exactly one of/],
  [{ ready: { port: 80, http: 'http://127.0.0.1/' } }, 'ready', /exactly one of/],
  [{ ready: { port: 65_536 } }, 'ready.port', /from 1 to 65535.*65536/],
  [{ ready: { port: { host: 'localhost' } } }, 'ready.port.port', /must be a port/],
  [
    { ready: { http: 'ftp://127.0.0.1/' } },
    'ready.http',
    /"ftp:\/\/127.0.0.1\/" is no address\. Write one like/,
  ],
  [{ ready: { http: { url: 'http://127.0.0.1/', evry: 1 } } }, 'ready.http.evry', /no such field/],
  [{ ready: { exec: 'pg_isready' } }, 'ready.exec', /must be an argv like/],
  [{ liveness: { failures: 3 } }, 'liveness', /exactly one of/],
  [{ liveness: { port: 80, failures: 0 } }, 'liveness.failures', /from 1 to 1000/],
  [{ exitCodes: [256] }, 'exitCodes.0', /255.*256/],
  [{ ttl: 0 }, 'ttl', /more than 0/],
  [{ ttl: 1n }, 'ttl', /is not a duration/],
  [{ cleanupTimeout: 0 }, 'cleanupTimeout', /more than 0/],
  [
    { cleanup: ['rm -rf /'] },
    'cleanup.0',
    /"rm -rf \/" is no clean-up hook\. Write a function, or \{command/,
  ],
  [{ cleanup: [{ command: 'rm -rf /' }] }, 'cleanup.0.command', /is not an argv/],
  [{ cleanup: [{ command: ['rm'], when: 'now' }] }, 'cleanup.0.when', /no such field/],
  [{ tmp: '/tmp' }, 'tmp', /boolean/],
  [{ budget: {} }, 'budget', /at least one of/],
  [{ budget: { turns: 0 } }, 'budget.turns', /more than 0/],
  [{ budget: { tokens: 1.5 } }, 'budget.tokens', /whole number/],
  [{ budget: { usd: '5' } }, 'budget.usd', /a number.*"5"/],
  [{ budget: { hours: 1 } }, 'budget.hours', /no such field in budget/],
  [{ lane: '' }, 'lane', /between 1 and 256/],
  [{ lane: 'a', onConflict: 'wait' }, 'onConflict', /"reject", "replace", "queue".*"wait"/],
  [{ onSupervisorDeath: 'forget' }, 'onSupervisorDeath', /must be "end" or "adopt"/],
  [{ adoptFor: 0 }, 'adoptFor', /more than 0/],
  [{ stdin: 'pipe' }, 'stdin', /"closed", "open".*"pipe"/],
  [{ onConflict: 'queue' }, 'onConflict', /there is no lane\. Add `lane`, or leave it out/],
]

t.test('a spec: its field, the value, the way out; nothing is started, no name is taken', async (t) => {
  const c = await inlineCrew(t)
  for (const [part, field, message] of SPECS) {
    const spec = { command: ['true'], name: 'free', ...(part as object) }
    if (Object.keys(part as object).length === 0) delete (spec as Partial<AgentSpec>).command
    const error = await refusal(() => c.spawn(spec as AgentSpec), 'invalid_spec')
    t.equal(error.field, field)
    t.match(error.message, message)
    t.ok(error.message.startsWith(`${field}: `), error.message)
    t.notMatch(error.message, /secret|12345/, 'no value of an environment is shown')
  }
  for (const spec of [null, undefined, 7, 'ls', []])
    await refusal(() => c.spawn(spec as unknown as AgentSpec), 'invalid_spec')
  t.same(c.list(), [])
  await c.spawn({ name: 'free', command: ['true'] }).ended
})

t.test('options of calls: what is misspelt is refused, and nothing happens', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ command: FOREVER })
  await agent.ready
  const wrong = (value: unknown) => value as object
  for (const ask of [
    () => agent.stop(wrong({ grac: 1 })),
    () => agent.stop({ grace: 'soon' }),
    () => agent.stop({ grace: -1 }),
    () => agent.stop(wrong({ by: 5 })),
    () => agent.stop(wrong(null)),
    () => agent.kill(wrong({ grace: 1 })),
    () => agent.restart(wrong({ grac: 1 })),
    () => c.stop(wrong({ timeot: 1 })),
    () => c.stop(wrong(null)),
    () => c.stop(wrong(5)),
    // Of a handle there is nothing to be read: that is no wish to stop them all.
    () => c.stop(agent as object),
    () => c.stop(wrong(new Map())),
    // A name that is not there is none: it is not all of them.
    () => c.stop(undefined as unknown as string, { grace: 1 }),
    () => c.stop(wrong({ timeout: 1 }) as { task: string }, { grace: 1 }),
    () => c.list(wrong({ nam: 'x' })),
    () => c.list(wrong({ state: 'runing' })),
    () => c.records(wrong({ nam: 'x' })),
    () => agent.logs(wrong({ sinse: 1 })),
    () => c.remove(agent.id, wrong({ hist: true })),
    () => c.on('transitions' as 'note', () => {}),
    () => c.on('note', undefined as unknown as () => void),
    () => agent.on('warning' as 'note', () => {}),
    () => agent.heartbeat({ type: 'x' }),
  ])
    t.match(await refusal(ask, 'invalid_spec'), { field: String, message: /.+: .+/ }, String(ask))
  // An answer that is awaited is never thrown before it can be.
  for (const ask of [
    () => c.stop('nobody'),
    () => c.cancel('nobody'),
    () => c.kill('nobody'),
    () => c.restart('nobody'),
    () => c.health('nobody'),
    () => c.send('nobody', ''),
    () => c.history('nobody'),
    () => c.stop(wrong(agent)),
  ])
    t.match(await ask().catch((error) => error), { code: /^(agent_not_found|invalid_spec)$/ }, String(ask))
  t.equal(agent.state, 'running')
})

t.test('options of createSupervisor', async (t) => {
  const home = join(temporaryFolder(t), 'home')
  const wrong: readonly (readonly [options: object, field: string])[] = [
    [{ hoem: '/tmp' }, 'hoem'],
    [{ registry: {} }, 'registry'],
    [{ sinks: {} }, 'sinks'],
    [{ sinks: [{}] }, 'sinks.0'],
    [{ home: 5 }, 'home'],
    [{ launcher: 'outline' }, 'launcher'],
    [{ intensity: { restarts: 1 } }, 'intensity'],
    [{ clock: {} }, 'clock'],
    [{ inspect: 5 }, 'inspect'],
    [{ admission: {} }, 'admission'],
    [{ defaults: { comand: ['x'] } }, 'comand'],
    [{ defaults: { name: 'x' } }, 'name'],
  ]
  for (const [options, field] of wrong) {
    const error = await refusal(() => createSupervisor({ home, ...options }), 'invalid_spec')
    t.match(error.field, new RegExp(`${field}$`))
  }
})

t.test('the environment of the host can be handed on as it is', async (t) => {
  const c = await inlineCrew(t)
  const agent = c.spawn({ command: ['true'], env: process.env as Record<string, string> })
  t.equal((await agent.ended).state, 'completed')
})

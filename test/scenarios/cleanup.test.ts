import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  alive,
  FOREVER,
  fixture,
  host,
  inlineCrew,
  notesOf,
  nothingIsLeft,
  pidsFrom,
  remember,
  said,
  soon,
  temporaryFolder,
  until,
  untilDead,
} from '../support.ts'

nothingIsLeft(t)

t.test(
  '12. of three hooks one throws and one never returns: both are cleanup_failed, the third runs, the agent ends',
  async (t) => {
    const c = await inlineCrew(t)
    const ran: string[] = []
    const agent = c.spawn({
      command: FOREVER,
      cleanupTimeout: '200ms',
      cleanup: [
        function throws() {
          ran.push('throws')
          throw new Error('no such database')
        },
        () => new Promise(() => ran.push('hangs')),
        async (record) => {
          ran.push(`${record.id} ${record.state} ${record.exit?.signal}`)
        },
      ],
    })
    await agent.ready
    const result = await soon(agent.stop(), 'stopped')
    t.equal(result.success, true)
    t.same(ran, ['throws', 'hangs', `${agent.id} reaping SIGTERM`], 'one after another, with the record')
    t.match(agent.record.cleanupErrors, [
      { code: 'cleanup_failed', message: /hook 1 \(throws\) failed: no such database/ },
      { code: 'cleanup_failed', message: /hook 2.* did not end within 200 ms/ },
    ])
    t.equal(agent.state, 'killed')
    t.equal(agent.record.error, null, 'an end is not spoilt by its clean-up')
    t.equal(notesOf(c, agent, 'cleanup_failed').length, 2)
  },
)

t.test('hooks run after a crash, after a failed start, and once per life', async (t) => {
  const c = await inlineCrew(t)
  const lives: number[] = []
  const cleanup = [({ incarnation }: { incarnation: number }) => lives.push(incarnation)]
  await c.spawn({ command: ['false'], cleanup }).ended
  await c.spawn({ command: ['/does/not/exist'], cleanup }).ended
  t.same(lives, [1, 1])
  const backoff = { initial: 10, jitter: 0 }
  const again = { policy: 'permanent', backoff, intensity: { restarts: 2, within: '1m' } } as const
  await c.spawn({ command: ['true'], cleanup, restart: again }).ended
  t.same(lives, [1, 1, 1, 2, 3])
})

t.test('cleanup: false leaves the hooks out, for a look afterwards', async (t) => {
  const c = await inlineCrew(t)
  let ran = 0
  const spec = { command: FOREVER, cleanup: [() => ++ran] }
  const agents = [c.spawn(spec), c.spawn(spec)] as const
  await Promise.all(agents.map(({ ready }) => ready))
  await agents[0].stop({ cleanup: false })
  await agents[1].kill({ cleanup: false })
  t.equal(ran, 0)
})

t.test('a hook that hangs holds up neither another agent nor a spawn', async (t) => {
  const c = await inlineCrew(t)
  let goOn = (): void => {}
  const hangs = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const agent = c.spawn({ command: ['true'], cleanup: [() => hangs], cleanupTimeout: '1m' })
  await until(() => agent.state === 'reaping' || null, { what: 'reaping' })
  const other = c.spawn({ command: FOREVER })
  await soon(other.ready, 'the other is ready')
  await soon(other.stop(), 'the other is stopped')
  t.equal(agent.state, 'reaping')
  t.equal(c.get(agent.name), agent, 'its name is its own until the end')
  goOn()
})

t.test(
  'a hook that stops its own supervisor, or waits for its own end, is bounded by cleanupTimeout',
  async (t) => {
    const c = await inlineCrew(t)
    const waits = c.spawn({
      command: ['true'],
      cleanup: [(r) => c.get(r.id)?.ended],
      cleanupTimeout: '200ms',
    })
    t.match((await soon(waits.ended, 'ended')).cleanupErrors, [{ message: /within 200 ms/ }])
    const stops = c.spawn({ command: ['true'], cleanup: [() => c.stop()], cleanupTimeout: '200ms' })
    t.match((await soon(stops.ended, 'ended')).cleanupErrors, [{ message: /within 200 ms/ }])
    t.match(await soon(c.stop(), 'supervisor stopped'), { timedOut: false, escaped: [] })
  },
)

t.test('cleanupTimeout: 0 does not silently leave the hooks out', async (t) => {
  const c = await inlineCrew(t)
  let ran = false
  try {
    const hook = () => {
      ran = true
    }
    const agent = c.spawn({ command: ['true'], cleanup: [hook], cleanupTimeout: 0 })
    await agent.ended
    t.ok(ran, 'it ran, or was refused at the door')
  } catch (error) {
    t.match(error, { code: 'invalid_spec', field: 'cleanupTimeout' })
  }
})

t.test(
  'hooks that are commands run in their turn, with the end in their environment, their words in the log',
  async (t) => {
    const c = await inlineCrew(t)
    const told = join(c.folder, 'told')
    const tells = (what: string) => ({ command: ['sh', '-c', `echo "${what}" >> ${told}; echo tidied`] })
    const words =
      'one $REEVE_AGENT_NAME $REEVE_INCARNATION $REEVE_EXIT_CODE/$REEVE_EXIT_SIGNAL/$REEVE_REASON $OWN $PWD'
    const spec = {
      command: ['sh', '-c', 'exit 3'],
      cwd: c.folder,
      env: { OWN: 'own' },
      cleanup: [tells(words), () => writeFileSync(told, 'two\n', { flag: 'a' }), tells('three')],
    } as const
    const crashed = await c.spawn({ ...spec, name: 'crashes' }).ended
    t.equal(readFileSync(told, 'utf8'), `one crashes 1 3// own ${c.folder}\ntwo\nthree\n`)
    t.equal(readFileSync(crashed.logFile, 'utf8'), 'tidied\ntidied\n')
    t.same(crashed.cleanupErrors, [])
    const stopped = c.spawn({ ...spec, name: 'stopped', command: FOREVER, cleanup: [tells(words)] })
    await stopped.ready
    await stopped.stop()
    t.match(readFileSync(told, 'utf8'), /one stopped 1 \/SIGTERM\/user own/)
  },
)

t.test(
  'a command that fails, one that cannot be run and one that hangs are cleanup_failed and stop no other',
  async (t) => {
    const c = await inlineCrew(t)
    const [pids, ran] = [join(c.folder, 'pids'), join(c.folder, 'ran')]
    const agent = c.spawn({
      command: ['true'],
      cleanupTimeout: '400ms',
      cleanup: [
        { command: ['sh', '-c', 'echo "fatal: no such tree" >&2; exit 128'] },
        { command: ['/does/not/exist'] },
        { command: ['true'], cwd: 'not-there' },
        { command: [fixture('three-levels.sh'), pids] },
        { command: ['touch', ran] },
      ],
    })
    const tree = await pidsFrom(pids, 3)
    remember(...tree)
    const record = await soon(agent.ended, 'ended')
    t.match(
      record.cleanupErrors.map(({ code, message }) => `${code} ${message}`),
      [
        /^cleanup_failed clean-up hook 1 \(sh\): it exited with code 128: fatal: no such tree$/,
        /^cleanup_failed clean-up hook 2 \(\/does\/not\/exist\): \/does\/not\/exist does not exist/,
        /^cleanup_failed clean-up hook 3 \(true\): cwd .*not-there does not exist/,
        /^cleanup_failed clean-up hook 4 \(.*three-levels.sh\): it did not end within 400 ms/,
      ],
    )
    t.ok(!tree.some(alive), 'what hung is gone with its whole tree before the agent has ended')
    t.ok(existsSync(ran))
    t.equal(record.state, 'completed')
  },
)

t.test('tmp: a folder for each life, gone at its end with all in it; cleanup: false leaves it', async (t) => {
  const c = await inlineCrew(t)
  const precious = join(c.folder, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'kept'), 'x')
  const seen: string[] = []
  const backoff = { initial: 1, jitter: 0 }
  const restart = { policy: 'permanent', backoff, intensity: { restarts: 1, within: '1m' } } as const
  await c.spawn({
    command: [
      'sh',
      '-c',
      'ls -A "$REEVE_TMP" | wc -l; echo x > "$REEVE_TMP/x"; mkdir -p "$REEVE_TMP/a/b"; chmod 0 "$REEVE_TMP/a"; ln -s "$0" "$REEVE_TMP/link"',
      precious,
    ],
    tmp: true,
    restart,
    cleanup: [
      ({ id, incarnation }) => seen.push(...readdirSync(join(c.home, 'tmp', `${id}.${incarnation}`)).sort()),
    ],
  }).ended
  t.same(seen, ['a', 'link', 'x', 'a', 'link', 'x'], 'hooks still see it; each life has a new one')
  t.same(readdirSync(join(c.home, 'tmp')), [])
  t.ok(existsSync(join(precious, 'kept')), 'no link is followed')

  const left = c.spawn({
    id: 'left',
    command: FOREVER,
    tmp: true,
    cleanup: [{ command: ['touch', join(c.folder, 'ran')] }],
  })
  await left.ready
  await left.kill({ cleanup: false })
  t.same(readdirSync(join(c.home, 'tmp')), ['left.1'])
  t.notOk(existsSync(join(c.folder, 'ran')))
  await c.remove('left')
  t.same(readdirSync(join(c.home, 'tmp')), [], 'removed with its record')
  await c.spawn({ command: ['/does/not/exist'], tmp: true }).ended
  t.same(readdirSync(join(c.home, 'tmp')), [], 'of one that never came too')
})

const HOST = `
  const supervisor = await reeve.createSupervisor({ home: process.env.HOME_GIVEN })
  const touch = (what) => ({ command: ['sh', '-c', 'echo "$0 $REEVE_REASON" >> ' + process.env.TOLD, what] })
  const agents = [
    supervisor.spawn({ id: 'lives', command: [FIXTURES + '/runs-forever.sh'], tmp: true, cleanup: [touch('one'), touch('two')] }),
    supervisor.spawn({ id: 'kept', command: [FIXTURES + '/sleeps-through-sigterm.sh'], ready: { line: 'ready' }, tmp: true, cleanup: [touch('never')], stop: [{ signal: 'SIGTERM', wait: 700 }] }),
    supervisor.spawn({ id: 'cleans', command: ['true'], tmp: true, cleanup: [{ command: ['sh', '-c', 'echo $$ > ' + process.env.PIDS + '; sleep 0.7; echo first >> ' + process.env.TOLD] }, touch('second')] }),
  ]
  await Promise.all(agents.map((agent) => agent.ready))
  const rung = new Promise((resolve) => supervisor.on('note', ({ event }) => event === 'rung' && resolve()))
  agents[1].stop({ cleanup: false })
  await rung
  say('pids', agents.slice(0, 2).map((agent) => agent.pid).join(' '))
`

t.test(
  'a supervisor that dies: its launcher runs what was not begun, once, and leaves what was to be left',
  async (t) => {
    const folder = temporaryFolder(t)
    const env = { HOME_GIVEN: join(folder, 'home'), TOLD: join(folder, 'told'), PIDS: join(folder, 'pids') }
    const h = host(t, HOST, env)
    const pids = (await said(h, 'pids')).split(' ').map(Number)
    remember(...pids, ...(await pidsFrom(env.PIDS)))
    h.signal('SIGKILL')
    await h.exited
    await untilDead(pids)
    const lines = () =>
      existsSync(env.TOLD) ? readFileSync(env.TOLD, 'utf8').split('\n').filter(Boolean).sort() : []
    await until(() => lines().length >= 4 || null, { what: 'four lines of hooks' })
    t.same(lines(), ['first', 'one shutdown', 'second ', 'two shutdown'])
    const tmp = join(env.HOME_GIVEN, 'tmp')
    await until(() => readdirSync(tmp).length === 1 || null, { what: 'the folders are gone, but for one' })
    t.same(readdirSync(tmp), ['kept.1'])
  },
)

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  alive,
  fixture,
  type Host,
  host,
  nothingIsLeft,
  pidsFrom,
  remember,
  said,
  temporaryFolder,
  until,
  untilDead,
} from '../support.ts'

nothingIsLeft(t)

const HOST = `
  const supervisor = await reeve.createSupervisor(process.env.GIVEN ? { home: process.env.GIVEN } : {})
  const run = (...argv) => ({ command: [FIXTURES + '/' + argv[0], ...argv.slice(1)] })
  const rungs = { stop: [{ signal: 'SIGTERM', wait: 500 }] }
  const agents = [
    supervisor.spawn({ ...run('runs-forever.sh') }),
    supervisor.spawn({ ...run('sleeps-through-sigterm.sh'), ready: { line: 'ready' }, ...rungs }),
    supervisor.spawn({ ...run('three-levels.sh', process.env.PIDS), ...rungs }),
    supervisor.spawn({ ...run('starts-setsid-child.sh', process.env.SETSID), ...rungs }),
  ]
  await Promise.all(agents.map((agent) => agent.ready))
  say('home', supervisor.home)
  say('pids', agents.map((agent) => agent.pid).join(' '))
  agents[0].ended.then(() => say('ended'))
`
type Way = { readonly on?: 'group' | 'terminal'; readonly end: (h: Host) => void }
const WAYS: Record<string, Way> = {
  'SIGKILL of the host': { end: (h) => h.signal('SIGKILL') },
  'SIGTERM of the host': { end: (h) => h.signal('SIGTERM') },
  'SIGSEGV of the host': { end: (h) => h.signal('SIGSEGV') },
  'SIGKILL of its whole process group': { on: 'group', end: (h) => void process.kill(-h.pid, 'SIGKILL') },
  'Ctrl-C on its terminal': { on: 'terminal', end: (h) => h.type('\u0003') },
  'its terminal hangs up': { on: 'terminal', end: (h) => h.signal('SIGKILL') },
}

t.jobs = 3
for (const [way, { on = 'pipes', end }] of Object.entries(WAYS)) {
  t.test(`30. ${way}: no agent is alive 1 s + grace later, the home made for it is gone`, async (t) => {
    const folder = temporaryFolder(t)
    const state = join(folder, 'state')
    const env = { REEVE_HOME: state, PIDS: join(folder, 'pids'), SETSID: join(folder, 'setsid') }
    const h = host(t, HOST, env, { on })
    const home = await said(h, 'home')
    t.ok(home.startsWith(join(state, 'run')))
    const pids = (await said(h, 'pids')).split(' ').map(Number)
    pids.push(...(await pidsFrom(env.PIDS, 3)), ...(await pidsFrom(env.SETSID)))
    remember(...pids)
    t.ok(pids.every(alive))
    end(h)
    await h.exited
    await untilDead(pids, 10_000)
    await until(() => !existsSync(home) || null, { what: 'the home is gone' })
    t.same(readdirSync(join(state, 'run')), [])
  })
}

t.test('a home that was given stays, its sockets do not', async (t) => {
  const folder = temporaryFolder(t)
  const given = join(folder, 'home')
  const h = host(t, HOST, { GIVEN: given, PIDS: join(folder, 'pids'), SETSID: join(folder, 'setsid') })
  const pids = (await said(h, 'pids')).split(' ').map(Number)
  pids.push(...(await pidsFrom(join(folder, 'pids'), 3)))
  remember(...pids)
  h.signal('SIGKILL')
  await untilDead(pids, 10_000)
  await until(() => readdirSync(given).filter((name) => name.endsWith('.sock')).length === 0 || null, {
    what: 'no socket is left',
  })
  t.ok(existsSync(join(given, 'logs')))
})

t.test('process.exit() and a fault of the host end its agents as well', async (t) => {
  for (const last of ['process.exit(3)', 'throw new Error("a fault of the host")']) {
    const folder = temporaryFolder(t)
    const h = host(t, `${HOST}\n${last}`, {
      REEVE_HOME: folder,
      PIDS: join(folder, 'pids'),
      SETSID: join(folder, 'setsid'),
    })
    const pids = (await said(h, 'pids')).split(' ').map(Number)
    remember(...pids)
    t.not((await h.exited).code, 0)
    await untilDead(pids, 10_000)
  }
})

t.test('SIGKILL while agents are starting by the dozen: none is left', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'pids')
  const h = host(
    t,
    `const s = await reeve.createSupervisor()
     for (let i = 0; i < 40; i += 1) s.spawn({ command: [FIXTURES + '/appends-pid.sh', process.env.PIDS] })
     await new Promise((resolve) => setTimeout(resolve, Number(process.env.AFTER)))
     process.kill(process.pid, 'SIGKILL')`,
    { REEVE_HOME: folder, PIDS: file, AFTER: '25' },
  )
  t.equal((await h.exited).signal, 'SIGKILL')
  await until(() => readdirSync(join(folder, 'run')).length === 0 || null, { what: 'the launcher has left' })
  if (existsSync(file)) {
    const pids = await pidsFrom(file, 0)
    t.same(pids.filter(alive), [])
  }
  t.ok(fixture('appends-pid.sh'))
})

import { spawn } from 'node:child_process'
import t from 'tap'
import { identityOf, isAlive, readStat } from '../../src/process/identity.ts'
import { signalProcess, signalTree } from '../../src/process/signals.ts'
import { Spared } from '../../src/process/spared.ts'
import { both, fixture, mustIdentify, pidsIn, temporaryFolder, until, untilDead } from './rig.ts'

t.test('Reeve itself, its ancestors and init are spared', async (t) => {
  const spared = new Spared()
  for (const pid of [process.pid, process.ppid, 1])
    t.equal(signalProcess(mustIdentify(pid), 'SIGCONT', spared), 'spared', String(pid))
  const self = readStat(process.pid)
  const all = self === undefined ? [] : [self]
  t.same(signalTree(process.pid, all, 'SIGCONT', spared).reached, [])
  t.same(signalTree(spared.ownGroup, all, 'SIGCONT', spared).reached, [], 'nor is our own group signalled')
})

t.test('a group with no verified member is not signalled', async (t) => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true })
  t.teardown(() => child.kill('SIGKILL'))
  const pid = child.pid as number
  const stat = readStat(pid)
  if (stat === undefined) throw new Error('no child')
  const before = { ...stat, startTime: stat.startTime - 1 }
  t.same(signalTree(pid, [before], 'SIGKILL', new Spared()).reached, [])
  t.ok(isAlive(identityOf(stat)), 'a stranger with that group number lives on')
  t.same(signalTree(pid, [stat], 'SIGKILL', new Spared()).reached, [{ pid, where: 'leader' }])
  await untilDead(identityOf(stat))
})

t.test(
  'another user refuses',
  { skip: process.geteuid?.() === 0 && 'root may signal everyone' },
  async (t) => {
    t.equal(signalProcess(mustIdentify(2), 'SIGCONT', new Spared()), 'denied')
  },
)

both(t, 'a stopped tree takes SIGTERM, for SIGCONT follows it', async (t, rig) => {
  const order = rig.order([fixture('runs-forever.sh')])
  const leader = await rig.spawn(order)
  rig.launcher.signal(order, 'SIGSTOP')
  await until('it is stopped', () => readStat(leader.pid)?.state === 'T')
  rig.launcher.signal(order, 'SIGTERM')
  t.same((await rig.answer('EXITED', order)).exit, { code: null, signal: 'SIGTERM' })
})

both(t, 'a signal reaches the group, and who has left it', async (t, rig) => {
  const file = `${temporaryFolder(t)}/pid`
  const order = rig.order([fixture('starts-setsid-child.sh'), file])
  const leader = await rig.spawn(order)
  const [stray = 0] = await pidsIn(file)
  const strayIdentity = mustIdentify(stray)
  rig.launcher.signal(order, 'SIGTERM')
  t.same((await rig.answer('SIGNALLED', order)).signalled, [
    { pid: leader.pid, where: 'leader' },
    { pid: stray, where: 'own_session' },
  ])
  await rig.answer('EXITED', order)
  await untilDead(strayIdentity)
})

both(t, 'a signal to a life that is over, or was never known, reaches nobody', async (t, rig) => {
  const order = rig.order([fixture('exits-with.sh'), '0'])
  await rig.spawn(order)
  await rig.answer('EXITED', order)
  rig.launcher.signal(order, 'SIGTERM')
  t.same((await rig.answer('SIGNALLED', order)).signalled, [])
  const unknown = { agentId: 'nobody', incarnation: 7 }
  rig.launcher.signal(unknown, 'SIGKILL')
  rig.launcher.sweep(unknown, { gentle: true, killWaitMs: 100 })
  t.same((await rig.answer('SIGNALLED', unknown)).signalled, [])
  t.match(await rig.answer('SWEPT', unknown), { swept: [], escaped: [] })
  t.same(await rig.launcher.usage([unknown]), [])
  rig.launcher.release(unknown)
})

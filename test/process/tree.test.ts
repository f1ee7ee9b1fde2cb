import { existsSync } from 'node:fs'
import t from 'tap'
import { realClock } from '../../src/clock.ts'
import { held } from '../../src/process/held.ts'
import { identityOf, isAlive } from '../../src/process/identity.ts'
import { MarkerPass, markersIn } from '../../src/process/marker-pass.ts'
import { both, fixture, mustIdentify, pidsIn, temporaryFolder, until, untilDead } from './rig.ts'

t.test('only a whole entry of the environment is a marker', async (t) => {
  const markers = (...entries: string[]) => [...markersIn(Buffer.from(`${entries.join('\0')}\0`))]
  t.same(markers('A=1', 'REEVE_LIFE=abc', 'B=2'), ['abc'])
  t.same(markers('REEVE_LIFE=abc'), ['abc'])
  t.same(markers('X=REEVE_LIFE=abc', 'XREEVE_LIFE=abc'), [])
  t.same(markers('REEVE_LIFE=abc', 'REEVE_LIFE=def'), ['abc', 'def'])
  t.same([...markersIn(Buffer.from('REEVE_LIFE=abc'))], ['abc'], 'without the last NUL')
})

both(t, 'three levels, two of which ignore SIGTERM: SIGKILL ends all', async (t, rig) => {
  const file = `${temporaryFolder(t)}/pids`
  const order = rig.order([fixture('three-levels.sh'), file])
  await rig.spawn(order)
  const tree = (await pidsIn(file)).map(mustIdentify)
  t.equal(tree.length, 3)
  rig.launcher.signal(order, 'SIGTERM')
  const reached = (await rig.answer('SIGNALLED', order)).signalled.map(({ pid }) => pid)
  t.ok(
    tree.every(({ pid }) => reached.includes(pid)),
    'the signal names all three',
  )
  rig.launcher.signal(order, 'SIGKILL')
  t.same((await rig.answer('EXITED', order)).exit, { code: null, signal: 'SIGKILL' })
  for (const process of tree) await untilDead(process)
})

both(t, 'one that double-forked into its own session is found by its marker', async (t, rig) => {
  const file = `${temporaryFolder(t)}/pid`
  const order = rig.order([fixture('double-forks.sh'), file, 'exit'])
  await rig.spawn(order)
  const stray = mustIdentify((await pidsIn(file))[0] as number)
  t.same((await rig.answer('EXITED', order)).exit, { code: 0, signal: null })
  t.ok(isAlive(stray))
  rig.launcher.sweep(order, { gentle: true, killWaitMs: 3000 })
  t.match(await rig.answer('SWEPT', order), { swept: [stray.pid], escaped: [] })
  t.notOk(isAlive(stray))
})

both(t, 'one that cleared its environment is found in its session', async (t, rig) => {
  const file = `${temporaryFolder(t)}/pid`
  const order = rig.order([fixture('clears-environment.sh'), file])
  await rig.spawn(order)
  const left = mustIdentify((await pidsIn(file))[0] as number)
  await rig.answer('EXITED', order)
  rig.launcher.sweep(order, { gentle: false, killWaitMs: 3000 })
  t.match(await rig.answer('SWEPT', order), { swept: [left.pid], escaped: [] })
  t.notOk(isAlive(left))
})

both(t, 'one that hands over to a new process and session, again and again, is caught', async (t, rig) => {
  const order = rig.order([fixture('runs-away.sh')])
  await rig.spawn(order)
  await rig.answer('EXITED', order)
  rig.launcher.sweep(order, { gentle: false, killWaitMs: 3000 })
  t.match(await rig.answer('SWEPT', order), { escaped: [] })
})

both(t, 'what is left gets SIGTERM and its time, in a gentle sweep', async (t, rig) => {
  const file = `${temporaryFolder(t)}/tidied`
  const order = rig.order([fixture('writes-on-sigterm.sh'), file])
  await rig.spawn(order)
  await rig.answer('EXITED', order)
  rig.launcher.sweep(order, { gentle: true, killWaitMs: 3000 })
  const { swept, escaped } = await rig.answer('SWEPT', order)
  t.ok(swept.length > 0)
  t.same(escaped, [])
  t.ok(existsSync(file), 'it tidied up')
})

both(t, 'what ignores SIGTERM is killed after a second; a second sweep does not wait', async (t, rig) => {
  const slow = rig.order(['sh', '-c', `setsid ${fixture('ignores-sigterm.sh')} & sleep 0.1`])
  const hastened = rig.order(['sh', '-c', `setsid ${fixture('ignores-sigterm.sh')} & sleep 0.1`])
  for (const order of [slow, hastened]) await rig.spawn(order)
  for (const order of [slow, hastened]) await rig.answer('EXITED', order)
  const start = realClock.now()
  for (const order of [slow, hastened]) rig.launcher.sweep(order, { gentle: true, killWaitMs: 3000 })
  rig.launcher.sweep(hastened, { gentle: false, killWaitMs: 3000 })
  t.match(await rig.answer('SWEPT', hastened), { escaped: [] })
  t.match(await rig.answer('SWEPT', slow), { escaped: [] })
  const swept = rig.answers.filter(({ type }) => type === 'SWEPT').map(({ agentId }) => agentId)
  t.same(swept, [hastened.agentId, slow.agentId], 'the hastened one first')
  t.ok(realClock.now() - start >= 1000, 'the other had its second')
  t.equal(rig.of(hastened).filter(({ type }) => type === 'SWEPT').length, 1, 'one answer for both sweeps')
})

both(t, 'with detachOk a session of its own lives on, and has not escaped', async (t, rig) => {
  const file = `${temporaryFolder(t)}/pid`
  const order = rig.order([fixture('starts-setsid-child.sh'), file], { detachOk: true })
  const leader = await rig.spawn(order)
  const detached = mustIdentify((await pidsIn(file))[0] as number)
  t.teardown(() => isAlive(detached) && process.kill(detached.pid, 'SIGKILL'))
  rig.launcher.signal(order, 'SIGKILL')
  t.same((await rig.answer('SIGNALLED', order)).signalled, [{ pid: leader.pid, where: 'leader' }])
  await rig.answer('EXITED', order)
  rig.launcher.sweep(order, { gentle: false, killWaitMs: 500 })
  t.match(await rig.answer('SWEPT', order), { swept: [], escaped: [] })
  t.ok(isAlive(detached))
  process.kill(detached.pid, 'SIGKILL')
  await untilDead(detached)
})

both(t, 'the CPU of a whole tree is counted', async (t, rig) => {
  const order = rig.order([fixture('burns-cpu.sh')])
  const idle = rig.order([fixture('runs-forever.sh')])
  await rig.spawn(order)
  await rig.spawn(idle)
  const look = async () => (await rig.launcher.usage([order, idle])).map(({ cpuMs }) => cpuMs)
  let seen: number[] = []
  const looking = setInterval(() => {
    void look().then((usage) => {
      seen = usage
    })
  }, 20)
  await until('100 ms of CPU', () => (seen[0] ?? 0) >= 100)
  clearInterval(looking)
  t.ok((seen[1] ?? 1000) < 50, 'an idle one used next to nothing')
  t.match(await rig.launcher.usage([order]), [{ agentId: order.agentId, incarnation: 1, processes: 2 }])
})

both(
  t,
  'one pass tells what every tree uses: those in the session and those that left it too',
  async (t, rig) => {
    const file = `${temporaryFolder(t)}/pids`
    const orders = [
      rig.order([fixture('burns-cpu.sh')]),
      rig.order(['sh', '-c', '(sleep 1000 &); exec sleep 1000']),
      rig.order([fixture('starts-setsid-child.sh'), file]),
      rig.order([fixture('runs-forever.sh')]),
    ] as const
    for (const order of orders) await rig.spawn(order)
    await pidsIn(file)
    const vitals = async () => rig.launcher.vitals(orders, { exact: false })
    let counts: number[] = []
    for (let look = 0; look < 500 && `${counts}` !== '2,2,2,1'; look += 1)
      counts = (await vitals()).map(({ processes }) => processes)
    t.same(counts, [2, 2, 2, 1])
    let seen = await rig.launcher.vitals(orders, { exact: true })
    // One that is just becoming another program has no memory for a moment, and grows between two readings.
    const settled = () =>
      seen.every(({ memoryBytes, exactBytes = 0 }) => exactBytes > 0 && exactBytes <= memoryBytes)
    for (let look = 0; look < 500 && !settled(); look += 1)
      seen = await rig.launcher.vitals(orders, { exact: true })
    t.same(
      seen.map(({ agentId }) => agentId),
      orders.map(({ agentId }) => agentId),
    )
    for (const { memoryBytes, exactBytes = 0, ageMs } of seen) {
      t.ok(memoryBytes > 100 * 1024 && memoryBytes < 100 * 2 ** 20, `${memoryBytes} bytes of a shell or two`)
      t.ok(exactBytes > 0 && exactBytes <= memoryBytes, 'what is shared counts once')
      t.ok(ageMs >= 0 && ageMs < 60_000)
    }
    t.same(await rig.launcher.vitals([], { exact: false }), [])
    t.same(await rig.launcher.vitals([{ agentId: 'nobody', incarnation: 1 }], { exact: false }), [])
  },
)

t.test('200 hunts of one moment share a pass', async (t) => {
  const pass = new MarkerPass(realClock)
  const hunts = Array.from({ length: 200 }, (_, i) => pass.find({ marker: `none${i}`, notBefore: 0 }))
  const start = realClock.now()
  t.same((await held(Promise.all(hunts))).flat().map(identityOf), [])
  t.comment(`200 hunts in one pass: ${(realClock.now() - start).toFixed(1)} ms`)
})

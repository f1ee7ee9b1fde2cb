import { join } from 'node:path'
import t from 'tap'
import { realClock } from '../../src/clock.ts'
import { isAlive } from '../../src/process/identity.ts'
import { both, fixture, mustIdentify, pidsIn, temporaryFolder, until } from './rig.ts'

both(t, '100 that ignore SIGTERM are ended together, not one after another', async (t, rig) => {
  const rungs = [{ signal: 'SIGTERM', waitMs: 500 }] as const
  const orders = Array.from({ length: 100 }, () => rig.order([fixture('ignores-sigterm.sh')], { rungs }))
  for (const order of orders) rig.launcher.launch(order)
  for (const order of orders) await until('ready', () => rig.log(order).includes('ready'))
  const start = realClock.now()
  await rig.launcher.close(30_000)
  const tookMs = realClock.now() - start
  t.ok(tookMs >= 500 && tookMs < 25_000, `${tookMs.toFixed(0)} ms for a grace of 500`)
  for (const order of orders)
    t.same((await rig.answer('EXITED', order)).exit, { code: null, signal: 'SIGKILL' })
})

both(t, 'close walks each ladder: who takes the first signal never sees the next', async (t, rig) => {
  const ladder = (interruptMs: number, terminateMs: number) =>
    ({
      rungs: [
        { signal: 'SIGINT', waitMs: interruptMs },
        { signal: 'SIGTERM', waitMs: terminateMs },
      ],
    }) as const
  const willing = rig.order(['sh', '-c', 'trap "exit 3" INT; echo ready; while :; do sleep 0.02; done'], {
    ...ladder(15_000, 300),
  })
  const second = rig.order(['sh', '-c', 'trap "" INT; echo ready; while :; do sleep 0.02; done'], {
    ...ladder(300, 15_000),
  })
  const never = rig.order(['sh', '-c', 'trap "" INT TERM; echo ready; while :; do sleep 0.02; done'], {
    ...ladder(300, 300),
  })
  for (const order of [willing, second, never]) await rig.spawn(order)
  for (const order of [willing, second, never]) await until('ready', () => rig.log(order).includes('ready'))
  await rig.launcher.close(30_000)
  t.same((await rig.answer('EXITED', willing)).exit, { code: 3, signal: null })
  t.same((await rig.answer('EXITED', second)).exit, { code: null, signal: 'SIGTERM' })
  t.same((await rig.answer('EXITED', never)).exit, { code: null, signal: 'SIGKILL' })
})

both(t, 'close goes on where a ladder stood: a rung taken is not taken again', async (t, rig) => {
  const order = rig.order(['sh', '-c', 'trap "echo asked" TERM; echo ready; while :; do sleep 0.02; done'], {
    rungs: [{ signal: 'SIGTERM', waitMs: 400 }],
  })
  await rig.spawn(order)
  await until('ready', () => rig.log(order).includes('ready'))
  rig.launcher.signal(order, 'SIGTERM')
  await rig.answer('SIGNALLED', order)
  await rig.launcher.close(30_000)
  t.equal(rig.log(order).split('asked').length - 1, 1)
})

both(t, 'close sweeps what left the tree', async (t, rig) => {
  const file = join(temporaryFolder(t), 'pid')
  const order = rig.order([fixture('double-forks.sh'), file, 'stay'])
  await rig.spawn(order)
  const stray = mustIdentify((await pidsIn(file))[0] as number)
  await rig.launcher.close(30_000)
  t.notOk(isAlive(stray))
})

both(t, 'close with a limit that is too short resolves all the same', async (t, rig) => {
  const command = ['sh', '-c', 'trap "" TERM; echo ready; exec sleep 1000'] as const
  const order = rig.order(command, { rungs: [{ signal: 'SIGTERM', waitMs: 1000 }] })
  const leader = await rig.spawn(order)
  await until('ready', () => rig.log(order).includes('ready'))
  const start = realClock.now()
  await rig.launcher.close(100)
  t.ok(realClock.now() - start < 5000)
  t.ok(isAlive(leader))
  await until('it is ended by its ladder all the same', () => !isAlive(leader))
})

both(t, 'nothing is started any more while closing', async (t, rig) => {
  const closing = rig.launcher.close(30_000)
  const order = rig.order([fixture('runs-forever.sh')])
  rig.launcher.launch(order)
  await closing
  t.same(
    rig.of(order).filter(({ type }) => type === 'SPAWNED'),
    [],
  )
})

both(t, 'a life released while it lives is ended at the end', async (t, rig) => {
  const order = rig.order([fixture('runs-forever.sh')])
  const leader = await rig.spawn(order)
  rig.launcher.release(order)
  await rig.launcher.close(30_000)
  t.notOk(isAlive(leader))
  t.equal(rig.of(order).filter(({ type }) => type === 'EXITED').length, 1)
})

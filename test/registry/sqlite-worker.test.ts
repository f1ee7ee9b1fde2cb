/** The thread behind the registry: the loop stays free, a thread that dies is replaced, and nothing grows. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { promisify } from 'node:util'
import t from 'tap'
import { WorkerLink } from '../../src/registry/sqlite/link.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import { batchesOf, Writer } from '../../src/testing.ts'
import { temporaryFolder } from '../contract/place.ts'

const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)

t.test(
  'a thread that dies: what was asked is rejected, what is asked next is answered by another',
  async (t) => {
    const link = new WorkerLink({ file: join(temporaryFolder(t), 'agents.db'), retentionMs: null })
    const lines = new Writer().start('a').map((entry) => JSON.stringify(entry))
    const nowMs = Date.now()
    await link.ask({ type: 'append', lines, nowMs })
    const asked = [link.ask({ type: 'records', filter: {} }), link.ask({ type: 'history', agentId: 'a' })]
    const settled = Promise.allSettled(asked)
    await link.terminate()
    for (const result of await settled)
      t.ok(
        result.status === 'fulfilled' || result.reason.code === 'registry_unavailable',
        'answered, or told',
      )
    t.same(await link.ask({ type: 'history', agentId: 'a' }), lines)
    await link.close()
  },
)

t.test('more requests than can be answered are refused, not heaped up', async (t) => {
  const link = new WorkerLink({ file: join(temporaryFolder(t), 'agents.db'), retentionMs: null })
  const asked = Array.from({ length: 70 }, () => link.ask({ type: 'records', filter: {} }))
  const refused = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected')
  t.equal(refused.length, 6)
  await link.close()
})

t.test('an open registry holds no process; one that is being asked does', async (t) => {
  const file = JSON.stringify(join(temporaryFolder(t), 'agents.db'))
  const program = `
    const { sqliteRegistry } = await import(${here('../../src/registry/sqlite.js')})
    const { Writer } = await import(${here('../../src/testing.js')})
    const registry = sqliteRegistry(${file})
    await registry.open()
    void registry.append(new Writer().start('a')).then(() => console.log('taken'))`
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', program],
    {
      env: { ...process.env, NODE_OPTIONS: '' },
      timeout: 10_000,
    },
  )
  t.same([stdout, stderr], ['taken\n', ''])
})

t.test('50,000 entries in batches of 500: the loop goes on', async (t) => {
  const registry = sqliteRegistry(join(temporaryFolder(t), 'agents.db'))
  await registry.open()
  const writer = new Writer()
  await registry.append(writer.start('a'))
  const batches = batchesOf(writer.notes('a', 50_000), 500)
  const idle = await delayOf(() => new Promise((resolve) => setTimeout(resolve, 300)))
  const sinceMs = performance.now()
  const busy = await delayOf(async () => {
    for (const batch of batches) await registry.append(batch)
  })
  const rate = Math.round(50_000_000 / (performance.now() - sinceMs))
  const told = ({ p99, max }: Delay) => `p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`
  t.comment(`${rate} entries/s; loop delay ${told(busy)}; with nothing to do ${told(idle)}`)
  t.ok(busy.p99 < Math.max(5, 3 * idle.p99), `99 times of 100 the loop was late by ${told(busy)} at most`)
  await registry.close?.()
})

interface Delay {
  readonly p99: number
  readonly max: number
}

/** By how much, in milliseconds, the loop was late meanwhile. A shared machine is late by itself. */
async function delayOf(work: () => Promise<unknown>): Promise<Delay> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await work()
  delay.disable()
  return { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
}

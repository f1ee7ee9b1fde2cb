/** Entries without end: memory stays flat, whatever number there was. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { DURABLE, temporaryFolder } from './place.ts'

/** `REEVE_GROWTH=1000000` tries a million. */
const ENTRIES = Number(process.env.REEVE_GROWTH ?? 60_000)
const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)

/** Prints the memory of the process, in bytes, after a tenth, a half and all of the entries, and how many per second it took. */
const program = (name: string, file: string) => `
  const { DURABLE } = await import(${here('./place.js')})
  const { Writer } = await import(${here('../../lib/testing.js')})
  const registry = DURABLE[${JSON.stringify(name)}].make(${JSON.stringify(file)})
  await registry.open()
  const writer = new Writer()
  for (let i = 0; i < 20; i += 1) await registry.append(writer.start('agent-' + i))
  const told = []
  const sinceMs = performance.now()
  for (let done = 0; done < ${ENTRIES}; ) {
    await registry.append(writer.notes('agent-' + (done / 500) % 20, 500))
    done += 500
    if ([${ENTRIES / 10}, ${ENTRIES / 2}, ${ENTRIES}].includes(done)) {
      globalThis.gc()
      told.push(process.memoryUsage().rss)
    }
  }
  const rate = Math.round(${ENTRIES * 1000} / (performance.now() - sinceMs))
  await registry.close()
  console.log(JSON.stringify({ told, rate }))`

for (const [name, { file }] of Object.entries(DURABLE))
  t.test(`${name}: ${ENTRIES} entries`, async (t) => {
    const source = program(name, join(temporaryFolder(t), file))
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      '--input-type=module',
      '-e',
      source,
    ])
    const { told, rate } = JSON.parse(stdout) as { told: [number, number, number]; rate: number }
    const [first, half, last] = told.map((bytes) => Math.round(bytes / 1e6)) as [number, number, number]
    t.comment(`${first} MB after a tenth, ${half} MB after a half, ${last} MB after all; ${rate} entries/s`)
    t.ok(last - half < 40, `it grew by ${last - half} MB over the second half`)
  })

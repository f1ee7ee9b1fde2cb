/** A process is killed in the middle of its appends, again and again: what it had been told is taken is there, in order, once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { batchesOf, recordsOf, Writer } from '../../src/testing.ts'
import { DURABLE, opened, temporaryFolder } from './place.ts'

const ROUNDS = 4
const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)

/** Appends batches one after another, and says the last number after each. */
const program = (name: string, file: string) => `
  const { DURABLE } = await import(${here('./place.js')})
  const { Writer, batchesOf } = await import(${here('../../lib/testing.js')})
  const registry = DURABLE[${JSON.stringify(name)}].make(${JSON.stringify(file)})
  await registry.open()
  const writer = new Writer()
  const entries = [...writer.start('a'), ...writer.notes('a', 8_000)]
  for (const batch of batchesOf(entries, 97)) {
    await registry.append(batch)
    process.stdout.write(batch.at(-1).seq + '\\n')
  }`

for (const [name, { file, make }] of Object.entries(DURABLE))
  t.test(name, async (t) => {
    const place = join(temporaryFolder(t), file)
    const writer = new Writer()
    const entries = [...writer.start('a'), ...writer.notes('a', 8_000)]
    let told = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program(name, place)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exited = once(child, 'exit')
      // Past what earlier rounds had, then at a moment of its own.
      for await (const line of createInterface(child.stdout)) {
        const seq = Number(line)
        if (seq > told + 97 * 3) {
          told = seq
          setTimeout(() => child.kill('SIGKILL'), (round * 7) % 5)
          break
        }
      }
      child.stdout.on('data', (text) => {
        for (const seq of String(text).trim().split('\n')) told = Math.max(told, Number(seq) || 0)
      })
      child.stdout.resume()
      const [, signal] = await exited
      t.equal(signal, 'SIGKILL')

      const registry = await opened(make(place))
      const history = await registry.history('a')
      t.ok(history.length >= told, `${history.length} are there, ${told} were told`)
      t.same(history.at(-1), entries[history.length - 1], 'a beginning of what was appended')
      t.strictSame(
        history.map(({ seq }) => seq),
        entries.slice(0, history.length).map(({ seq }) => seq),
      )
      t.same(await registry.records(), recordsOf(history), 'the record is the fold of it')
      await registry.close?.()
    }
    const registry = await opened(make(place))
    for (const batch of batchesOf(entries, 500)) await registry.append(batch)
    t.same(await registry.history('a'), entries, 'all of it appended again: all of it is there, once')
    await registry.close?.()
  })

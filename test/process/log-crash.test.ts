/** Whoever rotates is killed, again and again, at no matter which instruction. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { logSize } from '../../src/process/logs.ts'
import { ended, flood, folder, hold, read, WIDTH } from './log-flood.ts'
import { DIST, fixture } from './rig.ts'

hold(t)

const ROUNDS = 50
const LINES = 600_000

async function rounds(t: Test, program: string): Promise<{ log: string; killed: number }> {
  const log = join(folder(t), 'a.log')
  const agent = flood(t, log, LINES, 12)
  const limits = JSON.stringify({ maxBytes: 512 * 1024, keep: 1000 })
  let killed = 0
  for (; killed < ROUNDS && agent.exitCode === null; killed++) {
    const child = spawn(process.execPath, [fixture('rotates-log.js'), DIST, log, limits, program], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
    child.kill('SIGKILL')
    await ended(child)
  }
  agent.kill('SIGKILL')
  await ended(agent)
  return { log, killed }
}

t.test('SIGKILL at random moments: no line is lost, none is doubled', async (t) => {
  const { log, killed } = await rounds(t, 'fallocate')
  const reading = await read(log)
  const written = Math.floor(logSize(log) / WIDTH)
  t.comment(`${killed} killed, ${written} lines`)
  t.match(reading, { first: 0, lines: written, last: written - 1, wrong: [] })
  t.ok(existsSync(`${log}.20`), 'it was rotated all the while')
})

t.test('the same without holes: none is doubled, and hardly any is lost', async (t) => {
  const { log, killed } = await rounds(t, '/no/such/fallocate')
  const reading = await read(log)
  t.comment(`${killed} killed, ${reading.lines} lines up to ${reading.last}, ${reading.wrong}`)
  const lost = (reading.last ?? 0) + 1 - reading.lines
  t.ok(lost >= 0 && lost < 200, `${lost} lines are lost`)
})

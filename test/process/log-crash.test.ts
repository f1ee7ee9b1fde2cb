/** Whoever rotates is killed, again and again, at no matter which instruction. */
import { existsSync } from 'node:fs'
import t from 'tap'
import { logSize } from '../../src/process/logs.ts'
import { hold, killedRotating, read, WIDTH } from './log-flood.ts'

hold(t)

t.test('SIGKILL at random moments: no line is lost, none is doubled', async (t) => {
  const { log, killed } = await killedRotating(t, 'fallocate', 10)
  const reading = await read(log)
  const written = Math.floor(logSize(log) / WIDTH)
  t.comment(`${killed} killed, ${written} lines`)
  // The last line may be half of one: its writer was killed too.
  t.match(reading, { first: 0, wrong: reading.lines === written ? [] : [/./] })
  t.ok(reading.lines >= written && reading.lines <= written + 1, `${reading.lines} lines of ${written}`)
  t.ok(existsSync(`${log}.10`), 'it was rotated all the while')
})

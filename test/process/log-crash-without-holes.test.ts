/** The same as `log-crash.test.ts` where holes cannot be punched: logs are copied and truncated. */
import { existsSync } from 'node:fs'
import t from 'tap'
import { hold, killedRotating, read } from './log-flood.ts'

hold(t)

t.test('SIGKILL at random moments: no line is doubled, and hardly any is lost', async (t) => {
  const { log, killed } = await killedRotating(t, '/no/such/fallocate', 10)
  const reading = await read(log)
  t.comment(`${killed} killed, ${reading.lines} lines up to ${reading.last}, ${reading.wrong}`)
  const written = (reading.last ?? 0) + 1
  const lost = written - reading.lines
  // The kernel may take the CPU away just before a truncation, and give it to the flood.
  t.ok(lost >= -1 && lost < written / 10, `${lost} of ${written} lines are lost`)
  t.ok(existsSync(`${log}.10`), 'it was truncated all the while')
})

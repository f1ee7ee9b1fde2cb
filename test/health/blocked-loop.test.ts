import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { lifeKey } from '../../machines/events.ts'
import { realClock } from '../../src/clock.ts'
import { Deadlines } from '../../src/health/deadlines.ts'
import { Reports } from '../../src/health/reports.ts'

const TIMEOUT_MS = 500
const life = { agentId: 'coder', incarnation: 1 }
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Scenario 21, with a real loop, a real agent and real time. */
t.test(
  'an agent that beats is not stalled by a loop that is blocked for four timeouts, one that stopped is',
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'reeve-blocked-'))
    const stalls: number[] = []
    let beats = 0
    const deadlines = new Deadlines({
      clock: realClock,
      look: async () => [],
      stalled: () => stalls.push(performance.now()),
      expiring: () => {},
      expired: () => {},
    })
    const reports = new Reports({
      dir,
      clock: realClock,
      onReport: (of) => {
        beats += 1
        deadlines.beat(lifeKey(of))
      },
      onRejected: (_, cause) => t.fail(cause),
      onTrouble: (message) => t.fail(message),
    })
    const path = reports.expect(life)
    const agent = spawn('sh', ['-c', 'while :; do echo beat >> "$0"; sleep 0.05; done', path], {
      stdio: 'ignore',
    })
    t.teardown(() => {
      agent.kill('SIGKILL')
      deadlines.close()
      reports.close()
      rmSync(dir, { recursive: true })
    })
    while (beats === 0) await sleep(5)
    deadlines.watch(life, { timeoutMs: TIMEOUT_MS, maxWaitMs: 60_000, sources: ['report'] })
    await sleep(100)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4 * TIMEOUT_MS)
    await sleep(2 * TIMEOUT_MS)
    t.same(stalls, [])
    t.ok(beats > 20, `${beats} beats`)

    const exited = new Promise((resolve) => agent.once('exit', resolve))
    agent.kill('SIGKILL')
    await exited
    await sleep(20)
    const beatMs = deadlines.lastBeatMs(lifeKey(life)) ?? 0
    while (stalls.length === 0 && performance.now() < beatMs + 5000) await sleep(5)
    const lateMs = (stalls[0] ?? 0) - beatMs - TIMEOUT_MS
    t.ok(lateMs >= 0 && lateMs <= 1000, `noticed ${lateMs.toFixed(1)} ms after the deadline`)
  },
)
